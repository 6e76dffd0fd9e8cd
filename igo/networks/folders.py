"""Models in transformers' or diffusers' layout from folders that nobody vouches for: a description that may claim
anything is held against the weights before memory is taken, and weights that are missing are not made up."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.modules import module as hooks

from igo import hub
from igo.errors import CheckpointError, IGOError
from igo.files import at_home, check_regular, digests, reason
from igo.licensing import Permit, fetch, permit_all, stated
from igo.networks.weights import FLOATS, SAFETENSORS, check_finite, described, read, shown

_WEIGHTS = (
    re.compile(r"(diffusion_pytorch_)?model(-\d+-of-\d+)?\.safetensors"),
    re.compile(r"(diffusion_)?pytorch_model(-\d+-of-\d+)?\.bin"),
)
_DESCRIPTIONS = (".json", ".txt", ".model", ".jinja", ".spm", ".tiktoken")
_LAYERS = re.compile(r"(.*_)?(n_?layers?|layers|depth|blocks)")
"""Names in a description that say how many of something are built one after the other."""
_COPIES = 4
"""How many times more parameters and numbers than its files hold a model may be built with: those that are tied are
built twice, and two numbers of 4 bits may lie in a byte."""
_FEW, _SMALL = 256, 2**24
"""What is let be beside: parameters and numbers, such as buffers that are computed."""
_COUNTERS = ("_ids", "_index", "_tracked")
"""How tensors end that are whole numbers by their nature, such as the places of a text's words."""
_SIDES = ("height", "width")
_COUNTS = ("num_labels",)
_LONGEST = 2**13
"""Pixels of a side that pictures may be brought to for a model, and labels, for each of which transformers makes up a
name before it looks at the weights."""


def load_model(kind: Any, place: Path, what: str, **options: Any) -> Any:
    """``kind.from_pretrained(place, **options)`` of transformers or diffusers, whole and finite; checked before all
    else of it.

    Raises ``CheckpointError``, which begins with ``what``, for a folder that can't be trusted (see ``check_folder``),
    and for weights that are missing, of another shape than described, or not finite.
    """
    held = check_folder(place)
    of_diffusers = kind.__module__.startswith("diffusers.")
    if not of_diffusers:
        options["ignore_mismatched_sizes"] = True  # to be told which
    with held.built_no_larger(meta=not of_diffusers):
        model, told = kind.from_pretrained(place, output_loading_info=True, **options)
    if told["missing_keys"]:  # both would make them up, and say so in a warning alone
        missing = sorted(told["missing_keys"])
        raise CheckpointError(f"{what} lacks {len(missing)} weights, such as {shown(missing[0])}; name another")
    if told["mismatched_keys"]:
        name, found, described_as = min(told["mismatched_keys"])
        raise CheckpointError(
            f"{what} holds {shown(name)} with shape {shown(tuple(found))}, which it describes as "
            f"{shown(tuple(described_as))}; "
            "name another"
        )
    held.check_finite(model, what)
    return model


def place_of(name: str, what: str, expected: str, revision: str | None = None, permit: Permit = permit_all) -> Path:
    """The folder ``name``, or the one in the cache with what transformers loads of a hub's ``owner/name``.

    ``permit``, such as a runtime's, is asked about the licence before weights are fetched. Raises what that raises, and
    ``CheckpointError`` for what is neither, or can't be fetched.
    """
    folder = at_home(name)
    if name and folder.is_dir():
        permit(name, stated(folder))
        return folder
    if folder.exists() or not hub.is_name(name):
        raise CheckpointError(f"{what} can't be loaded: there is no such folder; {expected}")
    return fetch(name, _wanted, permit, revision)


def identity(place: Path, name: str) -> str:
    """Which weights ``place_of`` gave for ``name``: ``revision:<commit>`` of a hub, else ``sha256:<digest>``."""
    if not at_home(name).is_dir():
        return f"revision:{place.name}"
    files = (path for path in place.iterdir() if path.suffix in (SAFETENSORS, ".bin", *_DESCRIPTIONS))
    return digests.digest(place, (path for path in files if path.is_file()))


def _wanted(files: Sequence[str], _look: hub.Look) -> list[str]:
    """Of a model's repository: the descriptions, and the weights as safetensors if there are such."""
    weights = [[file for file in files if kind.fullmatch(file)] for kind in _WEIGHTS]
    described = [file for file in files if "/" not in file and file.endswith(_DESCRIPTIONS)]
    return described + next((found for found in weights if found), [])


