"""Outside the zone not one byte changes, whatever the sizes and shapes."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

import igo
from benchmarks.large_photos import ZONES, enlarged, mask_of
from benchmarks.upscaling import photos
from igo.errors import ImageError, LayerError
from igo.images import read_image, read_mask
from igo.images.compositing import color_matched, composite, context_box, restored_outside, seam_score
from igo.licensing import License
from igo.painting.diffusion import Painted
from igo.painting.families import Defaults
from igo.painting.text_to_image import TextToImage, _Model
from igo.values import Conditions


def noise(width, height, seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def tiled(width, height, channels=3, dtype=np.uint8):
    """Noise, repeated: cheap where it is large."""
    patch = np.random.default_rng(5).integers(0, np.iinfo(dtype).max, (67, 61, channels), dtype, endpoint=True)
    return np.tile(patch, (height // 67 + 1, width // 61 + 1, 1))[:height, :width]


side = st.sampled_from([9] * 4 + [60] * 10 + [300] * 4 + [2000] * 3).flatmap(lambda most: st.integers(1, most))
"""Mostly small, some large."""
edge = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
"""A place along a side as a share of it, often an end."""
boxes = st.lists(st.tuples(edge, edge, edge, edge, st.sampled_from([255, 255, 200, 128, 1])), max_size=4)
"""Left, top, right, bottom and the mask's value, in any order."""


def masked(size, boxes):
    """The mask of ``boxes``, each at least one pixel large."""
    mask = Image.new("L", size)
    for *edges, value in boxes:
        left, right = sorted(round(edge * (size[0] - 1)) for edge in edges[::2])
        top, bottom = sorted(round(edge * (size[1] - 1)) for edge in edges[1::2])
        mask.paste(value, (left, top, right + 1, bottom + 1))
    return mask


@given(size=st.tuples(side, side), boxes=boxes, density=st.floats(0, 1), feather=st.floats(0, 40))
@settings(max_examples=500, deadline=None)
def test_no_byte_changes_outside_the_zone(size, boxes, density, feather):
    mask = np.asarray(masked(size, boxes))
    if max(size) < 60:  # ragged too
        mask = mask * (np.random.default_rng(3).random(mask.shape) < density)
    original = tiled(*size)
    mask = Image.fromarray(mask)
    result = np.asarray(composite(Image.fromarray(original), Image.fromarray(255 - original), mask, feather))
    changed = (result != original).any(2)
    assert not changed[np.asarray(mask) == 0].any()
    assert changed[np.asarray(mask) == 255].any() or 255 not in np.asarray(mask)


@dataclass(frozen=True)
class Inverts:
    """A model that paints the negative of what it is shown."""

    latent_scale: int = 4
    multiple: int = 8

    def paint(self, job, on_step):
        assert job.image.size == job.mask.size == (job.width, job.height)
        assert job.width % self.multiple == job.height % self.multiple == 0
        return Painted(tuple(ImageOps.invert(job.image) for _ in job.seeds), {})

    def check(self, images):
        return None


@dataclass(frozen=True)
class Inverting(TextToImage):
    """The base as it is, with another model."""

    native: tuple[int, int] = (32, 48)

    def _model(self, runtime, inpainting):
        inverts = Inverts(multiple=8 if self.native[0] < 99 else 64)
        return _Model("inverting", "", Defaults(*self.native, 20, 5.0), inverts, None, License())


def picture_of(mode, size):
    """Noise in one of Pillow's modes."""
    if mode == "I;16":
        return Image.fromarray(tiled(*size, 1, np.uint16)[..., 0])
    if mode == "P":
        indexed = Image.fromarray(tiled(*size, 1)[..., 0], "P")
        indexed.putpalette(tiled(256, 1).tobytes())
        return indexed
    bands = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    pixels = tiled(*size, bands)
    return Image.fromarray(pixels[..., 0] if bands == 1 else pixels, mode)


@given(
    mode=st.sampled_from(["RGB", "RGB", "L", "LA", "RGBA", "P", "I;16", "CMYK"]),
    size=st.tuples(side, side),
    boxes=st.lists(st.tuples(edge, edge, edge, edge, st.just(255)), min_size=1, max_size=4),
    soft=st.sampled_from([0, 0, 0.7, 4]),
    feather=st.floats(0, 40),
    context=st.floats(0, 3),
    native=st.sampled_from([(32, 48), (64, 64), (128, 192)]),
    color_match=st.booleans(),
    alone=st.booleans(),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_byte_of_any_picture_changes_outside_the_mask(
    mode, size, boxes, soft, feather, context, native, color_match, alone
):
    """From reading to stitching, with all that the base does about sizes; only the model is another one. The base
    ``alone`` keeps what is outside, without the chain's own care."""
    source, mask = picture_of(mode, size), read_mask(masked(size, boxes).filter(ImageFilter.GaussianBlur(soft))).image
    assume(mask.getbbox())
    read = read_image(source)
    base = Inverting(feather=feather, context=context, color_match=color_match, native=native)
    if alone:
        request = igo.Request("a red coat", image=read.image, layers={"mask": mask}, seed=7)
        frame = base.generate(request, lambda *_: Conditions(), igo.Runtime("cpu"))[0]
    else:
        frame = igo.Chain(base).run("a red coat", image=source, layers={"mask": mask}, seed=7)[0]
        assert frame.layers.get("alpha") == read.alpha
    assert frame.image.size == size
    changed = (np.asarray(frame.image) != np.asarray(read.image)).any(2)
    assert not changed[np.asarray(mask) == 0].any()
    assert changed.any() or mask.histogram()[255] < 16


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


@pytest.mark.parametrize("zone", ZONES)
def test_a_photograph_of_12_megapixels_changes_in_the_zone_alone(zone):
    found = photos()  # none where the extra for benchmarks isn't installed
    photo = enlarged(Image.fromarray(found[0][1] if found else tiled(512, 512)), 12)
    mask = mask_of(zone, photo.size)
    look = igo.Chain(Inverting(native=(512, 768))).run("a red coat", image=photo, layers={"mask": mask}, seed=7)
    changed, inside = (np.asarray(look.image) != np.asarray(photo)).any(2), np.asarray(mask) > 0
    assert photo.width * photo.height >= 12e6
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.9


def resident(name):
    """Bytes of this process in memory: ``VmRSS`` now, ``VmHWM`` at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's accounting")
def test_a_large_photo_is_not_held_many_times_over():
    """A photo of 12 megapixels (3 bytes each) with a small mask; Pillow takes 4 bytes for a pixel."""
    chain = igo.Chain(Inverting())
    mask = Image.new("L", (4000, 3000))
    mask.paste(255, (1800, 1200, 2100, 1600))
    photo = Image.merge("RGB", [Image.linear_gradient("L").resize(mask.size)] * 3)
    chain.run("a coat", image=Image.new("RGB", (64, 96)), layers={"mask": Image.new("L", (64, 96), 255)}, seed=1)
    Path("/proc/self/clear_refs").write_text("5")  # the most is what it is now
    before = resident("VmRSS")
    look = chain.run("a coat", image=photo, layers={"mask": mask}, seed=1)
    assert look.image.size == photo.size
    assert resident("VmHWM") - before <= 6 * 3 * photo.width * photo.height
