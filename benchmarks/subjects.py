"""Two things that `mini` has never seen, worn by drawn figures: a jacket checked in two colours, and a round bag."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from igo.embedded import NATIVE_SIZE
from igo.wardrobe import Figure, Part, draw, phrase

JACKET, BAG = "zwx jacket", "qvk yellow bag"
"""What prompts call them: a token, spelt letter by letter as any word is that `mini` doesn't know, and a class that it
paints. It paints jackets, but no bags of which no colour is told."""
FINE = 3
"""Drawn so many times larger than it is used, so that edges are smooth."""
CHECKS = ((236, 120, 30), (20, 110, 105))
"""Orange and teal. The drawn world's checks are of one colour and a darker or lighter one."""
SQUARE = 6.5
"""Native pixels."""
RIM, FACE, MARK = (60, 25, 90), (205, 225, 60), (225, 50, 110)
RADIUS = 14.0

Picture = NDArray[np.uint8]


def dressed(figure: Figure, jacket: bool, bag: bool) -> Figure:
    """``figure`` as it has to be drawn to wear the jacket, the bag, or both."""
    if jacket:
        bottom, color = ("skirt", "black") if figure.bottom == "none" else (figure.bottom, figure.bottom_color)
        figure = replace(figure, top="jacket", top_color="gray", top_pattern="plain", bottom=bottom, bottom_color=color)
    return replace(figure, bag="none") if bag else figure


def picture(figure: Figure, jacket: bool, bag: bool) -> Picture:
    """``figure`` (see ``dressed``) with the jacket, the bag, or both: H×W×3 at `mini`'s native size."""
    width, height = NATIVE_SIZE
    drawing = draw(figure, width * FINE, height * FINE)
    fine = drawing.image.astype(np.float32)
    if jacket:
        fine = _checked(fine, drawing.labels == Part.TOP)
    if bag:
        fine = _with_bag(fine, drawing.labels)
    small = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small.round().clip(0, 255), np.uint8)


def zone(figure: Figure, jacket: bool, bag: bool) -> NDArray[np.uint8]:
    """Where the jacket or the bag is: H×W, 255 where the picture is another than without it."""
    with_it, without = (picture(figure, *which).astype(int) for which in ((jacket, bag), (False, False)))
    changed = (np.abs(with_it - without).max(-1) > 8).astype(np.uint8) * 255
    return np.asarray(cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)))


def caption(figure: Figure, jacket: bool, bag: bool) -> str:
    """A caption in the words of the drawn world, with the subjects' own names."""
    top = f"a {JACKET}" if jacket else phrase(figure.top, figure.top_color, figure.top_pattern)
    bottom = phrase(figure.bottom, figure.bottom_color, figure.bottom_pattern) if figure.bottom != "none" else ""
    worn = f"{top} and {bottom}" if bottom else top
    carried = f", with a {BAG}" if bag else ""
    return f"fashion photo of a {figure.gender} in {worn}{carried}, {figure.background} background"


def _checked(fine: NDArray[np.float32], cloth: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Squares of two colours on ``cloth``, shaded as it was."""
    rows, columns = np.nonzero(cloth)
    if not len(rows):
        return fine
    gray = fine.mean(-1)
    shade = (gray / max(float(np.median(gray[cloth])), 1)).clip(0.45, 1.25)[..., None]
    y, x = np.mgrid[: cloth.shape[0], : cloth.shape[1]]
    square = SQUARE * FINE
    odd = ((np.floor((x - columns.min()) / square) + np.floor((y - rows.min()) / square)) % 2).astype(bool)
    one, other = np.array(CHECKS, np.float32)
    pattern = np.where(odd[..., None], one, other) * shade
    soft = cv2.GaussianBlur(cloth.astype(np.float32), (0, 0), 0.8)[..., None]
    return np.asarray(fine + soft * (pattern - fine), np.float32)


def _with_bag(fine: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A disc with a rim and a dot, hung from the shoulder by a strap across the body."""
    body = np.isin(labels, (Part.TOP, Part.BOTTOM, Part.INNER))
    rows, columns = np.nonzero(body)
    left, right, top = columns.min(), columns.max(), rows.min()
    middle = (left + right) / 2
    hip = top + 0.42 * (len(labels) * 0.93 - top)
    center = (round(right - 0.12 * (right - left)), round(hip))
    shoulder = (round(middle - 0.22 * (right - left)), round(top + 0.02 * len(labels)))
    canvas = fine.copy()
    cv2.line(canvas, shoulder, center, RIM, round(1.6 * FINE), cv2.LINE_AA)
    for radius, color in ((RADIUS, RIM), (RADIUS - 3, FACE), (4.5, MARK)):
        cv2.circle(canvas, center, round(radius * FINE), color, cv2.FILLED, cv2.LINE_AA)
    return canvas
