"""What all steps of a chain share: device, dtype, loaded models, and seeds.

torch is imported only when a device or generator is asked for, so that a chain of pure pixel steps never loads it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from igo.errors import LicenseError, ProvenanceError, SettingsError, did_you_mean
from igo.licensing import License, license_of

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

T = TypeVar("T")

DTYPES = ("auto", "float32", "float16", "bfloat16")
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu", "hpu", "mtia", "xla", "npu", "privateuseone")
"""What devices that compute are called in torch, before ``:1`` and so on. Packages may add others."""


class Progress(Protocol):
    """Called with units done and units in all, and by bases with what makes a preview (see ``igo.Event``)."""

    def __call__(
        self, done: int, total: int, message: str = "", preview: Callable[[], Image | None] | None = None
    ) -> None: ...


@dataclass
class _Shared:
    """The state behind every view of one runtime."""

    device: str
    dtype: str
    commercial: bool
    models: dict[Hashable, Any] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.RLock)


class Runtime:
    """Device, dtype, a memo of loaded models, and generators derived per picture and per step.

    A chain makes one unless it is given one; give the same to several chains and they share their models. A hook gets
    a view of it that knows the step's name, so that two steps never draw the same random numbers.

    ``device`` is ``"auto"`` (CUDA, else Apple's MPS, else CPU) or anything that ``torch.device`` takes; ``dtype`` is
    ``"auto"`` (see ``dtype``) or one of ``float32``, ``float16``, ``bfloat16``. ``commercial`` refuses weights whose
    licence forbids commercial use, or isn't known, before they load (see ``permit``). Raises ``SettingsError`` for
    others.
    """

    def __init__(self, device: str = "auto", dtype: str = "auto", commercial: bool = False) -> None:
        if not isinstance(device, str) or not _may_be_a_device(device):
            raise SettingsError(f"device is {device!r}; expected auto, cpu, cuda, cuda:1, mps or another of torch's")
        if dtype not in DTYPES:
            raise SettingsError(f"dtype is {dtype!r}; {did_you_mean(str(dtype), DTYPES)}")
        if not isinstance(commercial, bool):
            raise SettingsError(f"commercial is {commercial!r}; expected true or false")
        self._shared = _Shared(device, dtype, commercial)
        self.step = ""
        self.progress: Progress = _nobody_listens
        self._prepare: Callable[[Any], Any] | None = None
        self._prepare_key: Hashable = ()
        self._identities: dict[str, str] = {}
        self._licenses: dict[str, str] = {}

    def bound(
        self,
        step: str,
        progress: Progress | None = None,
        prepare: Callable[[Any], Any] | None = None,
        prepare_key: Hashable = (),
        identities: dict[str, str] | None = None,
        licenses: dict[str, str] | None = None,
    ) -> Runtime:
        """A view for one step of one run, with that run's ``identities`` and ``licenses``; device and models stay
        shared."""
        view = object.__new__(Runtime)
        view._shared = self._shared
        view.step = step
        view.progress = progress or _nobody_listens
        view._prepare = prepare
        view._prepare_key = prepare_key
        view._identities = {} if identities is None else identities
        view._licenses = {} if licenses is None else licenses
        return view

    def __reduce__(self) -> tuple[type[Runtime], tuple[str, str, bool]]:
        """Another process loads its own models."""
        return Runtime, (self._shared.device, self._shared.dtype, self._shared.commercial)

    def __copy__(self) -> Runtime:
        """Copies share the models, as chains do that are given the same runtime."""
        return self.bound(self.step)

    def __deepcopy__(self, memo: object) -> Runtime:
        return self.bound(self.step)

    def describe(self) -> dict[str, Any]:
        """``{"runtime": {"device": ..., "dtype": ..., "commercial": True}}`` with what is not as by default; else
        empty."""
        named: dict[str, Any] = {key: getattr(self._shared, key) for key in ("device", "dtype")}
        named = {key: value for key, value in named.items() if value != "auto"}
        if self.commercial:
            named["commercial"] = True
        return {"runtime": named} if named else {}

    @property
    def device(self) -> torch.device:
        """The device, resolved. Raises ``SettingsError`` for one that this machine lacks."""
        import torch

        name = self._shared.device
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise SettingsError(f"device {name!r} can't be used here ({reason}); try 'auto' or 'cpu'") from None
        return device

    @property
    def commercial(self) -> bool:
        """Whether weights are refused that may not, as far as is known, be used commercially."""
        return self._shared.commercial

    def check(self) -> None:
        """Raise ``SettingsError`` for a device that was named and isn't there; torch is imported to know it."""
        if self._shared.device not in ("auto", "cpu"):
            self.device  # noqa: B018  asks torch for it

    @property
    def dtype(self) -> torch.dtype:
        """The dtype for models: as named, else fp16 on CUDA and fp32 elsewhere.

        Not bf16 by itself: Stable Diffusion's weights are published in fp16, and bf16 has three bits less to draw with
        (families trained in bf16, such as Flux, want it named). Neither on CPUs, where half precision is many times
        slower without AVX-512 or AMX, nor on MPS, where attention overflows.
        """
        import torch

        name = self._shared.dtype
        if name != "auto":
            chosen: torch.dtype = getattr(torch, name)
            return chosen
        return torch.float16 if self.device.type == "cuda" else torch.float32

    def model(self, key: Hashable, load: Callable[[], T]) -> T:
        """The model under ``key``, loaded by the first who asks and kept for all."""
        with self._shared.lock:
            if key not in self._shared.models:
                self._shared.models[key] = load()
            found: T = self._shared.models[key]
            return found

    @property
    def models(self) -> Mapping[Hashable, Any]:
        """All that has been loaded, by its key, in that order."""
        with self._shared.lock:
            return MappingProxyType(dict(self._shared.models))

    @property
    def prepares(self) -> bool:
        """Whether ``prepare`` hooks of the chain may change what ``pipeline`` loads."""
        return self._prepare is not None

    def pipeline(self, key: Hashable, load: Callable[[Callable[[Any], Any]], T]) -> T:
        """Like ``model``, for what holds a diffusers pipeline, which ``load(prepare)`` must pass through ``prepare``.

        That folds the ``prepare`` hooks of the chain over it. Chains with the same ``prepare`` steps share what was
        loaded; others load their own, so that one chain's adapter never shows in another's pictures.
        """
        prepare = self._prepare or (lambda pipeline: pipeline)
        return self.model((key, self._prepare_key), lambda: load(prepare))

    def release(self) -> None:
        """Forget all loaded models, so that their memory can be given back."""
        with self._shared.lock:
            self._shared.models.clear()

    def permit(self, model: str, weights: str | Path | License | None = None, revision: str | None = None) -> License:
        """The licence of the weights that ``model`` stands for, to be asked before they are loaded.

        It is read where ``weights`` lie, a folder or a file, or of a hub's ``owner/name``, whose card is fetched; by
        default these are called ``model``. One that was read already is taken as it is (see ``igo.licensing.stated``).
        Raises ``LicenseError`` where the runtime is for commercial use and the licence forbids that or isn't known,
        ``CheckpointError`` for a hub's name that can't be asked for.
        """
        license = weights if isinstance(weights, License) else license_of(weights or model, revision)  # noqa: A001
        if self.commercial and (refusal := license.refusal(model)):
            raise LicenseError(refusal)
        return license

    def identify(self, model: str, identity: str, license: License | None = None) -> None:  # noqa: A002
        """Put on this run's record exactly which weights stand behind a name: a revision, or a digest of the files; and
        the ``license`` that ``permit`` gave.

        To be said in each run that uses them, whether they were loaded just now or before. Raises ``ProvenanceError``
        where a picture is to be made again, and they are others than then.
        """
        if self._identities.get(model, identity) != identity:  # another step's, of the same name
            model = f"{model} ({self.step})"
        wanted = _expected.get().get(model, identity)
        if wanted != identity:
            raise ProvenanceError(f"{model} is not the model that was used: it is {identity}, and was {wanted}")
        self._identities[model] = identity
        if license is not None:
            self._licenses[model] = str(license)

    def seed(self, root: int, *purpose: object) -> int:
        """A seed (63 bits) derived from ``root`` for this step and purpose: SHA-256 over their names.

        It does not depend on what other steps draw: adding a step in front changes no other step's randomness, unless
        it is of the same kind, where steps are told apart by counting.
        """
        words = "\0".join(str(part) for part in (root, self.step, *purpose))
        return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1

    def generator(self, root: int, *purpose: object) -> torch.Generator:
        """A torch generator of this step's own; on the CPU, so that a seed means the same on any device."""
        import torch

        return torch.Generator("cpu").manual_seed(self.seed(root, *purpose))


def _may_be_a_device(name: str) -> bool:
    """Whether ``name`` is of a kind of device that torch knows; told without torch, which takes seconds to import."""
    kind, colon, number = name.partition(":")
    if not kind or (colon and not number.isdecimal()):
        return False
    return kind in DEVICES or bool(entry_points(group="torch.backends"))  # by which packages add theirs


@contextmanager
def expecting(identities: Mapping[str, str]) -> Iterator[None]:
    """Within it, models by these names must have these identities."""
    token = _expected.set(identities)
    try:
        yield
    finally:
        _expected.reset(token)


_expected: ContextVar[Mapping[str, str]] = ContextVar("identities that models must have", default=MappingProxyType({}))


@contextmanager
def computing_with(threads: int | None) -> Iterator[None]:
    """For as long as it lasts, torch computes on CPUs with so many threads, on which sums depend; as ever for None."""
    if threads is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _nobody_listens(
    done: int, total: int, message: str = "", preview: Callable[[], Image | None] | None = None
) -> None:
    """Progress without observers goes nowhere."""
