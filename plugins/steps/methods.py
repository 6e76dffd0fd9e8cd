"""What adapters for few steps want: the scheduler, the guidance and the noise that each method was made for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from igo.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from igo_plugins.adapters.files import Weights

TOLD = "igo_method"
"""Where IGO's own files say their method, among their metadata."""
NAMES = ("modelspec.title", "ss_output_name")
"""Where others' say what they are called."""


@dataclass(frozen=True)
class Method:
    """How an adapter is sampled: by a scheduler of ``igo.painting.samplers`` with ``options``, at a guidance (1 is
    none), with ``eta`` (how much noise is drawn anew), where the scheduler takes one. ``pattern`` finds it in names."""

    pattern: str
    scheduler: str
    options: Mapping[str, Any] = field(default_factory=dict)
    guidance_scale: float = 1.0
    eta: float | None = None


TRAILING = {"timestep_spacing": "trailing"}
METHODS: dict[str, Method] = {
    "hyper-sd-1step": Method(r"hyper.*(?<!\d)1[-_ ]?step", "TCD", eta=1.0),
    "hyper-sd-cfg": Method(r"hyper.*cfg", "DDIM", TRAILING, guidance_scale=5.0),
    "hyper-sd": Method(r"hyper", "DDIM", TRAILING),
    "tcd": Method(r"(?<![a-z])tcd(?![a-z])", "TCD", eta=0.3),
    "lcm": Method(r"(?<![a-z])lcm(?![a-z])|latent[-_ ]consistency", "LCM"),
}
"""As their authors publish them: Ren et al., Hyper-SD (the file for one step may take more; those with CFG want
guidance); Zheng et al., Trajectory Consistency Distillation; Luo et al., LCM-LoRA. A name's is the first that fits."""


def method_of(method: str, given: str, weights: Weights) -> Method:
    """The one of that name; for ``"auto"`` what the file says, or is called, or stands in, ``given`` as it was.

    Raises ``SettingsError`` where nothing says it.
    """
    told = weights.metadata.get(TOLD, "") if method == "auto" else method
    if told in METHODS:
        return METHODS[told]
    for name in (weights.file.name, *(weights.metadata.get(key, "") for key in NAMES), given):
        for found in METHODS.values():
            if re.search(found.pattern, name.lower()):
                return found
    raise SettingsError(
        f"{weights.file} doesn't say which method it is for few steps by; give method, one of {', '.join(METHODS)}"
    )


def check_method(method: str) -> None:
    """Raise ``SettingsError`` for none of ``METHODS`` nor ``"auto"``."""
    if method not in ("auto", *METHODS):
        raise SettingsError(f"method is {method!r}; {did_you_mean(method, ('auto', *METHODS))}")


def steps_of(given: str, name: str) -> int | None:
    """How many steps a file was made for, by its own ``name`` or as it was ``given``; None where they don't say."""
    found = re.search(r"(?<!\d)(\d{1,2})[-_ ]?steps?(?![a-z])", f"{name} {given}".lower())
    return max(int(found[1]), 1) if found else None
