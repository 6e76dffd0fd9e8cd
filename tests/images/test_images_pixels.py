"""Everything people have becomes 8-bit sRGB, upright, with straight alpha."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from igo.images import read_image
from tests.builders.pictures import (
    UPRIGHT,
    cmyk_profile,
    encode,
    gray_profile,
    pixels,
    png,
    refusal,
    srgb_profile,
    swapped_profile,
    ycck,
)

RNG = np.random.default_rng(7)
COLOURS = RNG.integers(0, 256, (7, 5, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (7, 5), np.uint8)
RGBA = np.dstack([COLOURS, ALPHA])


# --- orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_to_colours_and_alpha(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    picture = read_image(encode(Image.fromarray(RGBA), kind, exif=exif, **options))
    np.testing.assert_array_equal(pixels(picture), UPRIGHT[orientation](COLOURS))
    np.testing.assert_array_equal(np.asarray(picture.alpha), UPRIGHT[orientation](ALPHA))
    assert picture.notes == ((f"turned upright (EXIF orientation {orientation})",) if orientation > 1 else ())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_orientation_equals_pillow_transposed(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(COLOURS), "JPEG", exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        expected = UPRIGHT[orientation](np.asarray(image))
    np.testing.assert_array_equal(pixels(read_image(data)), expected)
    np.testing.assert_array_equal(pixels(read_image(Image.open(io.BytesIO(data)))), expected)


def test_broken_exif_is_noted_and_not_fatal():
    data = encode(Image.fromarray(COLOURS), "PNG", exif=b"Exif\0\0nonsense")
    assert any("EXIF data ignored" in note for note in read_image(data).notes)
    assert read_image(encode(Image.fromarray(COLOURS), "JPEG", exif=b"Exif\0\0nonsense")).image.size == (5, 7)


# --- transparency


def test_colours_under_transparent_pixels_are_kept():
    hidden = RGBA.copy()
    hidden[:, :, 3] = 0
    picture = read_image(encode(Image.fromarray(hidden), "PNG"))
    np.testing.assert_array_equal(pixels(picture), COLOURS)
    assert not np.asarray(picture.alpha).any()


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA", "La", "RGBa"])
def test_alpha_is_split_off(mode):
    opaque = RGBA.copy()
    opaque[:, :, 3] = np.where(ALPHA > 127, 255, 128)
    image = Image.fromarray(opaque)
    if mode == "PA":
        image = Image.fromarray(COLOURS).quantize(16).convert("PA")
        image.putalpha(Image.fromarray(opaque[:, :, 3]))
    else:
        image = image.convert("LA").convert(mode) if mode[0] == "L" else image.convert(mode)
    picture = read_image(image)
    assert picture.image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture.alpha), opaque[:, :, 3])


def test_palette_with_and_without_transparency():
    image = Image.fromarray(COLOURS).quantize(8)
    expected = np.asarray(image.convert("RGB"))
    plain = read_image(encode(image, "PNG"))
    assert plain.alpha is None
    np.testing.assert_array_equal(pixels(plain), expected)
    one = read_image(encode(image, "PNG", transparency=3))
    np.testing.assert_array_equal(pixels(one), expected)
    np.testing.assert_array_equal(np.asarray(one.alpha), np.where(np.asarray(image) == 3, 0, 255))
    several = read_image(encode(image, "PNG", transparency=bytes([0, 50, 100, 150])))
    np.testing.assert_array_equal(np.asarray(several.alpha), np.array([0, 50, 100, 150] + [255] * 4)[np.asarray(image)])


@pytest.mark.parametrize(
    ("depth", "kind", "raw", "key", "alpha"),
    [
        (1, 0, b"\x80", [1], [0, 255]),
        (2, 0, b"\x90", [2], [0, 255]),
        (4, 0, b"\x5a", [10], [255, 0]),
        (8, 0, b"\x05\x06", [6], [255, 0]),
        (16, 0, b"\x01\x02\x01\x03", [0x0102], [0, 255]),
        (8, 2, b"\1\2\3\1\2\4", [1, 2, 3], [0, 255]),
        (16, 2, b"\1\0\2\0\3\0\1\0\2\0\4\0", [256, 512, 768], [0, 255]),
    ],
)
def test_a_png_colour_that_is_declared_transparent_is_found_in_every_depth(depth, kind, raw, key, alpha):
    data = png(2, 1, depth, kind, raw, (b"tRNS", b"".join(value.to_bytes(2, "big") for value in key)))
    assert np.asarray(read_image(data).alpha).tolist() == [alpha]


# --- depth


def test_sixteen_bit_gray_is_scaled_by_its_type_and_never_by_its_values():
    values = np.array([[0, 128, 129, 255, 256, 25700, 65535]], np.uint16)
    expected = [[0, 0, 1, 1, 1, 100, 255]]
    for source in (values, Image.fromarray(values), encode(Image.fromarray(values), "PNG"), values.astype(">u2")):
        assert pixels(read_image(source))[:, :, 0].tolist() == expected
    assert pixels(read_image(encode(Image.fromarray(values), "TIFF")))[:, :, 0].tolist() == expected
    assert pixels(read_image(Image.fromarray(values.astype(np.int32))))[:, :, 0].tolist() == expected


def test_sixteen_bit_colour_is_reduced_and_noted():
    raw = COLOURS.repeat(2, axis=2).tobytes()  # v * 257, the exact sixteen-bit form of v
    picture = read_image(png(5, 7, 16, 2, raw))
    np.testing.assert_array_equal(pixels(picture), COLOURS)
    assert picture.notes == ("16 bits a channel reduced to 8",)


def test_one_bit_and_float_gray():
    assert pixels(read_image(Image.fromarray(np.array([[True, False]])))).tolist() == [[[255] * 3, [0] * 3]]
    values = np.array([[0.0, 0.5, 1.0]], np.float32)
    for source in (Image.fromarray(values), encode(Image.fromarray(values), "TIFF")):
        assert pixels(read_image(source))[:, :, 0].tolist() == [[0, 128, 255]]
    assert "divide by 255" in refusal(Image.fromarray(values * 255))


def test_integers_beyond_sixteen_bits_are_refused():
    assert "expected 0 to 65535" in refusal(Image.fromarray(np.array([[70000]], np.int32)))
    assert "expected 0 to 65535" in refusal(Image.fromarray(np.array([[-1]], np.int32)))


# --- colour


def test_an_srgb_profile_changes_no_pixel():
    icc = srgb_profile()
    picture = read_image(encode(Image.fromarray(COLOURS), "PNG", icc_profile=icc))
    np.testing.assert_array_equal(pixels(picture), COLOURS)
    assert picture.icc == icc
    assert picture.notes == ()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_another_profile_is_converted_to_srgb(kind):
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    icc = swapped_profile()
    data = encode(Image.new("RGB", (8, 8), (220, 40, 90)), kind, icc_profile=icc, **options)
    picture = read_image(data)
    assert np.abs(pixels(picture).astype(int) - (40, 220, 90)).max() <= 3
    assert picture.icc == icc
    assert picture.notes == ("ICC profile converted to sRGB",)


def test_a_profile_leaves_alpha_alone():
    picture = read_image(encode(Image.fromarray(RGBA), "PNG", icc_profile=swapped_profile()))
    np.testing.assert_array_equal(np.asarray(picture.alpha), ALPHA)
    np.testing.assert_allclose(pixels(picture)[:, :, 0], COLOURS[:, :, 1], atol=2)


def test_a_gray_picture_with_a_profile_for_colour_stays_gray():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = read_image(encode(Image.fromarray(levels), "PNG", icc_profile=swapped_profile()))
    assert np.ptp(pixels(picture), axis=2).max() <= 2


@pytest.mark.parametrize("icc", [b"broken", b"\0" * 200])
def test_a_broken_profile_is_noted_and_not_fatal(icc):
    picture = read_image(encode(Image.fromarray(COLOURS), "PNG", icc_profile=icc))
    np.testing.assert_array_equal(pixels(picture), COLOURS)
    assert picture.notes[0].startswith("ICC profile ignored")


def test_a_profile_for_other_channels_is_noted_and_not_used():
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    picture = read_image(encode(Image.fromarray(COLOURS), "PNG", icc_profile=icc))
    np.testing.assert_array_equal(pixels(picture), COLOURS)
    assert picture.notes[0].startswith("ICC profile ignored: it is for Lab")


def test_cmyk_and_ycck_are_not_inverted():
    cmyk = Image.new("CMYK", (16, 16), (0, 200, 100, 20))
    expected = np.asarray(cmyk.convert("RGB")).astype(int)
    for source in (cmyk, encode(cmyk, "TIFF"), encode(cmyk, "JPEG", quality=100), ycck(cmyk)):
        picture = read_image(source)
        assert np.abs(pixels(picture) - expected).max() <= 3
        assert picture.notes == ("CMYK converted without a profile, by the simple formula",)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_with_a_profile_is_converted_by_it(kind):
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    picture = read_image(encode(cyan, kind, icc_profile=cmyk_profile()))
    assert np.abs(pixels(picture).astype(int) - (255, 0, 255)).max() <= 12
    assert picture.notes == ("ICC profile converted to sRGB",)


def test_gray_with_a_profile_of_its_own():
    levels = Image.new("L", (4, 4), 128)
    linear = read_image(encode(levels, "PNG", icc_profile=gray_profile(1.0)))
    assert np.abs(pixels(linear).astype(int) - 188).max() <= 1
    assert linear.notes == ("ICC profile converted to sRGB",)
    for data in (encode(levels, "PNG", icc_profile=cmyk_profile()), encode(levels, "PNG")):
        assert pixels(read_image(data))[0, 0].tolist() == [128] * 3


def test_lab_hsv_and_ycbcr_become_rgb():
    image = Image.new("RGB", (4, 4), (200, 60, 90))
    lab = ImageCms.applyTransform(
        image, ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    )
    for source in (lab, encode(lab, "TIFF"), image.convert("HSV"), image.convert("YCbCr")):
        picture = read_image(source)
        assert np.abs(pixels(picture).astype(int) - (200, 60, 90)).max() <= 3
        assert picture.notes[0].endswith("converted to sRGB")


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]),
    orientation=st.integers(1, 8),
)
def test_any_size_mode_and_orientation_is_read_as_pillow_shows_it(width, height, mode, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.effect_noise((width, height), 90)
    image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    picture = read_image(encode(image, "PNG", exif=exif))
    shown = np.asarray(image) // 257 if mode == "I;16" else np.asarray(image.convert("RGB"))[:, :, 0]
    np.testing.assert_array_equal(pixels(picture)[:, :, 0], UPRIGHT[orientation](shown))
