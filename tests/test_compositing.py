"""Outside the zone not one byte changes, whatever the sizes and shapes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from igo.compositing import color_matched, composite, context_box, restored_outside, seam_score
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


def zone_of(size, box):
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def test_only_what_was_changed_outside_is_restored():
    original, painted, mask = noise(20, 30, 1), noise(20, 30, 2), zone_of((20, 30), (5, 5, 15, 15))
    result = np.asarray(restored_outside(original, painted, mask))
    inside = np.asarray(mask) > 0
    assert np.array_equal(result[inside], np.asarray(painted)[inside])
    assert np.array_equal(result[~inside], np.asarray(original)[~inside])
    exact = composite(original, painted, mask)
    assert restored_outside(original, exact, mask) is exact


@given(
    size=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    corners=st.tuples(*[st.floats(0, 0.999)] * 4),
    context=st.floats(0, 3),
    least=st.tuples(st.integers(1, 200), st.integers(1, 200)),
)
@settings(max_examples=150, deadline=None)
def test_the_context_holds_the_zone_lies_in_the_picture_and_is_large_enough(size, corners, context, least):
    width, height = size
    left, right = sorted(int(corner * width) for corner in corners[:2])
    top, bottom = sorted(int(corner * height) for corner in corners[2:])
    box = context_box(zone_of(size, (left, top, right + 1, bottom + 1)), context, least)
    assert 0 <= box[0] <= left
    assert 0 <= box[1] <= top
    assert right < box[2] <= width
    assert bottom < box[3] <= height
    assert box[2] - box[0] >= min(width, least[0])
    assert box[3] - box[1] >= min(height, least[1])


def test_the_context_has_the_proportions_that_the_model_knows():
    left, top, right, bottom = context_box(zone_of((3000, 4000), (1400, 1900, 1800, 2000)), 0.5, (512, 768))
    assert (right - left) / (bottom - top) == pytest.approx(512 / 768, abs=0.01)
    assert right - left >= 2 * 400
    assert (left + right) // 2 == pytest.approx(1600, abs=1)


def test_colours_are_matched_to_the_ring_and_content_is_no_shift():
    size, ground = (60, 80), (120, 90, 70)
    original, mask = Image.new("RGB", size, ground), zone_of((60, 80), (20, 20, 40, 60))
    painted = Image.new("RGB", size, tuple(value + 6 for value in ground))
    painted.paste((226, 46, 56), (20, 20, 40, 60))
    matched = color_matched(painted, original, mask, ring=6)
    assert np.abs(np.asarray(matched).astype(int)[30, 30] - (220, 40, 50)).max() <= 1
    painted.paste((0, 0, 0), (0, 0, 60, 20))  # something else stands above the zone
    again = color_matched(painted, original, mask, ring=6)
    assert np.abs(np.asarray(again).astype(int)[30, 30] - (220, 40, 50)).max() <= 1
    assert color_matched(painted, original, Image.new("L", size, 255), 6) == painted
    assert color_matched(painted, original, Image.new("L", size), 6) == painted


def test_a_seam_shows_in_the_score_and_a_texture_does_not():
    smooth = Image.fromarray(np.tile(np.arange(0, 240, 2, dtype=np.uint8)[None, :, None], (90, 1, 3)))
    mask = zone_of(smooth.size, (40, 30, 80, 60))
    assert seam_score(smooth, mask) == pytest.approx(1, abs=0.05)
    assert seam_score(noise(120, 90, 3), mask) == pytest.approx(1, abs=0.15)
    patched = smooth.copy()
    patched.paste((255, 0, 0), (40, 30, 80, 60))
    assert seam_score(patched, mask) > 20
    assert np.isnan(seam_score(smooth, Image.new("L", smooth.size, 255)))


def test_a_zone_of_a_large_photo_is_blended_where_it_is():
    size = (3001, 4001)
    original, painted = noise(*size, 1), Image.new("RGB", size, "red")
    mask = zone_of(size, (2900, 3900, 3001, 4001))
    result = composite(original, painted, mask, feather=8)
    outside = np.asarray(mask) == 0
    assert np.array_equal(np.asarray(result)[outside], np.asarray(original)[outside])
    assert result.getpixel((3000, 4000)) == (255, 0, 0)
