"""Straps of bags, told from garments by their colours."""

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

import igo
from igo.wardrobe import PARSE, draw, sample
from igo_plugins.parsing.labels import Part
from igo_plugins.parsing.parser import load
from igo_plugins.parsing.straps import told_apart

SIZE = (128, 192)


def strapped(background=Part.BACKGROUND):
    """A green strap over a brown shirt, as it is, and as a parser sees it: wider here, not at all there."""
    image = np.full((120, 80, 3), (120, 150, 220), np.uint8)
    parse = np.full((120, 80), background, np.uint8)
    image[30:100, 20:60], parse[30:100, 20:60] = (110, 60, 30), Part.TOP
    true = np.zeros((120, 80), np.uint8)
    cv2.line(true, (58, 32), (24, 90), (1,), 3)
    image[true > 0] = (30, 130, 60)
    seen = cv2.dilate(true, np.ones((3, 3), np.uint8))
    seen[50:54] = 0
    parse[seen > 0] = Part.BAG
    return Image.fromarray(image), parse, true > 0


def test_what_has_the_garments_colour_is_the_garments():
    image, parse, true = strapped()
    found = told_apart(parse, image)
    assert ((found == Part.BAG) == true).mean() > 0.995
    assert np.array_equal(found == Part.BACKGROUND, parse == Part.BACKGROUND)
    assert not np.array_equal(found, parse)


def test_nothing_else_changes_sides():
    image, parse, _ = strapped()
    for part in (Part.FACE, Part.SHOES):  # not worn over a garment
        other = np.where(parse == Part.BAG, part, parse).astype(np.uint8)
        assert told_apart(other, image) is other
    alike = Image.new("RGB", image.size, (90, 90, 90))  # of one colour
    assert np.array_equal(told_apart(parse, alike), parse)


def test_large_pictures_are_told_alike():
    image, parse, _ = strapped()
    large = image.resize((800, 1200), Image.Resampling.BOX)
    found = told_apart(np.kron(parse, np.ones((10, 10), np.uint8)), large)
    assert (found[::10, ::10] == told_apart(parse, image)).mean() > 0.98


def test_straps_of_drawn_figures():
    """What the embedded parser sees of them is more often right afterwards."""
    parser = load("mini", igo.Runtime("cpu"))
    gained = []
    for seed in range(24):
        figure = replace(sample(8_000_000 + seed), bag=("bag", "backpack")[seed % 2])
        drawing = draw(figure, *SIZE)
        true = drawing.parse == PARSE.index("bag")
        image = Image.fromarray(drawing.image)
        parse = parser.parse(image)
        before, after = (one == Part.BAG for one in (parse, told_apart(parse, image)))
        shares = [(mask & true).sum() / (mask | true).sum() for mask in (before, after)]
        gained.append(shares[1] - shares[0])
    assert np.mean(gained) > 0.03, gained
