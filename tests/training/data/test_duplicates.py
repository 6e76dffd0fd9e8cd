"""The same picture twice, however it was saved."""

from io import BytesIO

import pytest
from PIL import Image, ImageEnhance, ImageOps

from igo import wardrobe
from igo.training.data.duplicates import alike, difference_hash


@pytest.fixture(scope="module")
def drawings():
    return [Image.fromarray(wardrobe.draw(wardrobe.sample(seed), 128, 192).image) for seed in range(6)]


def jpeg(picture):
    file = BytesIO()
    picture.save(file, "JPEG", quality=50)
    return Image.open(file).convert("RGB")


def test_copies_are_found_and_others_are_not(drawings):
    shrunk = drawings[1].resize((64, 96), Image.Resampling.LANCZOS)
    pale = ImageEnhance.Contrast(drawings[4]).enhance(0.9)
    pictures = [*drawings, jpeg(drawings[1]), shrunk, ImageOps.mirror(drawings[2]), pale]
    assert alike([difference_hash(picture) for picture in pictures]) == [[1, 6, 7], [4, 9]]


def test_what_is_like_the_same_picture_is_one_group():
    """Of three in a row each is like its neighbour, and the ends are not alike."""
    hashes = [difference_hash(Image.new("L", (34, 32))) for _ in range(3)]
    hashes[1] = hashes[1].copy()
    hashes[1][0] = (1 << 20) - 1
    hashes[2] = hashes[1].copy()
    hashes[2][1] = (1 << 20) - 1
    assert alike(hashes) == [[0, 1, 2]]
    assert alike([hashes[0], hashes[2]]) == []
    assert alike([hashes[0], hashes[2], hashes[1]]) == [[0, 1, 2]]
    assert alike([]) == []
