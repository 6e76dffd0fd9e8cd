"""A step blames whatever is wrong with a plugin on its name and hook, most of it before anything runs."""

import inspect
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pluggy
import pytest
from PIL import Image

import igo
from igo import hookspecs
from igo.chains.step import Step, default_name
from igo.errors import ConfigError, ImageError, PluginError, SettingsError
from igo.testing import PaintedBase

if TYPE_CHECKING:
    pass


ARGUMENTS = {"request": igo.Request(), "layer": None, "paint": None, "scores": None, "runtime": None}
"""Of ``postprocess``, beside the frame."""


def plugin(**members):
    """An instance of a class named Odd with these members."""
    return type("Odd", (), members)()


def hook(name, function):
    function.__name__ = name
    return igo.hookimpl(function)


def test_names():
    class HTTPMaskOf2D:
        pass

    assert default_name(igo.TextToImage) == "text-to-image"
    assert default_name(HTTPMaskOf2D) == "http-mask-of2-d"


def test_misspelt_hook_is_named_with_the_nearest():
    with pytest.raises(PluginError, match=r"^step 'odd': there is no hook 'postproces'; did you mean 'postprocess'\?$"):
        Step(plugin(postproces=hook("postproces", lambda self, frame: frame)))


def test_misspelt_argument_is_named_with_the_nearest():
    expected = (
        r"^step 'odd' \(postprocess\): there is no argument 'fram'; did you mean 'frame'\? \(postprocess offers: "
    )
    with pytest.raises(PluginError, match=expected):
        Step(plugin(postprocess=hook("postprocess", lambda self, fram: fram)))


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper"])
def test_wrappers_are_refused_with_a_pointer_to_inner(option):
    def generate(self, request):
        return (yield)

    marked = pluggy.HookimplMarker("igo")(generate, **{option: True})
    with pytest.raises(PluginError, match=r"step 'odd' \(generate\): wrapper=True is not supported; .* call inner"):
        Step(plugin(generate=marked))


@pytest.mark.parametrize("returns", [Image.Image, Image.Image | None, "str", list[int], igo.Request])
def test_wrong_return_annotation_is_found_at_once(returns):
    def postprocess(self, frame):
        return frame

    postprocess.__annotations__["return"] = returns
    with pytest.raises(PluginError, match=r"step 'odd' \(postprocess\): is declared to return .*; expected a Frame"):
        Step(plugin(postprocess=igo.hookimpl(postprocess)))


def test_options_of_the_marker_are_refused_with_a_pointer_to_inner():
    with pytest.raises(PluginError, match=r"igo.hookimpl takes no options \(wrapper=...\); to act around generation"):

        class Wraps:
            @igo.hookimpl(wrapper=True)
            def generate(self, request): ...


def test_async_hooks_are_refused():
    async def observe(self, event): ...

    with pytest.raises(PluginError, match=r"step 'odd' \(observe\): is async; hooks are called and not awaited"):
        Step(plugin(observe=igo.hookimpl(observe)))


RIGHT = [igo.Frame, igo.Frame | None, "igo.Frame", "FrameForCheckers", "not a type", "igo.Nope", Any, None, object]


@pytest.mark.parametrize("returns", RIGHT)
def test_right_and_unknown_return_annotations_pass(returns):
    def postprocess(self, frame):
        return frame

    postprocess.__annotations__["return"] = returns
    Step(plugin(postprocess=igo.hookimpl(postprocess)))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you ...")])
def test_memory_that_runs_out_is_told_as_such(error):
    class Greedy:
        @igo.hookimpl
        def postprocess(self, frame):
            raise error

    with pytest.raises(PluginError, match=r"step 'greedy' \(postprocess\): ran out of memory; ask for a smaller"):
        igo.Chain(PaintedBase(), Greedy()).run("a", seed=1)


def test_class_or_hookless_object_is_refused():
    class Fine:
        @igo.hookimpl
        def observe(self, event): ...

    with pytest.raises(PluginError, match=r"Fine is a class; expected an instance: write Fine\(...\)"):
        Step(Fine)
    with pytest.raises(PluginError, match="step 'odd': implements no hook; mark one of prepare, "):
        Step(plugin())


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"needs": "mask"}, "needs is 'mask'; expected a tuple of names"),
        ({"provides": (1,)}, r"provides is \(1,\); expected a tuple of names"),
        ({"needs_references": ["a"]}, r"needs_references is \['a'\]; expected a tuple of names"),
        (
            {"needs_references": property(lambda self: self.gone)},
            "needs_references can't be read: AttributeError: .*gone",
        ),
    ],
)
def test_wrong_declarations_are_refused(members, message):
    with pytest.raises(PluginError, match=message):
        Step(plugin(observe=hook("observe", lambda self, event: None), **members))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([PaintedBase()], "a list is no plugin; give them one by one: Chain(*plugins)"),
        ("mini", "'mini' is no plugin; write igo.TextToImage('mini') for the base"),
    ],
)
def test_what_is_no_plugin_is_refused_with_what_was_meant(given, message):
    with pytest.raises(PluginError, match=re.escape(message)):
        igo.Chain(given)


def test_a_method_without_self_is_refused():
    def postprocess(frame):
        return frame

    with pytest.raises(PluginError, match="takes 'frame' first, and would be given itself; take self before"):
        Step(plugin(postprocess=igo.hookimpl(postprocess)))


