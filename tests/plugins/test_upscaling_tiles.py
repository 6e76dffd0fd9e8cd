"""Tiles: each pixel once, with enough around it, whatever the sizes and however often memory runs out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igo.errors import ImageError, out_of_memory
from igo_plugins.realesrgan.tiles import SMALLEST, enlarge


class Sums:
    """Each pixel becomes the sum of those within ``context`` of it (zeros beyond the piece), modulo 256."""

    def __init__(self, scale=2, multiple=1, context=2, tile=0, fits=None):
        self.scale, self.multiple, self.context, self.tile, self.fits = scale, multiple, context, tile, fits
        self.pieces = []

    def __call__(self, piece):
        self.pieces.append(piece.shape[:2])
        assert piece.shape[0] % self.multiple == piece.shape[1] % self.multiple == 0
        if self.fits is not None and max(piece.shape[:2]) > self.fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        reach = self.context
        padded = np.pad(piece.astype(int), ((reach, reach), (reach, reach), (0, 0)))
        height, width = piece.shape[:2]
        total = sum(
            padded[down : down + height, across : across + width]
            for down in range(2 * reach + 1)
            for across in range(2 * reach + 1)
        )
        return (total % 256).astype(np.uint8).repeat(self.scale, 0).repeat(self.scale, 1)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    tile=st.integers(8, 60),
    multiple=st.sampled_from([1, 2, 4]),
    context=st.integers(0, 5),
    margin=st.integers(0, 12),
)
def test_tiles_with_their_context_give_what_the_whole_gives(size, tile, multiple, context, margin):
    picture = noise(*size)
    whole = enlarge(Sums(multiple=multiple, context=context), picture, tile=0, margin=margin)
    tiled = enlarge(Sums(multiple=multiple, context=context), picture, tile=tile, margin=margin)
    assert whole.shape == (2 * size[0], 2 * size[1], 3)
    assert np.array_equal(whole, tiled)


@settings(max_examples=40, deadline=None)
@given(size=st.tuples(st.integers(1, 120), st.integers(1, 120)), fits=st.integers(24, 90), tile=st.integers(0, 80))
def test_where_memory_runs_out_tiles_are_halved_and_none_is_lost(size, fits, tile):
    picture, told = noise(*size), []
    made = enlarge(Sums(fits=fits), picture, tile=tile, progress=lambda done, total: told.append((done, total)))
    assert np.array_equal(made, enlarge(Sums(), picture))
    assert told[-1][0] == told[-1][1] == len(told)
    assert [done for done, _ in told] == list(range(1, len(told) + 1))


def test_after_a_failure_the_smaller_size_stays():
    enlarger = Sums(fits=40)
    enlarge(enlarger, noise(64, 256), tile=64)
    assert sum(max(piece) > 40 for piece in enlarger.pieces) == 1


def test_memory_that_holds_no_tile_at_all_is_one_line():
    with pytest.raises(ImageError, match=rf"not even \d+x{SMALLEST} pixels fit the device's memory"):
        enlarge(Sums(fits=3), noise(64, 64))


def test_other_errors_are_not_swallowed():
    class Broken(Sums):
        def __call__(self, piece):
            raise RuntimeError("expected 3 channels")

    with pytest.raises(RuntimeError, match="expected 3 channels"):
        enlarge(Broken(), noise(8, 8))


def test_what_says_that_memory_ran_out():
    said = ("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory", "CUDA error: out of memory")
    said += ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "OpenCV: error: (-4:Insufficient memory) Failed to allocate 8")
    assert out_of_memory(MemoryError())
    assert all(out_of_memory(RuntimeError(words)) for words in said)
    assert not out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not out_of_memory(ValueError("memory"))


def test_the_margin_mirrors_all_four_sides_even_of_one_pixel():
    """With the mirrored margin a plain picture stays plain up to its edges; without it zeros come in."""
    plain = np.full((1, 5, 3), 9, np.uint8)
    assert len(np.unique(enlarge(Sums(context=1), plain, margin=1))) == 1
    assert len(np.unique(enlarge(Sums(context=1), plain))) > 1
