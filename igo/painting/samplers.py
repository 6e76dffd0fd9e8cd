"""Schedulers by the names that people use, and their options, known without importing what paints.

A name is what AUTOMATIC1111 and ComfyUI call a sampler, with or without a schedule type behind it ("DPM++ 2M Karras",
"dpmpp_2m karras", "Euler a"), or a scheduler class of diffusers. Case, spaces and punctuation don't count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, get_type_hints

from igo.chains.settings import Setting
from igo.errors import ConfigError, SettingsError, did_you_mean

NOISE = (
    "DDIMParallelScheduler",
    "DDIMScheduler",
    "DDPMParallelScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSDEScheduler",
    "DPMSolverSinglestepScheduler",
    "EDMEulerScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "IPNDMScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LCMScheduler",
    "LMSDiscreteScheduler",
    "PNDMScheduler",
    "SASolverScheduler",
    "TCDScheduler",
    "UniPCMultistepScheduler",
)
"""Diffusers' schedulers for models that predict noise, such as Stable Diffusion 1, 2 and XL, and PixArt."""
FLOW = ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler", "FlowMatchLCMScheduler")
"""Those made for models that predict a flow, such as Stable Diffusion 3, Flux and Qwen-Image, which take of the others
the ones with an option ``use_flow_sigmas``."""
IN_FLOW = {
    "EulerDiscreteScheduler": "FlowMatchEulerDiscreteScheduler",
    "HeunDiscreteScheduler": "FlowMatchHeunDiscreteScheduler",
    "LCMScheduler": "FlowMatchLCMScheduler",
}
"""What a name means to a model that predicts a flow."""