@contextmanager
def one_line(what: str, expected: str, fails: str = "can't be loaded") -> Iterator[None]:
    """Whatever a folder's files lead the loaders to raise, or the models, as a ``CheckpointError``."""
    try:
        yield
    except IGOError:
        raise
    except Exception as error:
        raise CheckpointError(f"{what} {fails}: {shown(error) or type(error).__name__}; {expected}") from error


@contextmanager
def built_within(tensors: int, numbers: int, refusal: str, *, meta: bool = True) -> Iterator[None]:
    """While a model is built in this thread: ``CheckpointError`` with ``refusal`` as soon as it has more tensors, or
    they more numbers.

    Of a loader that builds on the ``meta`` device what it fills in later is not counted. That of diffusers moves each
    tensor there when it has been made, and fills them in otherwise.
    """
    thread, built, counted = threading.get_ident(), 0, 0

    def count(_module: Any, _name: str, value: Tensor | None) -> None:
        nonlocal built, counted
        if value is None or (meta and not value.is_meta) or threading.get_ident() != thread:
            return
        built, counted = built + 1, counted + value.numel()
        if built > tensors or counted > numbers:
            raise CheckpointError(refusal)

    handles = [
        hooks.register_module_parameter_registration_hook(count),
        hooks.register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True)
class Held:
    """What the weight files of a folder hold."""

    folder: Path
    files: tuple[Path, ...]
    tensors: int
    size: int
    """Bytes."""

    def built_no_larger(self, *, meta: bool = True) -> AbstractContextManager[None]:
        """As ``built_within``, for a description that claims more than the files could fill."""
        return built_within(
            _COPIES * self.tensors + _FEW,
            _COPIES * self.size + _SMALL,
            f"{self.folder / 'config.json'} describes a larger model than the {self.tensors} weights beside it are, of "
            f"{self.size} bytes; download them again",
            meta=meta,
        )

    def check_finite(self, model: Any, source: object) -> None:
        """Raise ``CheckpointError``, which names the ``source``, for weights of a loaded model that are not finite.

        Where some were left on the disk, the files are looked through instead.
        """
        state = model.state_dict()
        check_finite(state, source)
        if any(value.is_meta for value in state.values()):
            for path in self.files:
                check_finite(read(path), source)


def check_folder(folder: Path) -> Held:
    """What the files in a model's folder hold that transformers would load.

    Raises ``CheckpointError`` for weights that can't be trusted (see ``described``), for what is neither file nor
    folder, and for a description with more layers than there are weights, or pictures without measure.
    """
    names = sorted(path for path in folder.iterdir() if not path.is_dir())
    for path in names:
        try:
            check_regular(path)
        except OSError as error:
            raise CheckpointError(f"can't read {path}: {reason(error)}; expected a file") from None
    files = [path for path in names if path.suffix == SAFETENSORS]
    files = files or [path for path in names if path.suffix == ".bin" and "model" in path.name]
    tensors = 0
    quantized = "quantization_config" in description(folder / "config.json")
    for path in files:
        found = described(path)
        tensors += len(found)
        for name, value in found.items():
            if value.ndim and value.dtype not in FLOATS and not (quantized or name.endswith(_COUNTERS)):
                kind = str(value.dtype).removeprefix("torch.")
                raise CheckpointError(f"{path} holds {shown(name)}, which is {kind}; expected floats of 16 to 64 bits")
    for file in ("config.json", "preprocessor_config.json", "processor_config.json"):
        _check_claims(folder / file, tensors)
    return Held(folder, tuple(files), tensors, sum(path.stat().st_size for path in files))


def description(path: Path) -> dict[str, Any]:
    """A table in JSON, which may not be there. Raises ``CheckpointError`` for what is none."""
    try:
        read = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"can't read {path}: {shown(error)}; expected a description in JSON") from None
    if not isinstance(read, dict):
        raise CheckpointError(f"can't read {path}: it holds no table; expected a description in JSON")
    return read


def _check_claims(path: Path, tensors: int) -> None:
    """Numbers of layers are lists before they are modules, and pictures are brought to any size."""
    waiting: list[Any] = [description(path)]
    while waiting:
        held = waiting.pop()
        for name, value in held.items() if isinstance(held, dict) else ():
            most = max(tensors, _FEW) if _LAYERS.fullmatch(name) else _LONGEST if name in (*_SIDES, *_COUNTS) else None
            if most and isinstance(value, int) and value > most:
                raise CheckpointError(f"{path} claims {name}={shown(value)}; expected at most {most} of such a model")
        if isinstance(held, dict | list):
            waiting += held.values() if isinstance(held, dict) else held
