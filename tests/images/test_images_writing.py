"""A picture is written whole or not at all, with its text, and the text comes back."""

import io
import os
import stat

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

import igo.images.writing as writing
from igo.images import ImageError, format_of, read_image, read_text, write_image
from igo.images.texts import MAX_TEXT

RNG = np.random.default_rng(11)
COLOURS = RNG.integers(0, 256, (9, 13, 3), np.uint8)
IMAGE = Image.fromarray(COLOURS)
ALPHA = Image.fromarray(RNG.integers(0, 256, (9, 13), np.uint8))
PARAMETERS = "a red hoodie, 패션 사진 👕\nNegative prompt: blur\nSteps: 25, Seed: 7"
EVERY = ["look.png", "look.jpg", "look.jpeg", "look.webp", "LOOK.PNG"]

keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=79)
values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=400)


def refusal(*arguments, **options):
    with pytest.raises(ImageError) as caught:
        write_image(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def user_comment(path):
    with Image.open(path) as image:
        return image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)


# --- text


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "text", [{}, {"parameters": PARAMETERS, "igo": '{"seed": 7}'}, {"igo": "é"}, {"parameters": ""}]
)
def test_text_comes_back(tmp_path, name, text):
    path = tmp_path / name
    write_image(IMAGE, path, text=text)
    assert read_text(path) == text
    assert read_text(str(path)) == text
    assert read_text(path.read_bytes()) == text
    with path.open("rb") as stream:
        assert read_text(stream) == text


@pytest.mark.parametrize("name", EVERY)
def test_long_text_comes_back(tmp_path, name):
    text = {"parameters": "긴 문장, \n" * 20_000, "igo": "x" * 100_000, "more": "é" * 100_000}
    written = write_image(IMAGE, tmp_path / name, text=text)
    assert read_text(tmp_path / name) == text
    assert any("too long for EXIF" in note for note in written.notes) == (written.format == "JPEG")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.dictionaries(keys, values, max_size=4), parameters=st.none() | values)
def test_any_text_comes_back(tmp_path, suffix, text, parameters):
    text = text if parameters is None else {**text, "parameters": parameters}
    path = tmp_path / f"look{suffix}"
    write_image(Image.new("RGB", (2, 2)), path, text=text)
    assert read_text(path) == text
    assert read_image(path).image.size == (2, 2)


def test_png_text_is_what_other_tools_read(tmp_path):
    write_image(IMAGE, tmp_path / "look.png", text={"parameters": PARAMETERS, "Software": "IGO"})
    with Image.open(tmp_path / "look.png") as image:
        assert image.info["parameters"] == PARAMETERS
        assert image.info["Software"] == "IGO"


@pytest.mark.parametrize("name", ["look.jpg", "look.webp"])
def test_parameters_are_in_the_user_comment_where_other_tools_look(tmp_path, name):
    write_image(IMAGE, tmp_path / name, text={"parameters": PARAMETERS})
    assert user_comment(tmp_path / name) == b"UNICODE\0" + PARAMETERS.encode("utf-16-be")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "PNG"])
@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + PARAMETERS.encode("utf-16-be"),
        b"UNICODE\0" + PARAMETERS.encode("utf-16-le"),
        b"UNICODE\0" + PARAMETERS.encode("utf-16"),
        b"ASCII\0\0\0" + PARAMETERS.encode(),
        bytes(8) + PARAMETERS.encode(),
        PARAMETERS.encode() + b"\0",
    ],
)
def test_the_user_comment_of_other_tools_is_read(kind, comment):
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    exif[ExifTags.Base.ImageDescription] = '{"other": "tool"}'
    buffer = io.BytesIO()
    IMAGE.save(buffer, kind, exif=exif)
    assert read_text(buffer.getvalue()) == {"parameters": PARAMETERS}


