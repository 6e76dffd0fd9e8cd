"""Speeds: what steps of a chain make painting quicker, by one word, and what that gives up."""

from __future__ import annotations

from typing import Any, Literal, get_args

from igo import embedded
from igo.chains import registry
from igo.errors import SettingsError, did_you_mean

Speed = Literal["exact", "fast", "turbo"]
Steps = tuple[tuple[str, dict[str, Any]], ...]
"""Plugins by their registered names, and their settings."""

ENGINE: Steps = ()
"""What gives up nothing, by whatever the device has: every speed has it, and ``"exact"`` nothing else."""
SPEEDS: dict[Speed, Steps] = {
    "exact": ENGINE,
    "fast": (*ENGINE, ("caching", {"interval": 5, "last": 0})),
    "turbo": ENGINE,
}
"""What each is made of; ``"turbo"`` of an adapter for few steps too, which is the checkpoint's."""
QUICK = ("mini/tryon",)
"""Checkpoints that paint in few steps as they are: between those nothing can be kept."""
ADAPTERS = {"mini": ("mini/turbo", embedded.WEIGHTS / "turbo")}
"""Adapters for few steps, by the checkpoint that each was made for, and where this installation has them."""
SUCH_AS = (
    "latent-consistency/lcm-lora-sdv1-5 (for the shape of Stable Diffusion 1.5), latent-consistency/lcm-lora-sdxl (XL) "
    "or what igo train turbo makes"
)


def speed(name: Speed, checkpoint: str = "mini", few_steps: str | None = None) -> list[object]:
    """The steps for a speed, to stand after a base: ``igo.Chain(igo.TextToImage("mini"), *igo.speed("fast"))``.

    ``"exact"`` is the picture as it is; ``"fast"`` keeps deep features between steps (``Caching``; nothing for a
    ``checkpoint`` of few steps), ``"turbo"`` takes
    few steps (``FewSteps``) by `mini`'s own adapter, or by ``few_steps``, a file or a hub's name, for another
    ``checkpoint``. What they give up is on the picture's record.

    Raises ``SettingsError`` for a speed that there isn't, and where no adapter is known for the checkpoint.
    """
    if name not in get_args(Speed):
        raise SettingsError(f"speed is {name!r}; {did_you_mean(str(name), get_args(Speed))}")
    if few_steps is not None and name != "turbo":
        raise SettingsError(f"few_steps is {few_steps!r}, which is for speed='turbo'; this is {name!r}")
    steps = ENGINE if name == "fast" and checkpoint in QUICK else SPEEDS[name]
    made = [registry.load(use)(**settings) for use, settings in steps]
    if name == "turbo":
        own, place = ADAPTERS.get(checkpoint, (None, None))
        adapter = few_steps or (own if place is not None and place.is_dir() else None)
        if adapter is None:
            raise SettingsError(
                f"speed='turbo' knows no adapter for {checkpoint!r}; give few_steps=..., such as {SUCH_AS}"
            )
        made.append(registry.load("few-steps")(adapter))
    return made
