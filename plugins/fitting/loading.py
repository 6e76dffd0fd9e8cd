"""Checkpoints that try garments on: inpainting UNets of 9 channels in diffusers' layout, or CatVTON's attention alone
and the checkpoint that it goes into."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from igo.errors import CheckpointError, SettingsError

if TYPE_CHECKING:
    from igo import Runtime
    from igo.licensing import License
    from igo.networks.bodies import Bodies
    from igo_plugins.fitting.fitter import Fitter

MINI = "mini/tryon"
EMBEDDED = {MINI: "tryon", "mini/inpaint": "inpaint"}
"""Bases that IGO carries, for attention that was taught to one of them."""
BASE = "booksforcharlie/stable-diffusion-inpainting"
"""The checkpoint that CatVTON's published attention was trained in."""
ATTENTION = "attention/model.safetensors"
"""CatVTON's weights, in a folder or one below it."""
INDEX, DEFAULTS_FILE = "model_index.json", "igo.json"
EXPECTED = f"expected '{MINI}', a folder, or a hub's owner/name"
STEPS, GUIDANCE = 50, 2.5
"""CatVTON's own."""
SIZES = {"512": (384, 512), "1024": (768, 1024)}
"""Width and height, by the height that the name of CatVTON's weights ends in."""
NAMES = ("unet", "vae")


@dataclass(frozen=True)
class Place:
    """Where a model lies: a folder in diffusers' layout, or a file of attention in ``folder``."""

    folder: Path
    attention: str | None = None
    """The file's path within the folder."""
    revision: str | None = None
    """The commit of a hub's."""

    @property
    def identity(self) -> str:
        """Which attention it is."""
        from igo.painting.checkpoints.digests import digest

        return f"revision:{self.revision}" if self.revision else digest(self.folder / str(self.attention))


def split(model: str, variant: str | None) -> tuple[str, str | None]:
    """A model's name and its variant, which may be a third part of the name: ``owner/name/mix-48k-1024``. Raises
    ``SettingsError`` where both say one."""
    from igo.files import at_home

    if model == MINI or at_home(model).exists() or model.count("/") != 2 or model.startswith(("/", ".", "~")):
        return model, variant
    name, _, last = model.rpartition("/")
    if variant not in (None, last):
        raise SettingsError(f"model {model!r} names the variant {last!r}, and variant is {variant!r}; give one of them")
    return name, last


def check(model: str, variant: str | None, base: str | None, vae: str | None, runtime: Runtime) -> None:
    """Raise ``CheckpointError`` for names of what is neither on this disk nor a hub's, ``LicenseError`` for what may
    not be used commercially, where that is asked for: of a hub's, the card is fetched."""
    from igo import embedded
    from igo.painting.checkpoints.parts import folder_of

    name, variant = split(model, variant)
    if model == MINI:
        embedded.path("tryon")
        for setting, value in (("variant", variant), ("base", base), ("vae", vae)):
            if value is not None:
                raise SettingsError(f"{setting} is {value!r}, and {MINI} is whole; leave it out")
    else:
        folder_of(name, f"the try-on model {name!r}")
    for setting, other in (("base", base), ("VAE", vae)):
        if other is not None and not (setting == "base" and other in EMBEDDED):
            folder_of(other, f"the {setting} {other!r}")
    if runtime.commercial:
        for weights in (name, base, vae):
            if weights is not None:
                runtime.permit(weights, embedded.path(EMBEDDED[weights]) if weights in EMBEDDED else None)


def load(
    model: str,
    variant: str | None,
    base: str | None,
    vae: str | None,
    runtime: Runtime,
) -> Fitter:
    """The model, kept by ``runtime`` for all chains that prepare it alike. Raises ``CheckpointError`` for what can't be
    loaded or doesn't go together, ``SettingsError`` for settings that the model doesn't take."""

    def made(prepare: Callable[[Any], Any]) -> Fitter:
        from igo.networks.quiet import quietly

        with quietly():
            return _loaded(model, variant, base, vae, prepare, runtime)

    fitter: Fitter = runtime.pipeline(("try-on", model, variant, base, vae), made)
    return fitter


