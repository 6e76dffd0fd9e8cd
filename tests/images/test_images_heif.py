"""Photos as phones take them; without the package that reads them, a line that names it."""

import io

import numpy as np
import pytest
from PIL import Image

from igo.images import opening, read_image
from tests.builders.pictures import HEIF, UPRIGHT, encode, pixels, refusal, swapped_profile

needs_heif = pytest.mark.skipif(not HEIF, reason='needs the package pillow-heif: pip install "igo[heif]"')


def corners():
    """A picture with a mark in one corner."""
    image = Image.new("RGB", (64, 48), (200, 30, 60))
    image.paste((0, 0, 255), (0, 0, 20, 10))
    return image


def lossless(image, **options):
    return encode(image, "HEIF", quality=-1, chroma=444, **options)


def near(picture, expected, tolerance=2):
    difference = np.abs(pixels(picture).astype(int) - np.asarray(expected, int))
    return pixels(picture).shape == np.asarray(expected).shape and difference.max() <= tolerance


@needs_heif
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_comes_upright_and_is_turned_once(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_image(lossless(corners(), exif=exif.tobytes()))
    assert picture.format == "HEIF"
    assert near(picture, UPRIGHT[orientation](np.asarray(corners())))
    assert picture.notes == ((f"turned upright (EXIF orientation {orientation})",) if orientation > 1 else ())


@needs_heif
def test_transparency_profiles_gray_and_ten_bits():
    image, alpha = corners().convert("RGBA"), Image.linear_gradient("L").resize((64, 48))
    image.putalpha(alpha)
    cut_out = read_image(lossless(image))
    assert near(cut_out, corners())
    assert np.abs(np.asarray(cut_out.alpha, int) - np.asarray(alpha, int)).max() <= 1
    swapped = read_image(lossless(corners(), icc_profile=swapped_profile()))
    assert swapped.notes == ("ICC profile converted to sRGB",)
    plain = read_image(encode(corners(), "PNG", icc_profile=swapped_profile()))
    assert near(swapped, pixels(plain), 3)
    assert near(read_image(lossless(corners().convert("L"))), corners().convert("L").convert("RGB"))
    import pillow_heif

    deep, buffer = np.random.default_rng(5).integers(0, 65536, (32, 40, 3)).astype(np.uint16), io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (40, 32), deep.tobytes()).save(buffer, quality=-1, chroma=444)
    assert near(read_image(buffer.getvalue()), np.rint(deep / 257))


@needs_heif
def test_of_several_photos_the_main_one_is_taken_and_pillow_learns_of_nothing():
    import pillow_heif

    file, buffer = pillow_heif.from_pillow(corners()), io.BytesIO()
    file.add_from_pillow(Image.new("RGB", (64, 48), "lime"))
    file.save(buffer, quality=-1, chroma=444, primary_index=0)
    picture = read_image(buffer.getvalue())
    assert near(picture, corners())
    assert "several frames, the first taken" in picture.notes
    assert "HEIF" not in Image.registered_extensions().values()


def test_without_the_package_a_line_names_it(monkeypatch):
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    message = refusal(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
    assert "is a HEIC photo" in message
    assert 'pip install "igo[heif]"' in message
