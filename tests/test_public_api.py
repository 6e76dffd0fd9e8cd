"""What outsiders may rely on: names, signatures, docstrings."""

import inspect
import subprocess
import sys
from importlib.util import find_spec

import pytest

import igo
from igo import hookspecs

PUBLIC = {
    "Chain", "Entry", "Event", "Frame", "IGOError", "Look", "ProgressBar", "Request", "Runtime", "TextToImage",
    "hookimpl", "load_chain", "replay", "speed", "together",
}  # fmt: skip
HOOKS = {
    "check": ["runtime"],
    "prepare": ["pipeline", "runtime"],
    "preprocess": ["request", "runtime"],
    "condition": ["request", "fit", "layer", "runtime"],
    "generate": ["request", "inner", "scores", "conditions", "runtime"],
    "provide": ["name", "target", "asking", "frame", "request", "runtime"],
    "score": ["frame", "request", "runtime"],
    "postprocess": ["frame", "request", "layer", "paint", "scores", "runtime"],
    "caption": ["images", "prompt", "runtime"],
    "observe": ["event"],
}
REQUEST = [
    "prompt", "negative_prompt", "width", "height", "num_inference_steps", "guidance_scale", "num_images", "seed",
    "strength", "image", "layers", "references",
]  # fmt: skip


def test_names():
    assert set(igo.__all__) == PUBLIC
    assert set(dir(igo)) >= PUBLIC
    with pytest.raises(AttributeError, match="module 'igo' has no attribute 'Chian'"):
        _ = igo.Chian


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_no_public_name_is_a_modules_too(name):
    """Whoever imports the module first would get it in place of what has its name."""
    assert find_spec(f"igo.{name}") is None


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_and_method_is_documented(name):
    thing = getattr(igo, name)
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{member}"


def test_hooks_and_their_arguments():
    assert {name: list(inspect.signature(getattr(hookspecs, name)).parameters) for name in HOOKS} == HOOKS
    assert set(hookspecs.RESULT_TYPES) == set(HOOKS)
    assert all(inspect.getdoc(getattr(hookspecs, name)) for name in HOOKS)


def test_the_request_has_diffusers_names():
    assert list(inspect.signature(igo.Request).parameters) == REQUEST


def test_every_error_is_one_kind_of_igo_error():
    from igo import errors

    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception)]
    assert len(kinds) > 8
    assert all(issubclass(kind, igo.IGOError) and inspect.getdoc(kind) for kind in kinds)


def test_importing_costs_next_to_nothing():
    code = "import sys; before = set(sys.modules); import igo; print(len(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 10


def test_the_example_of_the_hookspecs_runs():
    """The docstring's plugin, as an author would copy it."""
    from PIL import Image, ImageOps

    example = inspect.getdoc(hookspecs).split("::\n", 1)[1].split("\nOptional class", 1)[0]
    namespace = {"__name__": "example"}
    exec(inspect.cleandoc(example), namespace)
    image = Image.new("RGB", (3, 1))
    image.putpixel((0, 0), (255, 0, 0))
    assert igo.Chain(namespace["Mirror"]()).run(image=image).image == ImageOps.mirror(image)
