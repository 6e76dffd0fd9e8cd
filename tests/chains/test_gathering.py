"""Calls that take turns: what they want done alike is done at once, and none of them notices."""

import threading
from contextvars import ContextVar
from functools import partial

import pytest
from PIL import Image

import igo
from igo.chains.gathering import gathered, together
from igo.errors import CheckpointError, PluginError, SettingsError
from igo.painting.diffusion import Diffusion
from igo_plugins import VirtualStyling

SETTINGS = {"num_inference_steps": 2, "guidance_scale": 5.0, "negative_prompt": "blurry", "seed": 3}


class Doubles:
    """Doubles numbers, and remembers which it was given at once."""

    def __init__(self, error=None):
        self.batches, self.error = [], error

    def __call__(self, numbers):
        self.batches.append(numbers)
        if self.error is not None:
            raise self.error
        return [2 * number for number in numbers]

    def __eq__(self, other):
        raise AssertionError("only keys are compared")

    def one(self, number, key="key"):
        return gathered(key, number, self)


def test_what_is_wanted_alike_is_done_at_once_and_given_back_in_order():
    doubles = Doubles()
    assert together([partial(doubles.one, number) for number in range(5)], batch_size=2) == [0, 2, 4, 6, 8]
    assert doubles.batches == [[0, 1], [2, 3], [4]]


def test_alone_it_is_done_at_once_too():
    doubles = Doubles()
    assert doubles.one(4) == 8
    assert together([], 3) == []
    assert doubles.batches == [[4]]


def test_other_keys_are_other_batches_and_calls_may_want_more_or_nothing():
    doubles = Doubles()

    def twice(number):
        return doubles.one(doubles.one(number), key=("second", number % 2))

    calls = [partial(twice, 1), partial(doubles.one, 5), lambda: "nothing", partial(twice, 2), partial(twice, 3)]
    assert together(calls, 10) == [4, 10, "nothing", 8, 12]
    assert doubles.batches == [[1, 5, 2, 3], [2, 6], [4]]


def test_never_two_calls_run_at_once():
    doubles, running, seen = Doubles(), [], []

    def call(number):
        for _ in range(3):
            running.append(number)
            seen.append(len(running))
            threading.Event().wait(0.002)
            running.remove(number)
            doubles.one(number)

    together([partial(call, number) for number in range(4)])
    assert seen == [1] * 12


def test_an_error_ends_the_others_and_leaves_no_thread():
    doubles, ended = Doubles(), []

    def call(number):
        try:
            doubles.one(number)
            if number == 1:
                raise ValueError("the second")
            doubles.one(number)
        except Exception:
            ended.append(f"{number} sees an error")
            raise
        finally:
            ended.append(number)

    before = threading.active_count()
    with pytest.raises(ValueError, match="the second"):
        together([partial(call, number) for number in range(4)])
    assert ended == ["1 sees an error", 1, 0, 2, 3]
    assert threading.active_count() == before
    assert doubles.batches == [[0, 1, 2, 3]]


def test_an_error_of_what_is_done_is_raised_where_it_was_wanted():
    doubles = Doubles(CheckpointError("out of memory"))

    def call(number):
        try:
            return doubles.one(number)
        except CheckpointError as error:
            return f"{number}: {error}"

    assert together([partial(call, number) for number in range(2)]) == ["0: out of memory", "1: out of memory"]
    with pytest.raises(CheckpointError, match=r"^out of memory$"):
        together([partial(doubles.one, number) for number in range(2)])


def test_an_interruption_ends_them_all():
    doubles, before = Doubles(KeyboardInterrupt()), threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        together([partial(doubles.one, number) for number in range(3)])
    assert threading.active_count() == before


def test_calls_see_the_callers_context_and_may_gather_themselves():
    doubles, setting = Doubles(), ContextVar("setting", default="none")
    setting.set("the caller's")
    assert together([setting.get, lambda: together([setting.get])[0]]) == ["the caller's"] * 2
    inner = [partial(doubles.one, number) for number in range(2)]
    assert together([partial(together, inner), partial(together, inner)]) == [[0, 2]] * 2
    assert doubles.batches == [[0, 1], [0, 1]]


def test_what_is_done_for_a_call_has_its_context():
    setting, seen = ContextVar("setting", default="none"), []

    def do(numbers):
        seen.append((setting.get(), numbers))
        return together([partial(gathered, "inner", number, add_one) for number in numbers])

    def add_one(numbers):
        return [number + 1 for number in numbers]

    def call(value, number):
        token = setting.set(value)
        try:
            return gathered("key", number, do)
        finally:
            setting.reset(token)

    red, blue = "red", "blue"
    assert together([partial(call, *one) for one in ((red, 1), (blue, 2), (red, 3))]) == [2, 3, 4]
    assert seen == [(red, [1, 3]), (blue, [2])]
    assert setting.get() == "none"


