"""Adapters: a trained LoRA (Hu et al., LoRA: Low-Rank Adaptation of Large Language Models) in the chain's base."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import igo
from igo.errors import SettingsError
from igo_plugins.adapters import files


@dataclass(frozen=True)
class Adapter:
    """Let the base paint what an adapter has learned: ``Adapter("jacket.safetensors", scale=0.8)``.

    A file that ``igo train lora`` or ``igo train dreambooth`` wrote, or any LoRA or DoRA of diffusers, peft or kohya's
    tools, each layer by its own rank and alpha; of LyCORIS also LoHa, LoKr, GLoRA, (IA)³, OFT and full changes, mixed
    too, and the embeddings that come with them. Several adapters in a chain act together, each at its own scale. A
    chain without them loads a base of its own, in which they leave no trace. The picture is the one that plain
    diffusers makes with the same file and scale, where that reads it rightly.

    Raises ``SettingsError`` for settings that can't be meant, ``CheckpointError`` for a file that can't be read or was
    made for a checkpoint of another shape than the chain's.
    """

    weights: str
    """A ``.safetensors`` file, a folder with one (as peft writes), or a hub's ``owner/name``."""
    scale: float = 1.0
    """How strongly it acts: 0 is not at all."""
    _: KW_ONLY
    schedule: tuple[float, ...] = ()
    """Factors of the scale that follow one another in equal shares of the denoising, such as (0, 1, 1): first the
    composition as it was, then the adapter. The text is read at the scale itself."""
    weight_name: str | None = None
    """Which file of a folder or a hub's repository, where there are several."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise SettingsError("weights is empty; expected a .safetensors file, or a hub's owner/name")
        if not all(abs(number) <= 10 for number in (self.scale, *self.schedule)):
            raise SettingsError(f"scale is {self.scale:g}, schedule {self.schedule}; expected numbers from -10 to 10")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """A file that may not be used commercially, where that is asked for."""
        if runtime.commercial:
            files.permitted(self.weights, files.find(self.weights, self.weight_name, "adapter", runtime), runtime)

    @igo.hookimpl
    def preprocess(self, runtime: igo.Runtime) -> igo.Request | None:
        """Put on the picture's record which file it was. A file that fits no checkpoint is refused before one loads."""
        from igo_plugins.adapters import acting

        acting.identified(self.weights, self.weight_name, runtime)
        return None

    @igo.hookimpl
    def prepare(self, pipeline: Any, runtime: igo.Runtime) -> Any:
        """The pipeline with the adapter beside those that it has."""
        from igo_plugins.adapters import acting

        file = files.find(self.weights, self.weight_name, "adapter", runtime)
        acting.add(pipeline, file, self.scale, self.schedule)
        return pipeline