def test_png_text_behind_the_pixels_is_read():
    info = PngImagePlugin.PngInfo()
    info.add_text("late", "words", zip=True)
    info.add_itxt("later", "말", zip=True)
    buffer = io.BytesIO()
    IMAGE.save(buffer, "PNG", pnginfo=info)
    data = buffer.getvalue()
    start, end = data.index(b"zTXt") - 4, data.index(b"IDAT") - 4
    assert read_text(data[:start] + data[end:-12] + data[start:end] + data[-12:]) == {"late": "words", "later": "말"}


def test_a_comment_that_is_not_ours_is_no_text():
    for comment in (
        b"Made with love",
        b"IGO text 1/1\nbroken",
        b'IGO text 1/1\n{"igo-text":{"a":1}}',
        b"IGO text 1/1\n[]",
    ):
        buffer = io.BytesIO()
        IMAGE.save(buffer, "JPEG", comment=comment)
        assert read_text(buffer.getvalue()) == {}


def test_text_of_what_is_no_picture_is_refused(tmp_path):
    for source in (tmp_path / "no.png", b"", b"words", tmp_path):
        with pytest.raises(ImageError):
            read_text(source)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ({"": "x"}, "1 to 79"),
        ({"k" * 80: "x"}, "1 to 79"),
        ({" k": "x"}, "no space"),
        ({"é": "x"}, "ASCII"),
        ({"a\nb": "x"}, "printable"),
        ({"k": "a\0b"}, "NUL"),
        ({"k": "\ud800"}, "surrogate"),
        ({"k": 7}, "is int"),
        ({7: "x"}, "under a text key"),
        ({"k": "x" * (MAX_TEXT + 1)}, "shorten"),
    ],
)
def test_text_that_can_not_be_kept_is_refused(tmp_path, text, what):
    assert what in refusal(IMAGE, tmp_path / "look.png", text=text)
    assert list(tmp_path.iterdir()) == []


# --- pixels


@pytest.mark.parametrize(("name", "options"), [("look.png", {}), ("look.webp", {"lossless": True})])
def test_exact_formats_keep_every_pixel_also_under_alpha(tmp_path, name, options):
    for alpha in (None, ALPHA):
        written = write_image(IMAGE, tmp_path / name, alpha=alpha, **options)
        assert written.exact
        assert written.notes == ()
        assert written.path == tmp_path / name
        picture = read_image(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(picture.image), COLOURS)
        assert (picture.alpha is None) == (alpha is None)
        if alpha is not None:
            np.testing.assert_array_equal(np.asarray(picture.alpha), np.asarray(alpha))


@pytest.mark.parametrize("name", ["look.jpg", "look.webp"])
def test_lossy_formats_say_so(tmp_path, name):
    smooth = Image.linear_gradient("L").convert("RGB")
    written = write_image(smooth, tmp_path / name, quality=90)
    assert not written.exact
    assert "lossy" in written.notes[0]
    assert np.abs(np.asarray(read_image(tmp_path / name).image).astype(int) - np.asarray(smooth)).max() <= 6


def test_jpeg_keeps_the_colour_of_single_pixels(tmp_path):
    stripes = Image.fromarray(np.tile(np.array([[[200, 30, 30]], [[30, 30, 200]]], np.uint8), (8, 16, 1)))
    write_image(stripes, tmp_path / "look.jpg")
    assert np.abs(np.asarray(read_image(tmp_path / "look.jpg").image).astype(int) - np.asarray(stripes)).mean() < 4


def test_jpeg_leaves_alpha_out_and_says_so(tmp_path):
    for image, alpha in ((IMAGE, ALPHA), (Image.merge("RGBA", (*IMAGE.split(), ALPHA)), None), (ALPHA, ALPHA)):
        assert "alpha is not written" in write_image(image, tmp_path / "look.jpg", alpha=alpha).notes[0]
        assert read_image(tmp_path / "look.jpg").alpha is None


@pytest.mark.parametrize("name", ["mask.png", "mask.webp"])
def test_gray_pictures_and_rgba_pictures_are_written(tmp_path, name):
    write_image(ALPHA, tmp_path / name, lossless=True)
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / name).image)[:, :, 1], np.asarray(ALPHA))
    write_image(Image.merge("RGBA", (*IMAGE.split(), ALPHA)), tmp_path / name, lossless=True)
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / name).alpha), np.asarray(ALPHA))


