"""The figure of speeds: every label can be read, and every point lies where its numbers say."""

import random

import numpy as np
import pytest
from PIL import Image

from benchmarks import scatter
from benchmarks.scatter import FRAME, RADIUS, Point
from benchmarks.timing import Ratio, Row, Timed


def meet(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("seed", range(20))
def test_labels_lie_on_nothing_and_in_the_frame(seed):
    """Eleven ways, some of which are one as fast as another."""
    draw = random.Random(seed)
    left, top, right, bottom = FRAME
    spots = [(draw.uniform(left + 40, right - 40), draw.uniform(top + 40, bottom - 40)) for _ in range(9)]
    spots += [(spots[0][0] + 5, spots[0][1]), (spots[1][0], spots[1][1] + 9)]
    sizes = [(draw.randint(60, 260), 34) for _ in spots]
    boxes = scatter.placed(spots, sizes)
    points = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in spots]
    for number, box in enumerate(boxes):
        assert (box[2] - box[0], box[3] - box[1]) == pytest.approx(sizes[number])
        assert left <= box[0] < box[2] <= right
        assert top <= box[1] < box[3] <= bottom
        assert not any(meet(box, other) for other in (*points, *boxes[:number]))


@pytest.mark.parametrize("loss", [None, 0.0002, 0.012, 0.3, 0.9, 2.0])
@pytest.mark.parametrize("gain", [0.7, 1.0, 9.3])
def test_points_are_drawn_in_the_frame(gain, loss):
    """Slower than plain, as like as SSIM can tell, and further than it reaches, too."""
    found = scatter.scatter([Point("torch", 1.0, None), Point("x", gain, loss, "openvino")], "times as fast")
    pixels = np.asarray(found.crop(FRAME).convert("RGB")).astype(int)
    red = np.abs(pixels - [0xC2, 0x55, 0x6A]).sum(axis=2) < 20
    assert red.sum() > 3 * RADIUS**2 * 0.8, "the whole point"
    assert found.getpixel((2, 2))[3] == 0, "nothing around its paper"


def test_a_row_says_what_was_measured():
    plain, other = (np.random.default_rng(seed).integers(1, 250, (48, 32, 3), np.uint8) for seed in (0, 1))
    made = {"plain": plain, "a level": plain + 1, "another": other}
    runs = {
        name: [Timed(seconds, 2 * seconds, Image.fromarray(picture)) for seconds in times]
        for (name, picture), times in zip(
            made.items(), ((2.0, 4.0, 6.0), (1.0, 1.0, 6.0), (0.5, 0.5, 0.5)), strict=True
        )
    }
    same, another = (Row.of(runs["plain"], runs[name]) for name in ("a level", "another"))
    assert same.clock == Ratio(2.0, 1.0, 4.0) == same.threads
    assert same.markdown("a level", 3.2).split("|")[1:] == [
        " a level ",
        " 2.00 (1.00 to 4.00) ",
        " 2.00 (1.00 to 4.00) ",
        " 1 level at most ",
        " 1.00 ",
        " 3 ",
        "",
    ]
    assert same.point("fast, openvino") == Point("fast, openvino", 2.0, None, "openvino")
    assert another.point("turbo").loss == pytest.approx(1 - another.likeness[0])
    assert "SSIM 0." in another.markdown("turbo", 1)
