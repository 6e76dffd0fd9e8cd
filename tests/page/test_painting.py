"""Runs that the page watches: progress, previews, errors, an end when it is wanted no more, one at a time."""

import time
from dataclasses import dataclass
from threading import Event as Flag

import pytest
from PIL import Image

import igo
from igo.errors import MaskError
from igo.page import painting
from igo.page.painting import Painter, Progress, Work
from igo.testing import PaintedBase


@dataclass(frozen=True)
class Slow(PaintedBase):
    """Paints in steps, and says in ``stepped`` how many it has made."""

    steps: int = 4
    pause: float = 0.005
    stepped: tuple = ()

    @igo.hookimpl
    def generate(self, request, runtime):
        for done in range(1, self.steps + 1):
            time.sleep(self.pause)
            runtime.progress(done, self.steps, preview=lambda: Image.new("RGB", (8, 8), "red"))
            for stepped in self.stepped:
                stepped.append(done)
        return PaintedBase.generate(self, request)


def work(chain, prompt="a coat", seed=3):
    return Work(prompt, lambda seed, observers: chain.run(prompt, seed=seed, observers=observers), seed)


def test_a_work_tells_how_far_it_is_and_gives_the_look_of_the_chain():
    chain = igo.Chain(Slow(pause=0.05))
    *told, look = Painter().paint(work(chain))
    assert all(isinstance(one, Progress) for one in told)
    assert look.image == chain.run("a coat", seed=3).image
    last = told[-1]
    assert (last.step, last.total) == ("slow", 4)
    assert last.preview.size == (8, 8)
    assert any(one.left is not None and one.left >= 0 for one in told)


def test_what_a_run_raises_is_raised():
    def fails(seed, observers):
        raise MaskError("nothing there", area=0.0)

    with pytest.raises(MaskError, match="nothing there"):
        list(Painter().paint(Work("", fails, 0)))


def test_closing_ends_the_run_between_two_steps_and_the_next_one_is_as_ever():
    stepped = []
    painter, chain = Painter(), igo.Chain(Slow(steps=1000, stepped=(stepped,)))
    running = painter.paint(work(chain))
    while not stepped:
        next(running)
    running.close()
    time.sleep(0.3)
    made = len(stepped)
    time.sleep(0.1)
    assert len(stepped) == made < 200
    *_, look = painter.paint(work(igo.Chain(PaintedBase())))
    assert look.image == igo.Chain(PaintedBase()).run("a coat", seed=3).image


def test_one_work_at_a_time_and_one_that_was_given_up_while_it_waited_never_begins(monkeypatch):
    monkeypatch.setattr(painting, "BEAT", 0.02)
    began, go = [], Flag()

    def held(seed, observers):
        began.append(seed)
        go.wait(10)
        return igo.Chain(PaintedBase()).run(seed=seed)

    painter = Painter()
    first, second, third = (painter.paint(Work("", held, seed)) for seed in (1, 2, 3))
    for waiting in (first, second, third):
        next(waiting)
        next(waiting)
    second.close()
    assert began == [1]
    go.set()
    assert [list(each)[-1].seed for each in (first, third)] == [1, 3]
    assert began == [1, 3]