def test_equal_calls_give_equal_bytes_and_nothing_else_is_written(tmp_path):
    loaded = IMAGE.copy()
    loaded.info = {"icc_profile": b"x" * 200, "comment": b"private", "exif": b"Exif\0\0", "dpi": (72, 72), "gamma": 0.5}
    for name in EVERY:
        write_image(IMAGE, tmp_path / name, text={"parameters": PARAMETERS})
        first = (tmp_path / name).read_bytes()
        write_image(loaded, tmp_path / name, text={"parameters": PARAMETERS})
        assert (tmp_path / name).read_bytes() == first
    assert loaded.info["comment"] == b"private"


# --- refusals


@pytest.mark.parametrize("name", ["look", "look.gif", "look.png.bak", ".png"])
def test_an_unknown_suffix_names_those_that_are_known(tmp_path, name):
    assert "expected one of .png, .jpg, .jpeg, .webp" in refusal(IMAGE, tmp_path / name)
    assert format_of("a/b.JPEG") == "JPEG"


def test_settings_that_can_not_be_meant(tmp_path):
    path = tmp_path / "look.webp"
    assert "quality is 0" in refusal(IMAGE, path, quality=0)
    assert "quality is 9.5" in refusal(IMAGE, path, quality=9.5)
    assert "mode CMYK" in refusal(IMAGE.convert("CMYK"), path)
    assert "alpha is 1x1 in mode L" in refusal(IMAGE, path, alpha=Image.new("L", (1, 1)))
    assert "in mode RGB: expected 13x9 in mode L" in refusal(IMAGE, path, alpha=IMAGE)
    assert "mode RGBA: expected RGB or L" in refusal(IMAGE.convert("RGBA"), path, alpha=ALPHA)
    assert "at most 16383" in refusal(Image.new("RGB", (16384, 1)), path)
    assert "at most 65500" in refusal(Image.new("RGB", (65501, 1)), tmp_path / "look.jpg")
    assert "NUL" in refusal(IMAGE, "lo\0ok.png")


def test_what_stands_in_the_way_is_named(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("x")
    assert "is a folder or a device" in refusal(IMAGE, tmp_path / "folder.png")
    assert "can't be written" in refusal(IMAGE, tmp_path / "file" / "look.png")
    assert "can't be written" in refusal(IMAGE, tmp_path / f"{'long' * 99}.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


# --- whole or not at all


def test_missing_folders_are_made(tmp_path):
    write_image(IMAGE, tmp_path / "a" / "b" / "look.png")
    assert (tmp_path / "a" / "b" / "look.png").is_file()


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failure, moment):
    path = tmp_path / "look.png"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise failure

    monkeypatch.setattr(*((writing.os, "fsync") if moment == "fsync" else (writing.Path, "replace")), fail)
    with pytest.raises((ImageError, KeyboardInterrupt)):
        write_image(IMAGE, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_encoder_that_fails_touches_no_file(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("encoder error -2")

    monkeypatch.setattr(Image.Image, "save", fail)
    assert "encoder error -2" in refusal(IMAGE, tmp_path / "look.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="links and permission bits")
def test_links_are_followed_and_others_may_read_the_file(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "look.png").symlink_to(tmp_path / "real" / "look.png")
    before = os.umask(0o022)
    try:
        write_image(IMAGE, tmp_path / "look.png")
    finally:
        os.umask(before)
    assert (tmp_path / "look.png").is_symlink()
    assert stat.S_IMODE((tmp_path / "real" / "look.png").stat().st_mode) == 0o644


def test_a_large_png_is_packed_less_tightly_and_just_as_exact(tmp_path):
    picture = Image.linear_gradient("L").resize((2100, 2000)).convert("RGB")
    assert picture.width * picture.height > writing.LARGE
    write_image(picture, tmp_path / "large.png", text={"a": "b"})
    assert read_image(tmp_path / "large.png").image == picture
    assert read_text(tmp_path / "large.png") == {"a": "b"}
