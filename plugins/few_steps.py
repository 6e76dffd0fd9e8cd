"""FewSteps: an adapter by which a checkpoint paints in some four steps, with the scheduler and guidance it wants."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Literal

import igo
from igo.errors import SettingsError
from igo_plugins.adapters import files
from igo_plugins.steps import methods

if TYPE_CHECKING:
    from pathlib import Path

OWN = "mini/turbo"


@dataclass(frozen=True)
class FewSteps:
    """Paint in a few steps by an adapter that was distilled for it: ``FewSteps("lcm-lora.safetensors", steps=4)``.

    Scheduler, guidance and adapter in one, as each is published: LCM-LoRA, TCD-LoRA, Hyper-SD's, and those of
    ``igo train turbo``. A number of steps or a guidance that the request asks for itself holds. The adapter is fused
    into weights of 32 bit, but after other adapters, beside which it acts. The picture is the one that plain diffusers
    makes with the same file and scheduler, fused too; it is another than with many steps, so it is on record as
    ``lossy``. A chain without it loads a base of its own, in which it leaves no trace.

    Raises ``SettingsError`` for settings that can't be meant and files whose method nothing says, ``CheckpointError``
    for a file that can't be read or was made for a checkpoint of another shape than the chain's.
    """

    weights: str
    """A ``.safetensors`` file, a folder with one, or a hub's ``owner/name``; ``"mini/turbo"`` is `mini`'s own."""
    steps: int | None = None
    """How many denoising steps, where the request doesn't say; by default as many as the file's name says that it is
    made for, else 4."""
    _: KW_ONLY
    method: Literal["auto", "lcm", "tcd", "hyper-sd", "hyper-sd-cfg", "hyper-sd-1step"] = "auto"
    """What it was distilled by; ``"auto"`` takes what its metadata say, or its name."""
    guidance_scale: float | None = None
    """Where the request doesn't say; by default the method's own: 5 for ``"hyper-sd-cfg"``, else 1, which is none and
    takes half the time."""
    scale: float = 1.0
    """How strongly the adapter acts."""
    weight_name: str | None = None
    """Which file of a folder or a hub's repository, where there are several."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise SettingsError("weights is empty; expected a .safetensors file, or a hub's owner/name")
        methods.check_method(self.method)
        if self.steps is not None and not 1 <= self.steps <= 50:
            raise SettingsError(f"steps is {self.steps}; expected 1 to 50, and few")
        if self.guidance_scale is not None and not 0 <= self.guidance_scale <= 100:
            raise SettingsError(f"guidance_scale is {self.guidance_scale:g}; expected a number from 0 to 100")
        if not 0 < abs(self.scale) <= 10:
            raise SettingsError(f"scale is {self.scale:g}; expected a number up to 10, and not 0")

    @property
    def lossy(self) -> str:
        """What is lost."""
        return f"{self.steps or 'few'} steps, by an adapter"

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """A file that may not be used commercially, where that is asked for."""
        if runtime.commercial:
            files.permitted(self._place, self._file(runtime), runtime)

    @igo.hookimpl
    def preprocess(self, request: igo.Request, runtime: igo.Runtime) -> igo.Request:
        """Steps and guidance, and on record which file it was. One that fits no checkpoint is refused before one
        loads."""
        from igo_plugins.adapters import acting

        file = acting.identified(self._place, self.weight_name, runtime, self.weights)
        wanted = {
            "num_inference_steps": self.steps or methods.steps_of(self.weights, file.name) or 4,
            "guidance_scale": self._guidance(file),
        }
        return request.replace(**{name: value for name, value in wanted.items() if getattr(request, name) is None})

    @igo.hookimpl
    def prepare(self, pipeline: Any, runtime: igo.Runtime) -> Any:
        """The pipeline with the adapter, and the scheduler that it was made for."""
        from igo.painting.samplers import choose
        from igo.painting.schedulers import set_scheduler
        from igo_plugins.adapters import acting

        file = self._file(runtime)
        method = self._method(file)
        set_scheduler(pipeline, choose(method.scheduler, method.options))
        acting.put_in(pipeline, file, self.scale)
        return pipeline

    @igo.hookimpl
    def condition(self, runtime: igo.Runtime) -> dict[str, Any] | None:
        """How much noise is drawn anew in each step."""
        eta = self._method(self._file(runtime)).eta
        return None if eta is None else {"eta": eta}

    @property
    def _place(self) -> str:
        """Where the weights are, of `mini`'s own."""
        if self.weights != OWN:
            return self.weights
        from igo import embedded

        return str(embedded.path("turbo"))

    def _file(self, runtime: igo.Runtime) -> Path:
        file: Path = files.find(self._place, self.weight_name, "adapter", runtime)
        return file

    def _guidance(self, file: Path) -> float:
        own = self._method(file).guidance_scale
        return own if self.guidance_scale is None else self.guidance_scale

    def _method(self, file: Path) -> methods.Method:
        return methods.method_of(
            self.method, f"{self.weights} {self.weight_name or ''}", files.described(file, "adapter")
        )