def _loaded(
    model: str,
    variant: str | None,
    base: str | None,
    vae: str | None,
    prepare: Callable[[Any], Any],
    runtime: Runtime,
) -> Fitter:
    from igo import embedded
    from igo.licensing import stated
    from igo.networks.folders import description
    from igo.networks.tryon import CATVTON, ROLLED_OUT, Method
    from igo.painting.checkpoints.parts import load_parts
    from igo_plugins.fitting.fitter import Fitter

    name, variant = split(model, variant)
    place = Place(embedded.path("tryon")) if model == MINI else _place(name, variant, runtime)
    whole = place.attention is None
    if whole and (base is not None or variant is not None):
        setting, value = ("base", base) if base is not None else ("variant", variant)
        raise SettingsError(f"{setting} is {value!r}, and {name} is a whole checkpoint; leave it out")
    under = name if whole else base or BASE
    known = place.folder if whole and place.revision is None else None
    if not whole and under in EMBEDDED:
        known = embedded.path(EMBEDDED[under])
    parts = load_parts(
        under, NAMES, runtime.dtype, lambda configs: _check_unet(under, configs["unet"]), known, runtime.permit
    )
    models, weights = dict(parts.models), {under: (parts.identity, parts.license)}
    if place.attention is not None:
        shown = _put_in(models, place, name)
        weights[shown] = place.identity, stated(place.folder, [place.attention])
        own = description(place.folder / DEFAULTS_FILE)
        method, told = CATVTON, Told(STEPS, GUIDANCE, _size(place.attention), _named(own))
    else:
        shown = name
        method = ROLLED_OUT if type(models["scheduler"]).__name__ == "LCMScheduler" else Method()
        told = _told(parts.folder, models)
    if vae is not None:
        models["vae"], identity, license_ = _other_vae(vae, runtime)
        weights[vae] = identity, license_
    bodies = None if told.bodies is None else _bodies(told.bodies, runtime)
    if bodies is not None:
        weights[bodies.name] = bodies.identity, bodies.license
    return Fitter(
        name=shown,
        weights=weights,
        pipeline=prepare(_pipeline(models)),
        method=method,
        native=told.size,
        steps=told.steps,
        guidance_scale=told.guidance_scale,
        bodies=bodies,
        inside=told.inside,
        device=runtime.device,
        note=parts.note,
    )


def _place(name: str, variant: str | None, runtime: Runtime) -> Place:
    """Where a model lies, fetched from a hub as far as it is looked into here."""
    from igo import hub
    from igo.licensing import fetch, stated
    from igo.painting.checkpoints.parts import folder_of

    def wanted(files: Sequence[str], _look: hub.Look) -> list[str]:
        attention = _chosen(name, files, variant)
        return [INDEX] if attention is None else [attention]

    what = f"the try-on model {name!r}"
    folder = folder_of(name, what)
    revision = None
    if folder is None:
        folder = fetch(name, wanted, runtime.permit)
        revision = folder.name
    else:
        runtime.permit(name, stated(folder))
    files = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("**/*")) if path.is_file()]
    return Place(folder, _chosen(name, files, variant), revision)


def _chosen(name: str, files: Sequence[str], variant: str | None) -> str | None:
    """The file of attention to take; ``None`` for a checkpoint in diffusers' layout. Raises ``CheckpointError``."""
    if INDEX in files:
        return None
    own = {file.removesuffix(ATTENTION).strip("/"): file for file in files if f"/{file}".endswith(f"/{ATTENTION}")}
    found = {folder: file for folder, file in own.items() if "/" not in folder}
    if not found:
        raise CheckpointError(
            f"{name} has neither a {INDEX} nor CatVTON's {ATTENTION}, there or in a folder of it; {EXPECTED}"
        )
    if variant is None and len(found) == 1:
        return next(iter(found.values()))
    if variant not in found:
        there = ", ".join(sorted(folder or "." for folder in found))
        told = "has several sets of weights" if variant is None else f"has no variant {variant!r}"
        raise CheckpointError(f"{name} {told}; name one in variant=, of: {there}")
    return found[variant]


def _check_unet(name: str, config: Mapping[str, Any]) -> None:
    """Raise ``CheckpointError`` for what is no inpainting UNet of Stable Diffusion 1.5's shape."""
    if config.get("addition_embed_type") is not None:
        raise CheckpointError(f"{name} is of Stable Diffusion XL's family; try-on needs an inpainting UNet as 1.5 has")
    channels = config.get("in_channels", 4)
    if config.get("_class_name", "UNet2DConditionModel") != "UNet2DConditionModel" or channels != 9:
        raise CheckpointError(
            f"the UNet of {name} has {channels} channels; try-on needs one of 9, for painting in masks, such as {BASE}"
        )


