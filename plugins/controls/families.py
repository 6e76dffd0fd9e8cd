"""Whether what was trained beside a Stable Diffusion fits the one that is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from igo.errors import CheckpointError

NAMES = {768: "Stable Diffusion 1.5", 1024: "Stable Diffusion 2", 2048: "Stable Diffusion XL"}
"""By how many numbers a UNet reads of each token."""


def unet_of(pipeline: Any, what: str) -> Any:
    """The pipeline's UNet. Raises ``CheckpointError``, which begins with ``what``, for families without one."""
    unet = getattr(pipeline, "unet", None)
    if unet is None or not isinstance(unet.config.get("cross_attention_dim"), int):
        kind = type(pipeline).__name__
        raise CheckpointError(
            f"{what} is for Stable Diffusion 1.5, 2 or XL, and the checkpoint's {kind} is none of them"
        )
    return unet


def check(what: str, made_for: Mapping[str, Any], unet: Any) -> None:
    """Raise ``CheckpointError``, which begins with ``what``, where the UNet's configuration is another than that which
    something was ``made_for``."""
    for name, wanted in made_for.items():
        here = unet.config.get(name)
        if _plain(wanted) != _plain(here):
            raise CheckpointError(
                f"{what} is for another family than this checkpoint: its {name} is {_told(name, wanted)}, the "
                f"checkpoint's {_told(name, here)}; name one that was made for it"
            )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _told(name: str, value: Any) -> str:
    known = NAMES.get(value) if name == "cross_attention_dim" and isinstance(value, int) else None
    return f"{_plain(value)}" if known is None else f"{value} ({known})"
