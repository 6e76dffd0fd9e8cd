"""Drawings on disk: drawn once, and nothing of them left where they didn't get finished."""

import errno
import multiprocessing
from pathlib import Path

import pytest

from igo.errors import CheckpointError
from igo.mini import drawings
from igo.mini.pictures import balanced_figures


class Full:
    """A file on a disk that takes no more after so many writes."""

    def __init__(self, file, left):
        self.file, self.left = file, left

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_line_and_everything_ends(workers, tmp_path, monkeypatch):
    own, figures = Path.open, balanced_figures(14, seed=0)
    monkeypatch.setattr(drawings, "CHUNK", 2)
    pictures, _ = drawings.draw_once(tmp_path / "before", figures[:2], (32, 48))

    def filling(path, mode="r", *more, **options):
        file = own(path, mode, *more, **options)
        return Full(file, 4) if mode == "wb" and path.name == "pictures.npy" else file

    monkeypatch.setattr(Path, "open", filling)
    with pytest.raises(CheckpointError, match=r"drawings' can't be written: No space left on device; make room"):
        drawings.draw_once(tmp_path / "drawings", figures, (32, 48), workers)
    monkeypatch.undo()
    assert not multiprocessing.active_children()
    assert not list((tmp_path / "drawings").iterdir())
    again, _ = drawings.draw_once(tmp_path / "drawings", figures, (32, 48))
    assert len(again) == 14
    assert (again[:2] == pictures).all()
