"""Giving a pipeline the scheduler and the options that a user has chosen (see ``igo.painting.samplers``)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from traceback import walk_tb
from typing import Any

from igo.errors import SettingsError, did_you_mean
from igo.painting.samplers import FLOW, IN_FLOW, NOISE, SIGMAS, Choice, choices, options_of

ASKING = "retrieve_timesteps"
"""Diffusers' function in which pipelines ask a scheduler for its steps, and refuse one that can't be asked so."""


def check(choice: Choice) -> None:
    """Raise ``SettingsError`` for what this machine lacks, or diffusers refuses, before a checkpoint is loaded."""
    if choice.needs is not None and find_spec(choice.needs) is None:
        raise SettingsError(f"this scheduler needs the package {choice.needs}; pip install {choice.needs}")
    if choice.scheduler is not None and choice.options:
        _try(choice.scheduler, {**choice.meant, **choice.options})


def check_fits(choice: Choice, config: Mapping[str, Any]) -> str:
    """The class that a choice means with a checkpoint whose scheduler has this ``config``.

    Raises ``SettingsError`` for one that its model can't be sampled with, or options that it lacks.
    """
    own = str(config.get("_class_name"))
    flow = _flows(config)
    name = choice.scheduler or own
    if flow:
        name = IN_FLOW.get(name, name)
    fitting = _fitting(flow) if own in (*NOISE, *FLOW) else ()
    if name not in fitting and name != own:
        kind = "predicts a flow" if flow else "predicts noise" if fitting else f"is made for {own}"
        raise SettingsError(f"{name} can't be used with this checkpoint, which {kind}; {choices(fitting)}")
    known = {option.name for option in options_of(name)}
    for option in choice.options:
        if option not in known:
            raise SettingsError(f"{name} has no option {option!r}; {did_you_mean(option, sorted(known))}")
    sigmas = [option for option in SIGMAS if {**choice.meant, **choice.options}.get(option)]
    if flow and sigmas and name not in FLOW:
        raise SettingsError(f"{name} takes no {sigmas[0]} with this checkpoint, which predicts a flow; leave it out")
    if choice.options:
        _try(name, {**{key: config[key] for key in known if key in config}, **choice.meant, **choice.options})
    return name


def set_scheduler(pipeline: Any, choice: Choice) -> None:
    """Give a pipeline another scheduler, or other options; noise schedule and prediction type stay the checkpoint's.

    Raises ``SettingsError`` (see ``check_fits``).
    """
    import diffusers

    config = {**pipeline.scheduler.config, "_class_name": type(pipeline.scheduler).__name__}
    name = check_fits(choice, config)
    known = {option.name for option in options_of(name)}
    shift = config.get("shift", config.get("flow_shift", 1.0))
    given = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift, "shift": shift}
    given = {key: value for key, value in {**(given if _flows(config) else {}), **choice.meant}.items() if key in known}
    with _telling(name), silently():
        cls = getattr(diffusers, name)
        settled = _settled(pipeline, cls.from_config(config, **given), config)
        pipeline.scheduler = cls.from_config(config, **{**given, **settled, **choice.options})


def check_blame(error: Exception, pipeline: Any) -> None:
    """Raise ``SettingsError`` for an error while a pipeline painted that its scheduler is the cause of: one that lacks
    what the pipeline asks of it, or fails itself."""
    scheduler = type(pipeline.scheduler).__name__
    codes = [frame.f_code for frame, _ in walk_tb(error.__traceback__)]
    within = any(Path(code.co_filename).parent.name == "schedulers" or code.co_name == ASKING for code in codes)
    own = getattr(error, "obj", None) is pipeline.scheduler or scheduler in str(error)
    if (within or own) and isinstance(error, AttributeError | TypeError | ValueError):
        reason = " ".join(str(error).split())[:200]
        raise SettingsError(
            f"{scheduler} can't be used by {type(pipeline).__name__} ({reason}); choose another scheduler"
        ) from error


def _flows(config: Mapping[str, Any]) -> bool:
    """Whether the model of a scheduler's configuration predicts a flow."""
    return config.get("_class_name") in FLOW or config.get("prediction_type") == "flow_prediction"


@cache
def _fitting(flow: bool) -> tuple[str, ...]:
    """The classes that can sample a model."""
    if not flow:
        return NOISE
    return (*FLOW, *(name for name in NOISE if any(option.name == "use_flow_sigmas" for option in options_of(name))))


def _settled(pipeline: Any, scheduler: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The options that the pipeline's constructor would change in a scheduler, had it been loaded with it.

    Beside those, what samples latents doesn't clip them unless the checkpoint's ``config`` says so.
    """
    before = dict(scheduler.config)
    if before.get("clip_sample") and "clip_sample" not in config.keys() - set(config.get("_use_default_values", ())):
        scheduler.register_to_config(clip_sample=False)
    taken = signature(type(pipeline)).parameters
    settings = {key: value for key, value in pipeline.config.items() if key in taken}
    type(pipeline)(**{**settings, **pipeline.components, "scheduler": scheduler})
    return {key: value for key, value in scheduler.config.items() if before.get(key, value) != value}


def _try(scheduler: str, options: Mapping[str, Any]) -> None:
    """Raise ``SettingsError`` for options that diffusers refuses, some of them when it is given a number of steps."""
    import diffusers

    cls, own = getattr(diffusers, scheduler), {option.name for option in options_of(scheduler)}
    with _telling(scheduler), silently():
        made = cls(**{key: value for key, value in options.items() if key in own})
        if scheduler in NOISE and not made.config.get("use_dynamic_shifting"):
            made.set_timesteps(4)


@contextmanager
def _telling(scheduler: str) -> Iterator[None]:
    """What diffusers says against an option, in one line."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError, ImportError) as error:
        raise SettingsError(f"{scheduler} can't be made: {' '.join(str(error).split())[:300]}") from error


@contextmanager
def silently() -> Iterator[None]:
    """Without diffusers' remarks on configurations that were written for another class, or long ago."""
    from diffusers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