def _put_in(models: dict[str, Any], place: Place, name: str) -> str:
    """CatVTON's attention in the UNet of ``models``, with its scheduler; and what the model is called."""
    from diffusers import DDIMScheduler

    from igo.networks.tryon import load_attentions
    from igo.networks.weights import check_finite, read

    assert place.attention is not None  # noqa: S101
    file = place.folder / place.attention
    variant = place.attention.removesuffix(ATTENTION).strip("/")
    shown = f"{name}/{variant}" if variant else name
    state = read(file)
    check_finite(state, file)
    load_attentions(models["unet"], state, str(file))
    models["scheduler"] = DDIMScheduler.from_config(models["scheduler"].config)
    return shown


def _size(attention: str) -> tuple[int, int]:
    """The size that the name of CatVTON's weights says."""
    told = re.search(r"-(\d+)/", f"/{attention}")
    return SIZES.get(told[1] if told else "", SIZES["1024"])


class Told(NamedTuple):
    """What a checkpoint says of itself: steps, guidance, the width and height of its pictures, and by which model of
    bodies it has learned to see garments laid over people, if it has."""

    steps: int
    guidance_scale: float
    size: tuple[int, int]
    bodies: str | None = None
    inside: bool = False


def _told(folder: Path, models: Mapping[str, Any]) -> Told:
    """What a checkpoint's ``igo.json`` says; else steps and guidance of CatVTON, and the size of its UNet."""
    from igo.networks.folders import description

    cell = 2 ** (len(models["vae"].config.block_out_channels) - 1)
    cells = int(models["unet"].config.sample_size)
    told: dict[str, Any] = {"width": cells * 3 // 4 * cell, "height": cells * cell}
    told |= {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE} | description(folder / DEFAULTS_FILE)
    try:
        size = int(told["width"]), int(told["height"])
        return Told(
            int(told["num_inference_steps"]),
            float(told["guidance_scale"]),
            size,
            _named(told),
            bool(told.get("inside")),
        )
    except (TypeError, ValueError):
        raise CheckpointError(
            f"{folder / DEFAULTS_FILE} can't be meant; expected numbers for {', '.join(told)}"
        ) from None


def _named(told: Mapping[str, Any]) -> str | None:
    """The model of bodies that an ``igo.json`` names."""
    return None if told.get("bodies") is None else str(told["bodies"])


def _bodies(name: str, runtime: Runtime) -> Bodies:
    """A model that says where bodies are."""
    from igo import embedded
    from igo.networks.bodies import MINI, load_bodies

    place = embedded.path("body") if name == MINI else None
    return load_bodies(name, place, runtime.device, runtime.dtype, runtime.permit)


def _other_vae(vae: str, runtime: Runtime) -> tuple[Any, str, License]:
    """A VAE that lies by itself, and which it is."""
    from diffusers import AutoencoderKL

    from igo.licensing import stated
    from igo.networks import folders

    what, expected = f"the VAE {vae!r}", "name a folder or a hub's VAE in diffusers' layout, stabilityai/sd-vae-ft-mse"
    with folders.one_line(what, expected):
        place = folders.place_of(vae, what, expected, permit=runtime.permit)
        kind = folders.description(place / "config.json").get("_class_name")
        if kind != "AutoencoderKL":
            has = "it has no config.json of diffusers'" if kind is None else f"it has a {kind}"
            raise CheckpointError(f"{what} can't be loaded: {has}; {expected}")
        model = folders.load_model(AutoencoderKL, place, what, dtype=runtime.dtype, local_files_only=True)
    return model, folders.identity(place, vae), stated(place)


def _pipeline(models: Mapping[str, Any]) -> Any:
    """The models as a pipeline of diffusers, for steps that prepare one."""
    from diffusers import StableDiffusionInpaintPipeline

    pipeline = StableDiffusionInpaintPipeline(
        vae=models["vae"],
        text_encoder=None,
        tokenizer=None,
        unet=models["unet"],
        scheduler=models["scheduler"],
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
