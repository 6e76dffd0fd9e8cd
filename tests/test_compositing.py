"""Outside the zone not one byte changes, whatever the sizes and shapes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from igo.compositing import composite
from igo.errors import ImageError, LayerError


def noise(width, height, seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    feather=st.floats(0, 40),
    seed=st.integers(0, 2**32 - 1),
    soft=st.booleans(),
    density=st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_no_byte_changes_outside_the_zone(size, feather, seed, soft, density):
    random = np.random.default_rng(seed)
    zone = (random.random(size[::-1]) < density) * (random.integers(1, 256, size[::-1]) if soft else 255)
    original, painted = noise(*size, 1), noise(*size, 2)
    result = composite(original, painted, Image.fromarray(zone.astype(np.uint8)), feather)
    outside = zone == 0
    assert np.array_equal(np.asarray(result)[outside], np.asarray(original)[outside])


def test_a_zone_without_feather_is_all_of_the_painted():
    original, painted = noise(20, 20, 1), noise(20, 20, 2)
    mask = Image.new("L", (20, 20))
    mask.paste(255, (5, 5, 15, 15))
    result = np.asarray(composite(original, painted, mask, feather=0))
    assert np.array_equal(result[5:15, 5:15], np.asarray(painted)[5:15, 5:15])


def test_the_feather_is_inward_as_wide_as_asked_and_rises_evenly():
    black, white = Image.new("RGB", (60, 3)), Image.new("RGB", (60, 3), "white")
    mask = Image.new("L", (60, 3))
    mask.paste(255, (20, 0, 60, 3))
    row = np.asarray(composite(black, white, mask, feather=4))[1, :, 0].tolist()
    assert row[:20] == [0] * 20
    assert row[20:24] == [51, 102, 153, 204]
    assert row[24:] == [255] * 36  # the picture's own edge is no border


def test_a_mask_of_the_whole_picture_is_all_of_the_painted():
    original, painted = noise(9, 7, 1), noise(9, 7, 2)
    assert composite(original, painted, Image.new("L", (9, 7), 255), 50) == painted


def test_a_mask_of_nothing_is_all_of_the_original():
    original, painted = noise(9, 7, 1), noise(9, 7, 2)
    assert composite(original, painted, Image.new("L", (9, 7)), 5) == original


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_thin_zone_is_painted_too(width):
    black, white = Image.new("RGB", (60, 60)), Image.new("RGB", (60, 60), "white")
    mask = Image.new("L", (60, 60))
    mask.paste(255, (20, 0, 20 + width, 60))
    assert composite(black, white, mask, feather=8).getpixel((20 + width // 2, 30))[0] == 255


def test_wrong_modes_and_sizes_are_refused():
    rgb, mask = Image.new("RGB", (4, 4)), Image.new("L", (4, 4))
    with pytest.raises(ImageError, match="the painted picture is RGB 5x4; expected RGB 4x4"):
        composite(rgb, Image.new("RGB", (5, 4)), mask)
    with pytest.raises(ImageError, match="the original picture is L 4x4; expected RGB 4x4"):
        composite(mask, rgb, mask)
    with pytest.raises(LayerError, match="the mask is 4x5; expected 4x4 like the picture"):
        composite(rgb, rgb, Image.new("L", (4, 5)))