_MULTISTEP = "DPMSolverMultistepScheduler"
_SDE = {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}
SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}),
    "Heun": ("HeunDiscreteScheduler", {}),
    "LMS": ("LMSDiscreteScheduler", {}),
    "DPM2": ("KDPM2DiscreteScheduler", {}),
    "DPM2 a": ("KDPM2AncestralDiscreteScheduler", {}),
    "DPM++ 2M": (_MULTISTEP, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "DPM++ 3M": (_MULTISTEP, {"algorithm_type": "dpmsolver++", "solver_order": 3}),
    "DPM++ 2M SDE": (_MULTISTEP, _SDE),
    "DPM++ 2M SDE Heun": (_MULTISTEP, {**_SDE, "solver_type": "heun"}),
    "DPM++ 3M SDE": (_MULTISTEP, {**_SDE, "solver_order": 3}),
    "DPM++ 2S": ("DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "DPM++ SDE": ("DPMSolverSDEScheduler", {}),
    "DDIM": ("DDIMScheduler", {}),
    "DDPM": ("DDPMScheduler", {}),
    "PNDM": ("PNDMScheduler", {}),
    "PLMS": ("PNDMScheduler", {"skip_prk_steps": True}),
    "DEIS": ("DEISMultistepScheduler", {}),
    "UniPC": ("UniPCMultistepScheduler", {}),
    "IPNDM": ("IPNDMScheduler", {}),
    "SA-Solver": ("SASolverScheduler", {}),
    "LCM": ("LCMScheduler", {}),
    "TCD": ("TCDScheduler", {}),
}
"""Samplers as AUTOMATIC1111 spells them: diffusers' class for each, and the options that make it that."""
SCHEDULE_TYPES: dict[str, dict[str, Any]] = {
    "Karras": {"use_karras_sigmas": True},
    "Exponential": {"use_exponential_sigmas": True},
    "Beta": {"use_beta_sigmas": True},
    "SGM Uniform": {"timestep_spacing": "trailing"},
    "Simple": {"timestep_spacing": "trailing"},
    "Uniform": {"timestep_spacing": "linspace"},
    "Normal": {"timestep_spacing": "linspace"},
}
"""What may stand behind a sampler's name: diffusers' option for it."""
SIGMAS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")
"""A scheduler takes one of these at most; a schedule type in a name turns the checkpoint's own off."""
NEEDS = {"DPMSolverSDEScheduler": "torchsde", "LMSDiscreteScheduler": "scipy", "use_beta_sigmas": "scipy"}
"""Packages that diffusers wants for a scheduler or an option without depending on them."""


@dataclass(frozen=True)
class Choice:
    """A scheduler class of diffusers (``None``: the checkpoint's own), and its options."""

    scheduler: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the user asks for."""
    meant: Mapping[str, Any] = field(default_factory=dict)
    """What the scheduler's name says beside its class."""

    @property
    def needs(self) -> str | None:
        """A package that must be installed for it."""
        on = {key for key, value in {**self.meant, **self.options}.items() if value is True}
        return next((NEEDS[name] for name in (self.scheduler, *sorted(on)) if name in NEEDS), None)


def choose(name: str | None, options: Mapping[str, Any]) -> Choice:
    """The scheduler that a user means by a name and diffusers' own options. Imports neither torch nor diffusers.

    Raises ``SettingsError`` for a name that nobody has, an option that the scheduler lacks, or a value of another type.
    """
    scheduler, meant = (None, {}) if name is None else _meant(name)
    known = _known(scheduler) if options else {}
    for option, value in options.items():
        if option not in known:
            raise SettingsError(
                f"{scheduler or 'no scheduler'} has {'no' if scheduler else 'an'} option {option!r}; "
                f"{did_you_mean(option, sorted(known))}"
            )
        try:
            known[option].convert(value)
        except ConfigError as error:
            raise SettingsError(f"the scheduler's {error}") from None
    on = [option for option in SIGMAS if options.get(option)]
    if len(on) > 1:
        raise SettingsError(f"the scheduler's options {' and '.join(on)} exclude each other; choose one")
    if on:
        meant = {**meant, **dict.fromkeys(SIGMAS, False)}
    return Choice(scheduler, dict(options), meant)


def spoken(scheduler: Any) -> tuple[str, str | None]:
    """What AUTOMATIC1111 calls a scheduler, and its schedule type where it has one; else the name of its class."""
    cls, config = type(scheduler).__name__, scheduler.config
    cls = next((noise for noise, flow in IN_FLOW.items() if flow == cls), cls)
    names = {
        name: len(options)
        for name, (other, options) in SAMPLERS.items()
        if other == cls and all(config.get(key) == value for key, value in options.items())
    }
    schedule = next((name for name, given in SCHEDULE_TYPES.items() if config.get(next(iter(given))) is True), None)
    if schedule is None and "use_karras_sigmas" in config and "timestep_spacing" in config:
        schedule = "SGM Uniform" if config["timestep_spacing"] == "trailing" else "Uniform"
    return max(names, key=lambda name: names[name], default=cls), schedule


def _meant(name: str) -> tuple[str, dict[str, Any]]:
    """The class and the options that a name stands for. Raises ``SettingsError``."""
    names, key = _names(), _key(name)
    for schedule, options in {"": {}, **SCHEDULE_TYPES}.items():
        sampler = key.removesuffix(_key(schedule))
        if key.endswith(_key(schedule)) and sampler in names:
            _, scheduler, meant = names[sampler]
            if not options:
                return scheduler, meant
            if not options.keys() <= _known(scheduler).keys():
                raise SettingsError(f"{scheduler} has no schedule type {schedule}; name it without")
            return scheduler, {**meant, **dict.fromkeys(SIGMAS, False), **options}
    shown = {
        key + _key(schedule): f"{text} {schedule}".strip()
        for schedule in ("", *SCHEDULE_TYPES)
        for key, (text, *_) in names.items()
    }
    near = get_close_matches(key, shown, n=1)
    hint = f"did you mean '{shown[near[0]]}'?" if near else choices(tuple(SAMPLERS))
    raise SettingsError(f"there is no scheduler {name!r}; {hint}")


@cache
def _names() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """By key: the name as it is written, its class and its options."""
    classes: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for name in (*NOISE, *FLOW):
        classes[_key(name)] = classes[_key(name.removesuffix("Scheduler"))] = (name, name, {})
    return classes | {_key(name): (name, cls, options) for name, (cls, options) in SAMPLERS.items()}


def _key(name: str) -> str:
    """What of a name counts."""
    name = re.sub(r"^(k|sample)_|_gpu$", "", name.lower().strip()).replace("++", "pp").replace("ancestral", "a")
    return re.sub(r"[^a-z0-9]", "", name)


def choices(names: tuple[str, ...]) -> str:
    return f"choose one of: {', '.join(names)}" if names else "leave it out"


def _known(scheduler: str | None) -> dict[str, Setting]:
    """The options of a class, and of what its name means in flow; of all classes together for none."""
    names = (*NOISE, *FLOW) if scheduler is None else (scheduler, IN_FLOW.get(scheduler, scheduler))
    return {option.name: option for name in reversed(names) for option in options_of(name)}


@cache
def options_of(scheduler: str) -> tuple[Setting, ...]:
    """The options of one of diffusers' classes, out of its source: importing it would take seconds.

    A default of ``None`` says nothing of a type, and neither do some of these options' annotations.
    """
    found = find_spec("diffusers")
    for file in sorted((Path(found.origin).parent / "schedulers").glob("*.py")) if found and found.origin else ():
        text = file.read_text("utf-8")
        if f"class {scheduler}(" not in text:
            continue
        body = next(node for node in ast.parse(text).body if getattr(node, "name", "") == scheduler).body  # type: ignore[attr-defined]
        made = next(node for node in body if getattr(node, "name", "") == "__init__")
        arguments = made.args.args[1:]
        defaults = [*[None] * (len(arguments) - len(made.args.defaults)), *made.args.defaults]
        return tuple(
            Setting(argument.arg, _type(argument, default), None)
            for argument, default in zip(arguments, defaults, strict=True)
            if argument.arg not in ("solver_p", "tau_func")  # which are objects and no settings
        )
    return ()


def _type(argument: ast.arg, default: ast.expr | None) -> Any:
    """The type of an option, ``Any`` where it isn't told."""
    if argument.annotation is None or (isinstance(default, ast.Constant) and default.value is None):
        return Any
    holder = type("holder", (), {"__annotations__": {"it": ast.unparse(argument.annotation)}})
    try:
        return get_type_hints(holder, {"Literal": Literal, "np": SimpleNamespace(ndarray=list)})["it"]
    except NameError:
        return Any
