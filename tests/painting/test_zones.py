"""Zones far apart: each painted by itself, at its own scale."""

import numpy as np
import pytest
from PIL import Image, ImageChops

import igo
from igo.painting.zones import apart

NATIVE = (128, 192)
SIZE = (640, 480)
FIRST, SECOND = (20, 10, 40, 40), (590, 430, 630, 470)


def zones(*boxes, size=SIZE):
    mask = Image.new("L", size)
    for box in boxes:
        mask.paste(255, box)
    return mask


@pytest.mark.parametrize(
    ("boxes", "size", "count"),
    [
        ([(100, 100, 200, 200)], (4000, 3000), 1),
        ([(100, 100, 200, 200), (3700, 2700, 3800, 2800)], (4000, 3000), 2),
        ([(100, 100, 400, 400), (450, 100, 700, 400)], (4000, 3000), 1),
        ([(100, 100, 1500, 2900), (2500, 100, 3900, 2900)], (4000, 3000), 1),  # large ones gain nothing
        ([(100, 100, 200, 200), (260, 100, 350, 200), (3700, 2700, 3800, 2800)], (4000, 3000), 2),
        ([(5, 5, 20, 20), (100, 170, 120, 190)], (128, 192), 1),
        ([(0, 0, 1, 1), (3999, 0, 4000, 1), (0, 2999, 1, 3000)], (4000, 3000), 3),
        ([(0, 0, 4000, 3000)], (4000, 3000), 1),
    ],
)
def test_only_what_would_be_painted_much_smaller_is_painted_apart(boxes, size, count):
    mask = zones(*boxes, size=size)
    parts = apart(mask, NATIVE, 0.5)
    assert len(parts) == count
    assert np.array_equal(np.sum([np.asarray(part, int) for part in parts], axis=0), np.asarray(mask))


def test_soft_masks_and_specks_everywhere_are_the_mask_still():
    rng = np.random.default_rng(0)
    specks = Image.fromarray(
        np.where(rng.random((900, 1200)) > 0.999, rng.integers(1, 256, (900, 1200)), 0).astype("u1")
    )
    parts = apart(specks, (64, 64), 0.5)
    assert len(parts) <= 16
    assert np.array_equal(np.sum([np.asarray(part, int) for part in parts], axis=0), np.asarray(specks))


@pytest.fixture(scope="module")
def chain(tiny_checkpoint):
    return igo.Chain(igo.TextToImage(str(tiny_checkpoint)), runtime=igo.Runtime("cpu"))


@pytest.fixture(scope="module")
def large():
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC)


def painted(chain, photo, mask, **settings):
    return chain.run("a hat", image=photo, layers={"mask": mask}, seed=7, num_inference_steps=2, **settings)


def test_zones_far_apart_are_painted_each_at_its_scale_and_nothing_else(chain, large):
    mask = zones(FIRST, SECOND)
    look = painted(chain, large, mask)
    outside = ImageChops.multiply(ImageChops.difference(look.image, large), ImageChops.invert(mask).convert("RGB"))
    assert outside.getbbox() is None
    zone = look[0].history[-1].report["zone"]
    assert zone["scale"] == min(part["scale"] for part in zone["parts"]) > 0.3  # together it were 0.06
    assert [part["box"] for part in zone["parts"]] == [list(FIRST), list(SECOND)]
    assert zone["parts"][0]["seeds"] == [7] != zone["parts"][1]["seeds"]
    assert zone["area"] == pytest.approx(np.count_nonzero(mask) / np.asarray(mask).size, abs=1e-5)
    alone = painted(chain, large, zones(FIRST))
    assert alone.image.crop(FIRST) == look.image.crop(FIRST)
    assert "parts" not in alone[0].history[-1].report["zone"]
    assert painted(chain, large, mask).image == look.image
    assert look.image.crop(SECOND) != large.crop(SECOND)


def test_several_pictures_keep_their_seeds(chain, large):
    mask = zones(FIRST, SECOND)
    two = painted(chain, large, mask, num_images=2)
    assert two[0].image == painted(chain, large, mask).image
    assert two[1].image.crop(SECOND) != two[0].image.crop(SECOND)


def test_progress_goes_on_from_part_to_part(chain, large):
    heard = []

    class Listener:
        @igo.hookimpl
        def observe(self, event):
            if event.kind == "progress":
                heard.append((event.done, event.total))

    painted(chain, large, zones(FIRST, SECOND), observers=[Listener()])
    assert heard == sorted(heard)
    assert heard[-1] == (4, 4)
