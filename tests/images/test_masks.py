"""A mask means what whoever made it would say that it means, whatever format and levels it came in."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from igo.images import ImageError, read_image, read_mask
from tests.builders.pictures import encode, gray_profile

SIZE = (96, 128)
ZONE = (24, 32, 72, 96)
INSIDE = np.zeros(SIZE[::-1], bool)
INSIDE[32:96, 24:72] = True
BINARY = INSIDE.astype(np.uint8) * 255


def two(no, yes, dtype=np.uint8):
    return np.where(INSIDE, yes, no).astype(dtype)


def drawn(no=0, yes=255, mode="L"):
    image = Image.new(mode, SIZE, no)
    image.paste(yes, ZONE)
    return image


def soft(radius=5):
    return drawn().filter(ImageFilter.GaussianBlur(radius))


def palette(colours, indices):
    image = Image.fromarray(indices.astype(np.uint8)).convert("P")
    image.putpalette([level for colour in colours for level in colour])
    return encode(image, "PNG")


def levels(source):
    return np.asarray(read_mask(source).image)


def notes(source):
    return "; ".join(read_mask(source).notes)


WHITE_STROKE = Image.merge("RGBA", (drawn(), drawn(), drawn(), drawn()))
"""White on nothing, as canvases in a browser give it."""
PHOTO = Image.effect_noise(SIZE, 90)
CUT_OUT = Image.merge("RGBA", (PHOTO, PHOTO.rotate(90).resize(SIZE), PHOTO.rotate(180), drawn()))
YES_AND_NO = {
    "black and white": drawn(),
    "0 and 1": two(0, 1),
    "0 and 38": two(0, 38),
    "0 and 128": two(0, 128),
    "1 and 255": two(1, 255),
    "1 and 2, as some label": two(1, 2),
    "numbers of SAM": INSIDE,
    "floats": INSIDE.astype(np.float32),
    "floats to 255": INSIDE.astype(np.float64) * 255,
    "whole numbers": INSIDE.astype(np.int64),
    "logits": np.where(INSIDE, 1.0, -1.0),
    "16 bits": two(0, 65535, np.uint16),
    "16 bits, 0 and 1": two(0, 1, np.uint16),
    "16 bits, 0 and 255": two(0, 255, np.uint16),
    "16-bit PNG of labels": encode(Image.fromarray(two(0, 3, np.uint16)), "PNG"),
    "16-bit TIFF of 8 bits": encode(Image.fromarray(two(0, 255, np.uint16)), "TIFF"),
    "float TIFF": encode(Image.fromarray(INSIDE.astype(np.float32)), "TIFF"),
    "float TIFF to 255": encode(Image.fromarray(INSIDE.astype(np.float32) * 255), "TIFF"),
    "1 bit": encode(drawn().convert("1"), "PNG"),
    "2 colours of a palette": palette([(0, 0, 0), (128, 0, 0)], INSIDE),
    "2 colours of one lightness": palette([(0, 65, 0), (128, 0, 0)], INSIDE),
    "red on black": drawn((0, 0, 0), (255, 0, 0), "RGB"),
    "CMYK": encode(drawn((0, 0, 0, 255), (0, 0, 0, 0), "CMYK"), "TIFF"),
    "GIF": encode(drawn(), "GIF"),
    "WebP": encode(drawn(), "WEBP", lossless=True),
    "JPEG": encode(drawn(), "JPEG", quality=60),
    "JPEG in colours": encode(drawn().convert("RGB"), "JPEG", quality=60),
    "JPEG of 0 and 38": encode(drawn(0, 38), "JPEG", quality=95),
    "canvas whose black is 1": np.where(~INSIDE & (np.indices(BINARY.shape).sum(0) % 7 == 0), np.uint8(0), two(1, 255)),
    "128, resampled": drawn(0, 128).resize((144, 192), Image.Resampling.BICUBIC).resize(SIZE),
    "resampled": drawn().resize((960, 1280), Image.Resampling.LANCZOS).resize(SIZE, Image.Resampling.LANCZOS),
    "white on nothing": WHITE_STROKE,
    "black on nothing": Image.merge("RGBA", (*[Image.new("L", SIZE)] * 3, drawn())),
    "black on white that nobody sees": Image.merge("RGBA", (*[drawn(255, 0)] * 3, drawn())),
    "a photo's cut-out": CUT_OUT,
    "opaque RGBA": Image.merge("RGBA", (*[drawn()] * 3, Image.new("L", SIZE, 255))),
    "gray profile": encode(drawn(), "PNG", icc_profile=gray_profile(3)),
}


@pytest.mark.parametrize("source", YES_AND_NO.values(), ids=YES_AND_NO.keys())
def test_yes_and_no_in_whatever_form(source):
    read = levels(source)
    border = np.asarray(Image.fromarray(BINARY).filter(ImageFilter.MaxFilter(17))) > 0
    core = np.asarray(Image.fromarray(BINARY).filter(ImageFilter.MinFilter(17))) > 0
    assert (read[core] == 255).all()
    assert (read[~border] == 0).all()
    assert ((read >= 128) == INSIDE).mean() > 0.995


@pytest.mark.parametrize("point", [(0, 0), (50, 60)])
@pytest.mark.parametrize("alpha", [0, 128, 254])
def test_one_point_that_is_not_opaque_changes_nothing(point, alpha):
    mask = drawn().convert("RGBA")
    mask.putpixel(point, (*mask.getpixel(point)[:3], alpha))
    np.testing.assert_array_equal(levels(mask), BINARY)
    np.testing.assert_array_equal(levels(encode(mask, "PNG")), BINARY)


@pytest.mark.parametrize("radius", [1, 3, 8])
def test_soft_masks_stay_soft(radius):
    given = np.asarray(soft(radius)).astype(int)
    for source in (soft(radius), soft(radius).convert("RGB"), given / 255, (given * 257).astype(np.uint16)):
        read = levels(source).astype(int)
        assert np.abs(read - given).max() <= 16
        between = (given > 16) & (given < 239)
        np.testing.assert_array_equal(read[between], given[between])


def test_soft_edges_of_a_label_stay_soft():
    given = np.asarray(soft(2).point(lambda level: level * 38 // 255)).astype(int)
    read = levels(Image.fromarray(given.astype(np.uint8)))
    assert len(np.unique(read)) > 10
    assert np.abs(read - given * 255 / 38).max() <= 17
    assert "its white is 38 of 255" in notes(Image.fromarray(given.astype(np.uint8)))


def test_a_ramp_is_left_as_it_is():
    ramp = Image.linear_gradient("L").resize(SIZE).point(lambda level: level * 200 // 255)
    given, read = np.asarray(ramp).astype(int), levels(ramp).astype(int)
    np.testing.assert_array_equal(read[given > 16], given[given > 16])
    assert "its lightest level is 199 of 255" in notes(ramp)


def test_transparency_that_is_drawn_on_counts_as_no():
    hidden = drawn(255).convert("RGBA")  # white where nobody sees it
    hidden.paste((0, 0, 0, 255), (0, 0, 96, 100))
    hidden.paste((255, 255, 255, 255), ZONE)
    hidden.paste((255, 255, 255, 0), (0, 100, 96, 128))
    np.testing.assert_array_equal(levels(hidden), BINARY)


def parts(*values):
    image = Image.new("L", SIZE)
    for number, value in enumerate(values):
        image.paste(value, (8 + 20 * number, 20, 26 + 20 * number, 100))
    return image


@pytest.mark.parametrize(
    "source",
    [
        parts(1, 2, 3),
        parts(5, 9),
        parts(38, 75, 113),
        parts(15, 255),
        np.asarray(parts(3, 4, 9)).astype(np.uint16),
        np.asarray(parts(3, 4, 9)).astype(np.int32),
        encode(parts(10, 20, 30), "PNG"),
        palette([(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)], np.asarray(parts(1, 2, 3))),
        Image.merge("RGB", (parts(255, 0, 9), parts(0, 255, 9), parts(0, 0, 255))),
        Image.merge("RGB", CUT_OUT.split()[:3]),
    ],
    ids=lambda source: f"{type(source).__name__}",
)
def test_a_map_of_parts_is_refused_in_one_line(source):
    with pytest.raises(ImageError, match=r"^the mask.* like a map of parts.*make one of the part") as caught:
        read_mask(source)
    assert "\n" not in str(caught.value)


def test_what_may_not_be_meant_is_noted_and_not_guessed():
    assert notes(drawn()) == notes(soft()) == notes(encode(drawn().convert("RGB"), "PNG")) == ""
    assert "black everywhere" in notes(Image.new("L", SIZE))
    assert "white everywhere" in notes(Image.new("L", SIZE, 255))
    assert "invert it if what is black was meant" in notes(drawn(255, 0))
    np.testing.assert_array_equal(levels(drawn(255, 0)), 255 - BINARY)
    assert "0 and 38, are read as no and yes" in notes(two(0, 38))
    assert "noise of a JPEG" in notes(encode(drawn().rotate(9), "JPEG", quality=40))
    assert "what is opaque is white" in notes(YES_AND_NO["black on nothing"])
    assert "invert it if what is transparent was meant" in notes(CUT_OUT)
    assert "its black is 1 of 255" in notes(YES_AND_NO["canvas whose black is 1"])
    image = drawn()
    ImageDraw.Draw(image).rectangle((0, 100, 95, 127), fill=128)
    assert "areas of 128 of 255" in notes(image)


@pytest.mark.parametrize("level", [0, 1, 9])
def test_near_black_alone_is_empty(level):
    assert not levels(Image.new("L", SIZE, level)).any()
    assert read_mask(Image.new("L", SIZE, level)).area == 0


@pytest.mark.parametrize("level", [254, 255])
def test_near_white_alone_is_full(level):
    mask = Image.new("L", SIZE, level)
    mask.putpixel((3, 3), 255)
    assert (levels(mask) == 255).all()


def test_what_is_read_again_stays_and_knows_its_source(tmp_path):
    path = tmp_path / "mask.png"
    drawn(0, 38).save(path)
    mask = read_mask(path)
    assert read_mask(mask) is mask
    assert (mask.picture.name, mask.picture.sha256) == ("mask.png", read_image(path).sha256)
    assert mask.area == pytest.approx(INSIDE.mean())
    with pytest.raises(ImageError, match="is a text file"):
        read_mask(io.BytesIO(b"no mask at all"))


ODD = [np.full((4, 4), np.nan), np.array([[-3, 1, 2]]), np.array([[0, 7, 10**6]]), np.array([["a"]])]


@pytest.mark.parametrize("array", ODD)
def test_numbers_that_mean_no_mask_are_refused(array):
    with pytest.raises(ImageError, match="expected"):
        read_mask(array)
