"""Bytes and seconds, in the one way in which everything here says them."""

from igo.notebooks.quantities import duration, size


def test_sizes():
    counts = (0, 7, 999, 1000, 9_949, 9_950, 999_499, 999_500, 29_300_000, 1_560_000_000, 2e12)
    told = ["0 bytes", "7 bytes", "999 bytes", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "29 MB", "1.6 GB"]
    assert [size(count) for count in counts] == [*told, "2,000 GB"]


def test_durations():
    seconds = (0, 9.94, 9.96, 89, 90, 3569, 3571, 11_100, 3 * 86400)
    told = ["0.0 s", "9.9 s", "10 s", "89 s", "2 min", "59 min", "1 h 0 min", "3 h 5 min", "72 h 0 min"]
    assert [duration(one) for one in seconds] == told
