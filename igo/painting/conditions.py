"""What the steps of a chain give a pipeline's call: by the call's own names, for as many ControlNets and pictures as it
has."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetUnionModel
from diffusers.image_processor import VaeImageProcessor
from PIL.Image import Image

from igo.errors import PluginError
from igo.painting import families
from igo.values import Conditions

CONTROL = "control_image"
"""The pictures to paint by, as most pipelines call them; ``image`` in those of them that paint from text alone."""
FOR_EACH_NET = (
    CONTROL,
    "control_mode",
    "controlnet_conditioning_scale",
    "control_guidance_start",
    "control_guidance_end",
)
"""What diffusers takes a list of for several ControlNets, and by itself for one."""
OWN = (
    "image",
    "mask_image",
    "masked_image_latents",
    "padding_mask_crop",
    "latents",
    "num_images_per_prompt",
    "output_type",
    "return_dict",
)
"""What is the base's to say, beside what it gives."""


def alike(conditions: Conditions) -> Hashable:
    """Equal for those with which pictures may be painted in one call: that differ in nothing but what the pictures to
    paint by show, which are one for each; all else holds for the call."""
    return tuple(sorted((name, _content(value, name != CONTROL)) for name, value in conditions.items()))


def arguments(pipeline: Any, batch: Sequence[Conditions], own: Iterable[str]) -> dict[str, Any]:
    """The arguments of one call, for the pictures of ``batch``, which are ``alike``; the base gives those of ``own``.

    Raises ``PluginError``, which names the step, for one that the pipeline doesn't take, or that isn't a step's to
    give, and for another number of values than the pipeline has ControlNets.
    """
    taken, kind, found = {*own, *OWN}, type(pipeline).__name__, {}
    if getattr(pipeline, "controlnet", None) is not None and CONTROL not in batch[0]:
        raise PluginError(
            f"{kind} paints by a picture, and no step gives it a {CONTROL}; give it in the hook condition, by the step "
            "whose prepare brought the ControlNet"
        )
    for name, step in ((name, steps[-1]) for name, steps in batch[0].steps.items()):
        if name in taken:
            instead = f"; a picture to paint by is called {CONTROL}" if name == "image" else ""
            raise PluginError(f"gives '{name}', which is the base's own{instead}").at(step, "condition")
        called = name
        if name == CONTROL and not families.takes(pipeline, CONTROL) and "image" not in own:
            called = "image"
        if not families.takes(pipeline, called):
            raise PluginError(f"gives '{name}', which {kind} doesn't take").at(step, "condition")
        values = [one[name] for one in batch]
        if name in FOR_EACH_NET:
            values = [_for_nets(name, value, pipeline, step) for value in values]
        found[called] = _for_pictures(values) if name == CONTROL else values[0]
    return found


def _for_nets(name: str, value: Any, pipeline: Any, step: str) -> Any:
    """A list with a value for each ControlNet, or the value for all; the value itself where there is one ControlNet."""
    net = getattr(pipeline, "controlnet", None)
    if not isinstance(value, list) or (isinstance(net, ControlNetUnionModel) and len(value) > 1):
        return value
    nets = getattr(net, "nets", None)
    expected = 1 if nets is None else len(nets)
    if len(value) != expected:
        raise PluginError(
            f"'{name}' has {len(value)} values, and {type(pipeline).__name__} has {expected} ControlNet"
            f"{'' if expected == 1 else 's'}; give one for each that prepare brings"
        ).at(step, "condition")
    return value[0] if nets is None else value


def _for_pictures(values: list[Any]) -> Any:
    """The pictures to paint by of a call with one, or with as many as there are ``values``."""
    if len(values) == 1:
        return values[0]
    if isinstance(values[0], Image):
        return values
    if isinstance(values[0], list):  # for several ControlNets, of which not all pipelines take lists of pictures
        return [
            np.concatenate([VaeImageProcessor.pil_to_numpy(picture.convert("RGB")) for picture in pictures])
            if isinstance(pictures[0], Image)
            else pictures[0]
            for pictures in zip(*values, strict=True)
        ]
    return values[0]


def _content(value: Any, pictures: bool = True) -> Hashable:
    """Equal for equal values; without ``pictures``, of those only the size counts."""
    if isinstance(value, Image):
        return "picture", value.size, (value.mode, hashlib.sha256(value.tobytes()).digest()) if pictures else None
    if isinstance(value, torch.Tensor):
        data = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return "tensor", str(value.dtype), tuple(value.shape), hashlib.sha256(data).digest()
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).digest()
    if isinstance(value, list | tuple):
        return type(value).__name__, tuple(_content(one, pictures) for one in value)
    if isinstance(value, Mapping):
        return "mapping", tuple((key, _content(one, pictures)) for key, one in value.items())
    return type(value).__name__, value if isinstance(value, str | bytes | int | float | None) else id(value)
