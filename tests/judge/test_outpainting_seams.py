"""Outpainting, measured: the same tasks in every evaluation, and seams that tell a good painter from a bad one."""

import numpy as np
import pytest
from PIL import Image
from rich.progress import Progress

import igo
from benchmarks.outpainting import WAYS, extend, extensions, rows
from igo.errors import SettingsError


class Redraws:
    """Paints what the drawing had there, found by the part that is not to change; for what is beside every drawing, it
    paints what it is given."""

    def __init__(self, tasks):
        self.drawings = {task.prompt: np.asarray(task.drawing) for task in tasks}

    @igo.hookimpl
    def generate(self, request):
        if request.strength == 0:
            return None
        drawing, shown = self.drawings[request.prompt], np.asarray(request.image)
        kept = np.asarray(request.layers["mask"]) == 0
        places = np.lib.stride_tricks.sliding_window_view(drawing, shown.shape)[:, :, 0] if fits(shown, drawing) else []
        for painted in (place for row in places for place in row):
            if np.array_equal(painted[kept], shown[kept]):
                return [igo.Frame(Image.fromarray(painted), request.seed)]
        return [igo.Frame(request.image.copy(), request.seed)]


def fits(inner, outer):
    return all(np.array(inner.shape) <= outer.shape)


class Approves:
    """A judge that sees legs everywhere."""

    def verdicts(self, pictures):
        return [{"legs": "yes"} for _ in pictures]


def gray(prompt, canvas, mask, seed):
    return Image.new("RGB", canvas.size, (128, 128, 128))


def test_the_first_tasks_are_the_same_for_every_count_and_ways_take_turns():
    assert extensions(7)[:3] == extensions(3)
    assert [task.way for task in extensions(4)] == [*WAYS, "sides"]
    assert extensions(1)[0].picture.size == (72, 192)
    with pytest.raises(SettingsError, match="pictures is 0; it must be at least 1"):
        extensions(0)


def test_a_painter_that_draws_on_has_no_seam_and_one_that_paints_gray_has_one():
    tasks = extensions(6)
    done = extend(tasks, Redraws(tasks), gray, {}, Progress(disable=True))
    for one in done[:2]:
        assert one.igo == one.extension.drawing
        kept = np.asarray(one.new) == 0
        assert np.array_equal(np.asarray(one.pasted)[kept], np.asarray(one.igo)[kept])
    found = {row.measure: row for row in rows(done, Approves())}
    assert found["seam of outpainting"].verdict == "aim"
    for way in ("sides", "below"):
        assert found[f"seam, {way}: IGO"].result < 1.3 < found[f"seam, {way}: plain, pasted"].result
    assert found["two separate legs, below: IGO"].result == 1
