"""Padding to a model's grid, and back byte for byte."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from igo.images import ImageError, fit_size, pad_reflect, unpad


@pytest.mark.parametrize(
    ("given_size", "multiple", "expected"),
    [((1, 1), 8, (8, 8)), ((8, 16), 8, (8, 16)), ((9, 17), 8, (16, 24)), ((3001, 4001), 64, (3008, 4032))],
)
def test_fit_size_is_the_next_multiple(given_size, multiple, expected):
    assert fit_size(*given_size, multiple) == expected


def test_the_edge_row_is_mirrored_and_not_doubled():
    row = Image.fromarray(np.array([[10, 20, 30, 40, 50]], np.uint8))
    padded, box = pad_reflect(row)
    assert box == (1, 3, 6, 4)
    assert np.asarray(padded)[0].tolist() == [20, 10, 20, 30, 40, 50, 40, 30]


def test_a_side_shorter_than_its_padding_is_mirrored_to_and_fro():
    padded, _ = pad_reflect(Image.fromarray(np.array([[1, 2]], np.uint8)))
    assert np.asarray(padded)[0].tolist() == [2, 1, 2, 1, 2, 1, 2, 1]


def test_padding_what_fits_gives_a_copy():
    image = Image.new("RGB", (16, 8), "red")
    padded, box = pad_reflect(image)
    padded.putpixel((0, 0), (0, 0, 0))
    assert box == (0, 0, 16, 8)
    assert image.getpixel((0, 0)) == (255, 0, 0)


@settings(max_examples=150, deadline=None)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    multiple=st.integers(1, 64),
    mode=st.sampled_from(["RGB", "L", "RGBA", "LA"]),
    seed=st.integers(0, 9),
)
def test_unpad_undoes_pad(width, height, multiple, mode, seed):
    bands = len(mode)
    data = np.random.default_rng(seed).integers(0, 256, (height, width, bands), np.uint8)
    image = Image.fromarray(data[:, :, 0] if bands == 1 else data)
    padded, box = pad_reflect(image, multiple)
    assert padded.mode == mode
    assert padded.size == fit_size(width, height, multiple)
    assert unpad(padded, box).tobytes() == image.tobytes()
    assert unpad(padded, box).size == image.size


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 3), (5, 2)])
def test_padding_agrees_with_numpy(size):
    data = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size[1], size[0])
    padded, (left, top, right, bottom) = pad_reflect(Image.fromarray(data), 16)
    widths = ((top, 16 - bottom), (left, 16 - right))
    np.testing.assert_array_equal(np.asarray(padded), np.pad(data, widths, "reflect"))


def test_what_can_not_be_meant_is_refused():
    image = Image.new("RGB", (8, 8))
    for box in ((-1, 0, 8, 8), (0, 0, 9, 8), (0, 0, 8, 9), (4, 0, 4, 8), (0, 5, 8, 4)):
        with pytest.raises(ImageError, match="does not lie in a picture of 8x8"):
            unpad(image, box)
    for action in (lambda: pad_reflect(image.convert("CMYK")), lambda: unpad(image.convert("CMYK"), (0, 0, 8, 8))):
        with pytest.raises(ImageError, match="mode CMYK"):
            action()
    for numbers in ((0, 8), (8, 0), (8, 8, 0)):
        with pytest.raises(ImageError, match="at least 1"):
            fit_size(*numbers)
