"""ControlNets in diffusers' layout, and a pipeline's form that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igo.errors import CheckpointError
from igo_plugins.controls import families

if TYPE_CHECKING:
    from pathlib import Path

    from igo import Runtime

EXPECTED = "name a folder in diffusers' layout, or a hub's ControlNet such as 'lllyasviel/control_v11p_sd15_canny'"
SHAPE = ("cross_attention_dim", "addition_embed_type", "block_out_channels", "layers_per_block")
"""What a ControlNet and a UNet have in common."""


def find(model: str, revision: str | None, runtime: Runtime) -> tuple[Path, str]:
    """The folder of a ControlNet, fetched if need be, and which weights are in it. Raises ``CheckpointError``."""
    from igo.networks import folders

    what = f"the ControlNet {model!r}"

    def found() -> tuple[Path, str]:
        place = folders.place_of(model, what, EXPECTED, revision, runtime.permit)
        kind = folders.description(place / "config.json").get("_class_name")
        if kind != "ControlNetModel":
            has = "it has no config.json of diffusers'" if kind is None else f"it has a {kind}"
            raise CheckpointError(f"{what} can't be loaded: {has}; {EXPECTED}")
        return place, folders.identity(place, model)

    place_and_identity: tuple[Path, str] = runtime.model(("controlnet", model, revision), found)
    return place_and_identity


def add(pipeline: Any, place: Path, model: str) -> None:
    """Give the pipeline one more ControlNet, from its folder.

    It stays the same object, which other steps may hold. Raises ``CheckpointError`` for one that can't be loaded, or is
    for another family.
    """
    from diffusers import ControlNetModel, MultiControlNetModel
    from diffusers.pipelines import auto_pipeline as auto

    from igo.networks.folders import load_model, one_line
    from igo.networks.quiet import quietly

    what = f"the ControlNet {model!r}"
    unet = families.unet_of(pipeline, what)
    with quietly(), one_line(what, EXPECTED):
        options = {"dtype": unet.dtype, "variant": _variant(place), "local_files_only": True}
        net = load_model(ControlNetModel, place, what, **options).eval()
    families.check(what, {name: net.config[name] for name in SHAPE}, unet)
    before = getattr(pipeline, "controlnet", None)
    nets = [*getattr(before, "nets", [] if before is None else [before]), net]
    for_task = (
        auto.AutoPipelineForInpainting
        if type(pipeline) in auto.AUTO_INPAINT_PIPELINES_MAPPING.values()
        else auto.AutoPipelineForText2Image
    )
    with quietly(), one_line(what, "use a Stable Diffusion checkpoint", f"can't steer a {type(pipeline).__name__}"):
        made = for_task.from_pipe(pipeline, controlnet=net if before is None else MultiControlNetModel(nets))
    pipeline.__class__ = type(made)
    pipeline.__dict__.update(vars(made))


def _variant(place: Path) -> str | None:
    """The one of half precision, where a folder has no other."""
    names = [path.name for path in place.glob("diffusion_pytorch_model.*")]
    return "fp16" if names and all(".fp16" in name for name in names) else None
