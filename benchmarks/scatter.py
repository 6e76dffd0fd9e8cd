"""A figure of what is gained against what is lost: a point for each way, with its name beside it."""

import math
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, PALE, BAND = "#fbf8f6", "#3b2b3a", "#8d7f8b", "#efe8ec"
COLOURS = {"torch": "#3b2b3a", "openvino": "#c2556a", "compile": "#4f7f95"}
"""By what computes; those of the documentation."""
SIZE, FRAME, STRIP, CORNER = (1600, 1000), (150, 60, 1550, 860), 170, 24
"""In pixels, twice as many as a page shows: the figure, the frame of its points, the strip at its foot."""
LOSSES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
RADIUS = 13


@dataclass(frozen=True)
class Point:
    """``gain``: times as fast; ``loss``: 1 - SSIM, None for a picture that is the same; ``colour``: one of
    ``COLOURS``."""

    name: str
    gain: float
    loss: float | None
    colour: str = "torch"


def scatter(points, title):
    """The figure, on paper of its own with round corners, for light pages and dark ones."""
    font, small = ImageFont.load_default(34), ImageFont.load_default(28)
    figure = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    draw = ImageDraw.Draw(figure)
    draw.rounded_rectangle((0, 0, SIZE[0] - 1, SIZE[1] - 1), CORNER, PAPER)
    left, top, right, bottom = FRAME
    draw.rectangle((left, bottom - STRIP, right, bottom), BAND)
    draw.text((right - 16, bottom - 14), "the same picture, to a level of 255", PALE, small, "rs")
    across, up = _Gains(points), _Losses(points)
    for gain in range(math.ceil(across.least), math.floor(across.most) + 1):
        draw.line((across(gain), top, across(gain), bottom), BAND, 2)
        draw.text((across(gain), bottom + 12), f"{gain}x", INK, small, "mt")
    for loss in up.ticks:
        draw.line((left, up(loss), right, up(loss)), BAND, 2)
        draw.text((left - 14, up(loss)), f"{loss:g}", INK, small, "rm")
    draw.text(((left + right) / 2, SIZE[1] - 24), title, INK, small, "ms")
    draw.text((left, top - 16), "1 - SSIM to the exact picture", INK, small, "ls")
    _legend(draw, points, small)
    spots = [(across(point.gain), up(point.loss)) for point in points]
    for box, point in zip(placed(spots, [_size(font, point.name) for point in points]), points, strict=True):
        draw.text(box[:2], point.name, COLOURS[point.colour], font, "lt")
    for (x, y), point in zip(spots, points, strict=True):
        draw.ellipse((x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS), COLOURS[point.colour], PAPER, 3)
    return figure


def placed(spots, sizes):
    """The box of each spot's label: beside, above or below it, in the frame, on no spot and on no other label."""
    taken = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in spots]
    found = []
    for (x, y), (width, height) in zip(spots, sizes, strict=True):
        boxes = []
        for away in range(RADIUS + 8, 200, 12):
            starts = [(x + away, y - height / 2), (x - away - width, y - height / 2)]
            starts += [
                (x + shift * width - width / 2, y + side) for side in (-away - height, away) for shift in (0, 0.5, -0.5)
            ]
            boxes += [(one, two, one + width, two + height) for one, two in starts]
        free = [box for box in boxes if _within(box) and not any(_meet(box, other) for other in (*taken, *found))]
        found.append(free[0] if free else boxes[0])
    return found


def _within(box):
    left, top, right, bottom = FRAME
    return box[0] >= left and box[1] >= top and box[2] <= right and box[3] <= bottom


def _meet(one, other, gap=6):
    return one[0] < other[2] + gap and other[0] < one[2] + gap and one[1] < other[3] + gap and other[1] < one[3] + gap


def _size(font, text):
    left, top, right, bottom = font.getbbox(text, anchor="lt")
    return right - left, bottom - top


class _Gains:
    """From times as fast to pixels."""

    def __init__(self, points):
        gains = [point.gain for point in points]
        self.least, self.most = min(1.0, *gains) - 0.4, max(2.0, *gains) * 1.12

    def __call__(self, gain):
        return FRAME[0] + (gain - self.least) / (self.most - self.least) * (FRAME[2] - FRAME[0])


class _Losses:
    """From 1 - SSIM to pixels, by its logarithm; what is the same lies in the strip at the foot."""

    def __init__(self, points):
        losses = [point.loss for point in points if point.loss is not None] or [0.1]
        low = max(0, sum(loss < min(losses) for loss in LOSSES[:-1]) - 1)
        high = max(low + 1, sum(loss < max(losses) for loss in LOSSES[:-1]))
        self.ticks = LOSSES[low : high + 1]

    def __call__(self, loss):
        foot = FRAME[3] - STRIP
        if loss is None:
            return FRAME[3] - STRIP / 2 - 12
        low, high = math.log(self.ticks[0]), math.log(self.ticks[-1])
        share = min(1.0, max(0.0, (math.log(max(loss, 1e-9)) - low) / (high - low)))
        return foot - 24 - share * (foot - 24 - FRAME[1] - 2 * RADIUS)


def _legend(draw, points, font):
    """What each colour means, at the top on the right."""
    x = FRAME[2]
    for colour in [colour for colour in COLOURS if any(point.colour == colour for point in points)][::-1]:
        x -= _size(font, colour)[0]
        draw.text((x, FRAME[1] - 16), colour, COLOURS[colour], font, "ls")
        x -= 30
        draw.ellipse((x, FRAME[1] - 36, x + 20, FRAME[1] - 16), COLOURS[colour])
        x -= 34
