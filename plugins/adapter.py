"""Adapters: a trained LoRA (Hu et al., LoRA: Low-Rank Adaptation of Large Language Models) in the chain's base."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import igo
from igo.errors import CheckpointError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

DOWN = ("lora_A.weight", "lora_down.weight", "lora.down.weight", "lora_linear_layer.down.weight")
"""How the first of a layer's two matrices ends in the layouts of peft, kohya and older diffusers."""
_SCALES: WeakKeyDictionary[Any, dict[str, float]] = WeakKeyDictionary()
"""Of each pipeline that has adapters, their names and scales; diffusers sets those of all at once."""


@dataclass(frozen=True)
class Adapter:
    """Let the base paint what an adapter has learned: ``Adapter("jacket.safetensors", scale=0.8)``.

    A file that ``igo train lora`` or ``igo train dreambooth`` wrote, or any LoRA that diffusers reads. Several of them
    in a chain act together, each at its own scale. A chain without them loads a base of its own, in which they leave no
    trace. The picture is the one that plain diffusers makes with the same file and scale.

    Raises ``SettingsError`` for settings that can't be meant, ``CheckpointError`` for a file that can't be read or was
    made for a checkpoint of another shape than the chain's.
    """

    weights: str
    """A ``.safetensors`` file, or a hub's ``owner/name``."""
    scale: float = 1.0
    """How strongly it acts: 0 is not at all."""
    _: KW_ONLY
    schedule: tuple[float, ...] = ()
    """Factors of the scale that follow one another in equal shares of the denoising, such as (0, 1, 1): first the
    composition as it was, then the adapter. The text is read at the scale itself."""
    weight_name: str | None = None
    """Which file of a hub's repository."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise SettingsError("weights is empty; expected a .safetensors file, or a hub's owner/name")
        if not all(abs(number) <= 10 for number in (self.scale, *self.schedule)):
            raise SettingsError(f"scale is {self.scale:g}, schedule {self.schedule}; expected numbers from -10 to 10")

    @igo.hookimpl
    def preprocess(self, runtime: igo.Runtime) -> igo.Request | None:
        """Put on the picture's record which file it was."""
        file = self._file()
        status = file.stat()
        key = ("adapter digest", str(file.resolve()), status.st_mtime_ns, status.st_size)
        runtime.identify(self.weights, runtime.model(key, lambda: _digest(file)))
        return None

    @igo.hookimpl
    def prepare(self, pipeline: Any) -> Any:
        """The pipeline with the adapter beside those that it has."""
        if not hasattr(pipeline, "load_lora_weights"):
            raise CheckpointError(f"a {type(pipeline).__name__} takes no adapters; use a Stable Diffusion checkpoint")
        scales = _SCALES.setdefault(pipeline, {})
        name = f"adapter-{len(scales)}"
        self._load(pipeline, name)
        scales[name] = self.scale
        pipeline.set_adapters(list(scales), list(scales.values()))
        if self.schedule:
            self._follow(pipeline, name)
        return pipeline

    def _file(self) -> Path:
        """The file on this machine. Raises ``CheckpointError``."""
        place = Path(self.weights).expanduser()
        if place.suffix == ".safetensors" or place.exists():
            if place.suffix != ".safetensors" or not place.is_file():
                raise CheckpointError(f"there is no adapter {place}; expected a .safetensors file")
            return place
        if self.weights.count("/") != 1 or self.weight_name is None:
            raise CheckpointError(
                f"there is no adapter {self.weights!r}; expected a .safetensors file, or a hub's owner/name and "
                "weight_name"
            )
        from huggingface_hub import hf_hub_download

        try:
            return Path(hf_hub_download(self.weights, self.weight_name))
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(f"can't fetch {self.weight_name} of {self.weights}: {reason}") from error

    def _load(self, pipeline: Any, name: str) -> None:
        """Add the file's layers under ``name``; all of them, or it is an error."""
        import torch
        from safetensors import SafetensorError, safe_open

        file = self._file()
        try:
            with safe_open(file, "pt") as tensors:
                wanted = sum(key.endswith(DOWN) for key in tensors.keys())  # noqa: SIM118 (it is no dictionary)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"can't read the adapter {file}: {error}") from error
        if not wanted:
            raise CheckpointError(f"{file} holds no LoRA; expected a file of igo train, diffusers or kohya's tools")
        try:
            # peft draws the first values of each layer, which the file's replace, from everybody's random numbers
            with _quietly(), torch.random.fork_rng(devices=[]):
                pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name=name)
        except (RuntimeError, ValueError, KeyError) as error:
            raise CheckpointError(f"{file} doesn't fit this checkpoint, for it was made for another shape") from error
        found = sum(1 for _ in _layers(pipeline, name))
        if found != wanted:
            raise CheckpointError(
                f"{file} doesn't fit this checkpoint: {found} of its {wanted} layers have a place in it"
            )

    def _follow(self, pipeline: Any, name: str) -> None:
        """Set the scale of the UNet's layers anew in each step."""
        layers = list(_layers(pipeline, name, only_unet=True))

        def set_scale(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            timestep = kwargs["timestep"] if "timestep" in kwargs else args[1]
            steps = pipeline.scheduler.timesteps
            done = float((steps > float(timestep.max())).sum()) / max(len(steps), 1)
            factor = self.schedule[min(int(done * len(self.schedule)), len(self.schedule) - 1)]
            for layer in layers:
                layer.set_scale(name, self.scale * factor)

        pipeline.unet.register_forward_pre_hook(set_scale, with_kwargs=True)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without a progress bar for each text encoder, and without the alarm that the adapters before are "missing" from
    the file of one more, which leaves them as they are."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config` attribute", UserWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


def _layers(pipeline: Any, name: str, only_unet: bool = False) -> Iterator[Any]:
    """peft's layers that hold the adapter."""
    for part in ("unet",) if only_unet else ("unet", "text_encoder", "text_encoder_2"):
        module = getattr(pipeline, part, None)
        for layer in () if module is None else module.modules():
            if name in getattr(layer, "scaling", {}):
                yield layer


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
