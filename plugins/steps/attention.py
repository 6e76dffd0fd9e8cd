"""Attention of a transformer, kept from one denoising step to the next by diffusers' own cache (Liu et al., From
Reusing to Forecasting: Accelerating Diffusion Models with TaylorSeers)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import unwrap
from typing import Any

from diffusers import TaylorSeerCacheConfig
from diffusers.models.cache_utils import CacheMixin

from igo.errors import CheckpointError


def keeps(pipeline: Any) -> bool:
    """Whether diffusers' cache serves the pipeline, which must tell it which of its calls is which."""
    told = "cache_context" in unwrap(type(pipeline).__call__).__code__.co_names
    return told and isinstance(getattr(pipeline, "transformer", None), CacheMixin)


def keep(pipeline: Any, interval: int, first: int) -> None:
    """Compute the transformer's attention in one of ``interval`` steps, and in the ``first``; what is kept ends with
    the pipeline's call, also one that is broken off. Raises ``CheckpointError`` where a cache is at work already."""
    transformer = pipeline.transformer
    if transformer.is_cache_enabled:
        raise CheckpointError("features are kept between steps twice; leave one Caching in the chain")
    # order 0: what was computed last, and no forecast from it
    transformer.enable_cache(
        TaylorSeerCacheConfig(
            cache_interval=interval,
            disable_cache_before_step=first,
            max_order=0,
            taylor_factors_dtype=transformer.dtype,
        )
    )
    within: Callable[..., Any] = transformer.cache_context
    before: list[Any] = [None]

    @contextmanager
    def anew(name: str, **told: Any) -> Iterator[None]:
        timesteps = pipeline.scheduler.timesteps  # which each call of a pipeline makes anew
        if before[0] is not timesteps:
            transformer._reset_stateful_cache()
            before[0] = timesteps
        with within(name, **told):
            yield

    transformer.cache_context = anew
