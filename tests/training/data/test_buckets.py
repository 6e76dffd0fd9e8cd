"""Shapes of about equal area, and which of them a picture goes to."""

import math

import pytest

from igo.errors import SettingsError
from igo.training.data.buckets import bucket_sizes, nearest_bucket


@pytest.mark.parametrize(
    ("size", "multiple", "step"),
    [((512, 768), None, 64), ((512, 512), None, 64), ((1024, 1024), 64, 64), ((128, 192), None, 8), (90_000, None, 64)],
)
def test_buckets_have_about_equal_areas(size, multiple, step):
    buckets, area = bucket_sizes(size, multiple), size if isinstance(size, int) else size[0] * size[1]
    assert isinstance(size, int) or size in buckets
    for width, height in buckets:
        assert width % step == height % step == 0
        assert area - 2 * step * math.sqrt(area) <= width * height <= area
        assert max(width, height) <= 2 * min(width, height)
        assert (height, width) in buckets
    assert buckets == sorted(set(buckets))
    assert any(width == height for width, height in buckets)


def test_a_picture_goes_where_it_loses_least():
    buckets = bucket_sizes((512, 768))
    assert nearest_bucket((2000, 3000), buckets) == (512, 768)
    assert nearest_bucket((3000, 2000), buckets) == (768, 512)
    assert nearest_bucket((1000, 1000), buckets) == (576, 576)
    assert nearest_bucket((100, 5000), buckets) == (448, 832)
    for size in ((1080, 1920), (3024, 4032), (1080, 1350), (1200, 1000)):
        shape = math.log(size[0] / size[1])
        width, height = nearest_bucket(size, buckets)
        assert abs(math.log(width / height) - shape) < 0.07  # no more of the longer side is cropped


@pytest.mark.parametrize(
    ("size", "multiple", "told"),
    [((512, 512), 12, "expected a multiple of 8"), ((4, 4), None, "choose a larger size"), (-9, None, "larger size")],
)
def test_buckets_that_can_not_be(size, multiple, told):
    with pytest.raises(SettingsError, match=told):
        bucket_sizes(size, multiple)
