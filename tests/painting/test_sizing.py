"""Pictures of any size become jobs that a model can paint, and come back at their own size."""

import numpy as np
import pytest
from PIL import Image

from igo.images import resized
from igo.painting.job import Job
from igo.painting.sizing import fitted

NATIVE = (128, 192)


def job(image=None, mask=None, width=1, height=1):
    return Job("a", "", width, height, 4, 5.0, (1,), image=image, mask=mask)


@pytest.mark.parametrize(("width", "height"), [(8, 8), (500, 751), (1, 1)])
def test_text_is_painted_at_the_next_multiple_of_8_and_cropped_about_the_middle(width, height):
    fitting = fitted(job(width=width, height=height), NATIVE, 8)
    assert fitting.job.width % 8 == fitting.job.height % 8 == 0
    assert 0 <= fitting.job.width - width < 8
    rows = np.arange(fitting.job.height)[:, None] + np.zeros((1, fitting.job.width))
    cropped = np.asarray(fitting.restore(Image.fromarray((rows % 256).astype(np.uint8)).convert("RGB")))
    assert cropped.shape == (height, width, 3)
    assert cropped[0, 0, 0] == (fitting.job.height - height) // 2


@pytest.mark.parametrize("size", [(128, 192), (101, 200), (180, 250), (110, 120)])
def test_near_the_native_area_an_image_is_padded_and_not_scaled(size):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
    fitting = fitted(job(image=image), NATIVE, 4)
    assert fitting.job.image.size == (fitting.job.width, fitting.job.height)
    assert fitting.restore(fitting.job.image) == image
    assert fitting.scale == 1


@pytest.mark.parametrize("size", [(3001, 4001), (20, 30), (1, 4000), (4000, 1)])
def test_far_from_the_native_area_an_image_is_scaled_to_it(size):
    fitting = fitted(job(image=Image.new("RGB", size, (9, 8, 7))), NATIVE, 4)
    assert fitting.job.width % 8 == fitting.job.height % 8 == 0
    assert fitting.job.width * fitting.job.height < 128 * 192 * 1.2 + 8 * max(fitting.job.width, fitting.job.height)
    restored = fitting.restore(fitting.job.image)
    assert restored.size == size
    assert restored.getpixel((0, 0)) == (9, 8, 7)
    assert fitting.scale == pytest.approx((128 * 192 / (size[0] * size[1])) ** 0.5, rel=0.15)


def test_a_thin_part_of_the_mask_survives_to_the_latent_grid():
    mask = Image.new("L", (1024, 1536))
    mask.paste(255, (500, 0, 501, 1536))  # one pixel wide, on an eighth of the picture's scale
    fitting = fitted(job(image=Image.new("RGB", mask.size), mask=mask), NATIVE, 4)
    cells = np.asarray(
        fitting.job.mask.resize((fitting.job.width // 4, fitting.job.height // 4), Image.Resampling.NEAREST)
    )
    assert (cells.max(axis=1) == 255).all()
    assert set(np.unique(fitting.job.mask)) == {0, 255}
    assert np.asarray(fitting.job.mask).mean() < 255 * 0.1


def test_only_the_surroundings_of_a_mask_are_painted_and_put_back_in_their_place():
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (1200, 900, 3), dtype=np.uint8))
    mask = Image.new("L", photo.size)
    mask.paste(255, (500, 700, 540, 760))
    fitting = fitted(job(image=photo, mask=mask), NATIVE, 4)
    assert fitting.job.image.size == NATIVE  # a small zone: as many pixels as the model knows, none of them scaled
    restored = fitting.restore(Image.new("RGB", NATIVE, "red"))
    assert restored.size == photo.size
    red = (np.asarray(restored) == (255, 0, 0)).all(2)
    assert red.sum() >= NATIVE[0] * NATIVE[1]
    assert red[730, 520]
    assert not red[:600].any()
    assert np.array_equal(np.asarray(restored)[~red], np.asarray(photo)[~red])


@pytest.mark.parametrize("multiple", [16, 64])
def test_families_with_larger_multiples_are_served(multiple):
    mask = Image.new("L", (130, 190), 255)
    fitting = fitted(job(image=Image.new("RGB", mask.size), mask=mask), NATIVE, multiple, multiple)
    assert fitting.job.width % multiple == fitting.job.height % multiple == 0
    assert fitting.restore(fitting.job.image).size == (130, 190)


def test_resized_keeps_proportions_where_one_side_is_asked_for():
    image = Image.new("RGB", (30, 60))
    assert resized(image, None, None) is image
    assert resized(image, 30, 60) is image
    assert resized(image, 15, None).size == (15, 30)
    assert resized(image, None, 1).size == (1, 1)
    assert resized(image, 7, 9).size == (7, 9)
