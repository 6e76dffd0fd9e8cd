"""The four parts of a Stable Diffusion that are compiled, each a function of tensors of one shape, and their way back
into the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from igo.errors import CheckpointError, SettingsError

NAMES = ("text_encoder", "unet", "vae_encoder", "vae_decoder")
FAMILY = ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline")
"""The classes of pipelines that consist of such parts: Stable Diffusion 1 and 2, and those for masks."""
Traced = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Wanted:
    """What is compiled: a checkpoint, at one size in pixels."""

    checkpoint: str
    revision: str | None
    variant: str | None
    width: int
    height: int


def load(wanted: Wanted) -> Any:
    """The checkpoint's pipeline, in fp32 on the CPU and without a safety checker.

    Raises ``CheckpointError`` for one that can't be loaded, lacks weights, or is no Stable Diffusion 1 or 2.
    """
    from diffusers import AutoencoderKL, DiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

    from igo.painting.checkpoints.checkpoint import whereabouts

    place = str(whereabouts(wanted.checkpoint) or wanted.checkpoint)
    revision = {} if wanted.revision is None else {"revision": wanted.revision}
    files = {**revision, **({} if wanted.variant is None else {"variant": wanted.variant}), "use_safetensors": True}
    try:
        kind = DiffusionPipeline.load_config(place, **revision).get("_class_name")
        if kind not in FAMILY:
            raise CheckpointError(f"{wanted.checkpoint!r} is a {kind}; expected one of: {', '.join(FAMILY)}")
        models = {}
        for name, cls in (("text_encoder", CLIPTextModel), ("unet", UNet2DConditionModel), ("vae", AutoencoderKL)):
            model, info = cls.from_pretrained(place, subfolder=name, output_loading_info=True, **files)
            if lacking := [*info["missing_keys"], *info["mismatched_keys"]]:  # which would be random numbers
                raise CheckpointError(
                    f"the {name} of {wanted.checkpoint!r} lacks {len(lacking)} weights, such as {lacking[0]!r}; save "
                    "it with diffusers 0.35 and transformers 4.57"
                )
            models[name] = model.float()
        without = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        pipeline = DiffusionPipeline.from_pretrained(place, **revision, **models, **without)
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{wanted.checkpoint!r} can't be loaded ({' '.join(str(error).split())[:200]})"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def scale_of(pipeline: Any) -> int:
    """Pixels along one side of a latent's cell."""
    return int(2 ** (len(pipeline.vae.config.block_out_channels) - 1))


def examples(pipeline: Any, width: int, height: int) -> dict[str, tuple[torch.nn.Module, tuple[torch.Tensor, ...]]]:
    """By name, each part as a module of tensors alone, and an example of the only shapes that it will be given: one
    picture of ``width`` x ``height`` pixels."""
    from diffusers.models.attention_processor import AttnProcessor

    scale, unet, vae = scale_of(pipeline), pipeline.unet, pipeline.vae
    cells, tokens = (height // scale, width // scale), int(pipeline.text_encoder.config.max_position_embeddings)
    unet.set_attn_processor(AttnProcessor())  # the plain products and softmax, which the compiler knows to fuse
    hidden = int(unet.config.cross_attention_dim)
    return {
        "text_encoder": (_First(pipeline.text_encoder), (torch.zeros(1, tokens, dtype=torch.int64),)),
        "unet": (
            _Denoiser(unet),
            (torch.zeros(1, unet.config.in_channels, *cells), torch.ones(1), torch.zeros(1, tokens, hidden)),
        ),
        "vae_encoder": (vae.encoder, (torch.zeros(1, vae.config.in_channels, height, width),)),
        "vae_decoder": (vae.decoder, (torch.zeros(1, vae.config.latent_channels, *cells),)),
    }


class _First(torch.nn.Module):
    """The last hidden states of a text encoder."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.model(input_ids=input_ids, return_dict=False)[0]
        return states


class _Denoiser(torch.nn.Module):
    """A UNet as a function of sample, timestep and text."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, sample: torch.Tensor, timestep: torch.Tensor, encoder_hidden_states: torch.Tensor
    ) -> torch.Tensor:
        predicted: torch.Tensor = self.model(
            sample, timestep, encoder_hidden_states=encoder_hidden_states, return_dict=False
        )[0]
        return predicted


class Static(torch.nn.Module):
    """A part that takes batches of ``size`` and no others: larger ones are cut, the last one is filled up."""

    def __init__(self, traced: Traced, size: int = 1) -> None:
        super().__init__()
        self.traced, self.size = traced, size

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        made = []
        for batch in zip(*(torch.split(tensor, self.size) for tensor in tensors), strict=True):
            missing = self.size - len(batch[0])
            full = [torch.cat([one, *[one[-1:]] * missing]) for one in batch]
            made.append(self.traced(*full)[: len(batch[0])])
        return torch.cat(made)


def read(folder: Path, cores: int) -> dict[str, Static]:
    """The compiled parts in a folder, loaded onto the accelerator: the UNet onto ``cores`` NeuronCores, so that
    with two the picture with the prompt and the one without are denoised at once."""
    import torch_neuronx

    parts = {name: torch.jit.load(folder / f"{name}.pt") for name in NAMES}  # type: ignore[no-untyped-call]
    unet = torch_neuronx.DataParallel(parts["unet"], list(range(cores)), set_dynamic_batching=False)
    return {**{name: Static(part) for name, part in parts.items()}, "unet": Static(unet, cores)}


def put_in(pipeline: Any, parts: Mapping[str, torch.nn.Module]) -> None:
    """Let a pipeline compute by compiled parts; the weights that these have are given back to the system."""

    def encode(
        input_ids: torch.Tensor, attention_mask: Any = None, output_hidden_states: bool = False, **_: Any
    ) -> tuple[torch.Tensor]:
        if output_hidden_states or attention_mask is not None:
            raise SettingsError("the compiled text encoder gives its last layer alone, without a mask")
        return (parts["text_encoder"](input_ids),)

    def denoise(
        sample: torch.Tensor, timestep: Any, encoder_hidden_states: torch.Tensor, return_dict: bool = False, **more: Any
    ) -> tuple[torch.Tensor]:
        given = [name for name, value in more.items() if value is not None]
        if given or return_dict:
            raise SettingsError(f"the compiled UNet takes no {', '.join(given) or 'return_dict'}")
        steps = torch.as_tensor(timestep).to(torch.float32).reshape(-1).expand(len(sample))
        return (parts["unet"](sample, steps, encoder_hidden_states),)

    pipeline.text_encoder.forward, pipeline.unet.forward = encode, denoise
    for emptied in (pipeline.text_encoder, pipeline.unet):
        for parameter in emptied.parameters():
            parameter.data = parameter.data.new_empty(0)
    pipeline.vae.encoder, pipeline.vae.decoder = parts["vae_encoder"], parts["vae_decoder"]