def test_errors_may_be_results_and_leave_the_others_theirs():
    doubles = Doubles()

    def call(number):
        if number == 1:
            raise ValueError("the second")
        once = doubles.one(number)
        if number == 2:
            raise CheckpointError("the third")
        return doubles.one(once)

    calls, before = [partial(call, number) for number in range(5)], threading.active_count()
    found = together(calls, batch_size=3, return_exceptions=True)
    assert [found[0], found[3], found[4]] == [0, 12, 16]
    assert [repr(error) for error in found[1:3]] == ["ValueError('the second')", "CheckpointError('the third')"]
    assert threading.active_count() == before

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together([interrupted, partial(call, 0)], return_exceptions=True)


def test_at_least_one_call_must_be_under_way():
    with pytest.raises(SettingsError, match="batch_size is 0; expected at least 1"):
        together([], batch_size=0)


@pytest.fixture
def batches(monkeypatch):
    """How many pictures each call of a pipeline made, where pictures are made as on a GPU: many at once."""
    call, sizes = Diffusion._call, []
    start = Diffusion.__init__

    def made(self, *arguments, **named):
        start(self, *arguments, **named)
        self.memory.at_once = 100

    def counted(self, batch, on_step):
        sizes.append(len(batch))
        return call(self, batch, on_step)

    monkeypatch.setattr(Diffusion, "__init__", made)
    monkeypatch.setattr(Diffusion, "_call", counted)
    return sizes


def lookbook(checkpoint, garments, **options):
    """A garment after the other in a mask of a gray photo."""
    photo, mask = Image.new("RGB", (48, 64), "gray"), Image.new("L", (48, 64))
    mask.paste(255, (8, 8, 40, 48))
    base, runtime = igo.TextToImage(str(checkpoint)), igo.Runtime("cpu", "float32")
    chains = [igo.Chain(base, VirtualStyling("shirt", to=garment), runtime=runtime) for garment in garments]
    settings = {"image": photo, "layers": {"mask": mask}, "strength": 0, **SETTINGS, **options}
    return [partial(chain.run, "a street", **settings) for chain in chains]


def test_chains_that_run_together_make_the_pictures_they_make_alone(tiny_checkpoint):
    garments = ["a red hoodie", "a blue coat", "a (green:1.4) dress"]
    alone = [call() for call in lookbook(tiny_checkpoint, garments)]
    looks = together(lookbook(tiny_checkpoint, garments))
    assert [look.image for look in looks] == [look.image for look in alone]
    assert [look.frames[0].history for look in looks] == [look.frames[0].history for look in alone]
    assert len({look.image.tobytes() for look in looks}) == 3


def test_garments_are_painted_in_batches(tiny_checkpoint, batches):
    garments = ["a red hoodie", "a blue coat", "a coat of " + "many, " * 90 + "colours", "a green dress"]
    alone = [call() for call in lookbook(tiny_checkpoint, garments)]
    assert batches == [1] * 4
    looks = together(lookbook(tiny_checkpoint, garments))
    assert batches[4:] == [3, 1], "a prompt of more tokens can't be in one batch with the others"
    for look, other in zip(looks, alone, strict=True):
        pixels = zip(look.image.tobytes(), other.image.tobytes(), strict=True)
        assert max(abs(one - another) for one, another in pixels) <= 1


def test_progress_is_that_of_the_batch(tiny_checkpoint, batches):
    heard = {}

    class Hears:
        def __init__(self, name):
            self.name = name

        @igo.hookimpl
        def observe(self, event):
            if event.kind == "progress":
                heard.setdefault(self.name, []).append((event.done, event.total))

    calls = lookbook(tiny_checkpoint, ["a coat", "a dress"], num_images=1)
    together([partial(call, observers=[Hears(name)]) for name, call in zip("ab", calls, strict=True)])
    assert heard == {"a": [(2, 4), (4, 4)], "b": [(2, 4), (4, 4)]}


def test_a_chain_that_fails_is_named_and_ends_the_others(tiny_checkpoint, batches):
    class Breaks:
        @igo.hookimpl
        def postprocess(self, frame):
            raise ZeroDivisionError("by zero")

    good, other = lookbook(tiny_checkpoint, ["a coat", "a dress"])
    bad = partial(igo.Chain(Breaks()).run, image=Image.new("RGB", (8, 8)))
    with pytest.raises(PluginError, match=r"step 'breaks' \(postprocess\): ZeroDivisionError: by zero"):
        together([good, bad, other])
    assert batches == []