def test_parentheses_after_the_mark_are_refused():
    with pytest.raises(PluginError, match=re.escape("write @igo.hookimpl, without parentheses")):
        igo.hookimpl()


@dataclass(frozen=True)
class Inked:
    """Settings of several types."""

    mode: Literal["soft", "hard"] | None = None
    parts: tuple[str, ...] = ()
    amount: float = 1
    anything: object = None

    @igo.hookimpl
    def postprocess(self, frame):
        return frame


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "sofft"}, "step 'inked': mode is 'sofft'; expected 'soft' or 'hard'"),
        ({"amount": "much"}, "step 'inked': amount is 'much'; expected a valid number"),
    ],
)
def test_a_setting_that_no_file_could_hold_is_refused_when_the_chain_is_built(settings, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        igo.Chain(Inked(**settings))


def test_settings_that_python_takes_pass():
    igo.Chain(Inked("hard", ["a", "b"], 2, anything=object()))


def test_own_exceptions_are_blamed_and_kept_as_cause(photo):
    def postprocess(self, frame):
        raise ZeroDivisionError("by\nzero")

    step = Step(plugin(postprocess=igo.hookimpl(postprocess)))
    with pytest.raises(
        PluginError, match=r"^step 'odd' \(postprocess\): ZeroDivisionError: by zero \(test_step.py, line \d+\)$"
    ) as caught:
        step.ask("postprocess", **ARGUMENTS, frame=igo.Frame(photo))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_igo_errors_keep_their_type_and_get_the_place(photo):
    def postprocess(self, frame):
        raise ImageError("too dark")

    step = Step(plugin(postprocess=igo.hookimpl(postprocess)))
    with pytest.raises(ImageError, match=r"^step 'odd' \(postprocess\): too dark$"):
        step.ask("postprocess", **ARGUMENTS, frame=igo.Frame(photo))


def test_keyboard_interrupt_passes_through():
    def observe(self, event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Step(plugin(observe=igo.hookimpl(observe))).ask("observe", event=igo.Event("start", "a", "b"))


def test_settings_are_those_that_differ_from_their_defaults():
    @dataclass
    class Plugin:
        a: int
        b: float = 1.0
        c: list[int] = field(default_factory=list)
        d: int = field(default=3, init=False)

        @igo.hookimpl
        def observe(self, event): ...

    assert Step(Plugin(1)).settings() == {"a": 1}
    assert Step(Plugin(1, 1)).settings() == {"a": 1, "b": 1}  # 1 is not 1.0 to a reader of the file
    assert Step(Plugin(1, c=[2])).settings() == {"a": 1, "c": [2]}
    with pytest.raises(ConfigError, match="step 'odd': Odd is not a dataclass"):
        Step(plugin(observe=hook("observe", lambda self, event: None))).settings()


def test_properties_are_not_evaluated_when_a_plugin_is_registered():
    """A lazy model behind a property must not load just because the chain is built."""

    class Lazy:
        @property
        def model(self):
            raise AssertionError("loaded")

        @igo.hookimpl
        def observe(self, event): ...

    Step(Lazy())


def test_an_argument_that_was_renamed_keeps_working_with_a_warning_that_names_both(photo, monkeypatch):
    monkeypatch.setitem(hookspecs.RENAMED_ARGUMENTS, "postprocess", {"picture": "frame"})

    def postprocess(self, picture, request):
        return picture.noted(prompt=request.prompt)

    expected = r"^step 'odd' \(postprocess\): the argument 'picture' is called 'frame' now$"
    with pytest.warns(DeprecationWarning, match=expected) as warned:
        chain = igo.Chain(plugin(postprocess=igo.hookimpl(postprocess)))
    assert warned[0].filename == __file__
    assert chain.run("a coat", image=photo)[0].history[-1].report["prompt"] == "a coat"
    with pytest.raises(PluginError, match=r"there is no argument 'pictures'; choose one of: frame, "):
        Step(plugin(postprocess=hook("postprocess", lambda self, pictures: pictures)))


def test_new_names_of_renamed_arguments_say_nothing(photo, monkeypatch):
    monkeypatch.setitem(hookspecs.RENAMED_ARGUMENTS, "postprocess", {"picture": "frame"})
    assert igo.Chain(plugin(postprocess=hook("postprocess", lambda self, frame: frame))).run(image=photo).image == photo


def test_every_renamed_argument_names_one_that_there_is():
    for name, renamed in hookspecs.RENAMED_ARGUMENTS.items():
        arguments = inspect.signature(getattr(hookspecs, name)).parameters
        assert set(renamed.values()) <= set(arguments)
        assert not set(renamed) & set(arguments)


def test_an_argument_with_a_default_would_never_be_given_and_is_refused():
    def postprocess(self, frame, layer=None, gamma=2.2):
        return frame

    with pytest.raises(PluginError, match=r"step 'odd' \(postprocess\): the argument 'layer' has a default, and would"):
        Step(plugin(postprocess=igo.hookimpl(postprocess)))


def test_whether_a_plugin_resizes_is_read_and_checked():
    observe = hook("observe", lambda self, event: None)
    assert not Step(plugin(observe=observe)).resizes
    assert Step(plugin(observe=observe, resizes=True)).resizes
    with pytest.raises(PluginError, match="step 'odd': resizes is 'yes'; expected True or False"):
        Step(plugin(observe=observe, resizes="yes"))
