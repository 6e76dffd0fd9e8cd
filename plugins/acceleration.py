"""Acceleration: the same pictures, sooner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

import igo
from igo.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from igo.painting.engines.part import Ledger


@dataclass(frozen=True)
class Acceleration:
    """Let an engine compute what the chain paints by: ``Acceleration()`` after the base takes the best one that this
    machine has.

    An engine computes text encoders, UNet or transformer and both sides of the VAE, of the base and of whatever else in
    the chain loads a pipeline, such as ``TryOn``. What it can't, plain torch computes, and the record says why. In
    float32 the picture is plain torch's to rounding. The first picture of a size waits for the engine: OpenVINO's
    conversions are kept in the user's cache (``igo cache``).

    Raises ``SettingsError`` for an engine that isn't installed, or doesn't compute on the device.
    """

    engine: Literal["auto", "compile", "openvino", "tensorrt", "none"] = "auto"
    """"openvino" for CPUs (``pip install 'igo[openvino]'``), "compile" is torch.compile, "tensorrt" for NVIDIA's GPUs
    by torch-tensorrt, "none" is plain torch; "auto" takes OpenVINO on a CPU if it is installed, torch.compile on
    CUDA."""

    def __post_init__(self) -> None:
        choices = get_args(get_type_hints(type(self))["engine"])
        if self.engine not in choices:
            raise SettingsError(f"engine is {self.engine!r}; {did_you_mean(str(self.engine), choices)}")

    @property
    def libraries(self) -> tuple[str, ...]:
        """What the picture's numbers depend on beside torch."""
        return {"auto": ("openvino",), "openvino": ("openvino",), "tensorrt": ("torch_tensorrt",)}.get(self.engine, ())

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """An engine that isn't there, or isn't for the device."""
        if self.engine not in ("auto", "none"):
            from igo.painting.engines import choosing

            choosing.check(self.engine, runtime.device)

    @igo.hookimpl
    def prepare(self, pipeline: Any, runtime: igo.Runtime) -> Any:
        """The pipeline, whose networks are computed by the engine."""
        from igo.painting.engines import choosing

        choosing.put_in(pipeline, choosing.chosen(self.engine, runtime.device), self._ledger(runtime))
        return pipeline

    @igo.hookimpl
    def generate(
        self, request: igo.Request, inner: Callable[[igo.Request], list[igo.Frame]], runtime: igo.Runtime
    ) -> list[igo.Frame]:
        """What the steps before paint, and what computed it."""
        ledger = self._ledger(runtime)
        before = ledger.counted()
        frames = inner(request)
        told = self._told(ledger, before, runtime)
        return [frame.noted(**told) for frame in frames]

    @igo.hookimpl
    def postprocess(self, frame: igo.Frame, runtime: igo.Runtime) -> igo.Frame | None:
        """The same for a picture that steps before have painted without a base."""
        if any("engine" in entry.report for entry in frame.history):
            return None
        return frame.noted(**self._told(self._ledger(runtime), None, runtime))

    def _ledger(self, runtime: igo.Runtime) -> Ledger:
        """That of the chain's own pipelines, which others have only if they are prepared alike."""
        from igo.painting.engines.part import Ledger

        return runtime.pipeline(("acceleration", self), lambda prepare: Ledger())  # noqa: ARG005

    def _told(self, ledger: Ledger, before: Counter[tuple[str, str]] | None, runtime: igo.Runtime) -> dict[str, Any]:
        """The engine, the parts that it computes, and the share of a part's calls that plain torch did, by reason;
        nothing where no pipeline has painted."""
        from igo.painting.engines import choosing

        engine = choosing.chosen(self.engine, runtime.device)
        if engine == "none":
            missed = self.engine == "auto" and runtime.device.type == "cpu"
            return {"engine": engine, "note": choosing.FASTER} if missed else {"engine": engine}
        counted = ledger.since(before)
        if not counted:
            return {}
        told = choosing.described(engine, runtime.dtype)
        served = {part for part, reasons in counted.items() if "" in reasons}
        told["parts"] = sorted(served | (ledger.standing() - counted.keys()))
        plain = {
            part: {reason: round(number / sum(reasons.values()), 3) for reason, number in reasons.items() if reason}
            for part, reasons in counted.items()
        }
        if ledger.kernels:
            told["kernels"] = {"group_norm_silu": dict(sorted(ledger.kernels.items()))}
        plain |= {part: {reason: 1.0} for part, reason in ledger.left.items()}
        if plain := {part: reasons for part, reasons in plain.items() if reasons}:
            told["plain"] = plain
        return told
