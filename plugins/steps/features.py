"""Deep features of a UNet, kept from one denoising step to the next (Ma et al., DeepCache: Accelerating Diffusion
Models for Free)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock, local
from typing import Any

from diffusers.hooks import HookRegistry, ModelHook

from igo.errors import CheckpointError, SettingsError
from igo.painting.engines import part
from igo_plugins.steps.halves import TAKEN, Deep, Shallow, deepest

NAME = "igo features kept between steps"
"""Of the hook."""


@dataclass
class _Call:
    """What is kept while a pipeline paints once, and of which steps."""

    timesteps: Any
    said: Any
    shape: Any
    kept: Any = None
    steps: int = 0
    since: int = 0

    def goes_on(self, timesteps: Any, said: Any, shape: Any) -> bool:
        """Whether a call of the UNet is this one's next: by the very tensors of steps and text, which every call of a
        pipeline makes anew, and the shape of the latents."""
        return self.timesteps is timesteps and self.said is said and self.shape == shape


class _Thread(local):
    """What each thread has for itself."""

    call: _Call | None = None


class Features:
    """Let a UNet run all of itself in one of ``interval`` steps, and in between its outermost layers alone, ``branch``
    and one on each side: what lies deeper gives what it gave before.

    The first ``first`` and the last ``last`` steps are run whole; so are all where something reaches into the layers
    (FreeU, a T2I-Adapter). ``timesteps()`` gives those of the scheduler that is at work. Both halves are networks that
    an engine can compute. Raises ``SettingsError`` for a ``branch`` of more layers than there are.
    """

    def __init__(
        self, unet: Any, timesteps: Callable[[], Any], *, interval: int, branch: int, first: int, last: int
    ) -> None:
        if branch > (most := deepest(unet)):
            raise SettingsError(
                f"branch is {branch}; expected at most {most}, the outermost layers of this UNet beyond one"
            )
        self._unet, self._timesteps = unet, timesteps
        self._interval, self._branch, self._first, self._last = interval, branch, first, last
        self._thread, self._lock = _Thread(), Lock()
        self._deep, self._shallow = Deep(unet, branch), Shallow(unet, branch)
        self._followed: list[Any] = []

    def attach(self) -> None:
        """Raise ``CheckpointError`` where features are kept already."""
        if NAME in HookRegistry.check_if_exists_or_initialize(self._unet).hooks:
            raise CheckpointError("features are kept between steps twice; leave one Caching in the chain")
        part.divide(self._unet, {"deep": self._deep, "shallow": self._shallow})
        HookRegistry.check_if_exists_or_initialize(self._unet).register_hook(_Step(self), NAME)

    def step(self, given: Mapping[str, Any], whole: Callable[[], Any]) -> Any:
        """What the UNet gives in one call; ``whole`` runs all of it."""
        thread, timesteps = self._thread, self._timesteps()
        sample, timestep, said = (given[name] for name in ("sample", "timestep", "encoder_hidden_states"))
        call = thread.call
        if call is None or not call.goes_on(timesteps, said, sample.shape):
            call = _Call(timesteps, said, sample.shape)
        left = int((timesteps < float(getattr(timestep, "max", lambda: timestep)())).sum())
        thread.call = None  # while it is run, which may be broken off
        if given.get("down_intrablock_additional_residuals") is not None or _is_free(self._unet):
            return whole()
        repeats = call.kept is not None and call.steps >= self._first and left >= self._last
        repeats = repeats and call.since + 1 < self._interval
        with self._lock:
            self._follow()
            if not repeats:
                call.kept = self._deep(**given)
            output = self._shallow(call.kept, **self._outermost(given))
        call.steps, call.since = call.steps + 1, call.since + 1 if repeats else 0
        thread.call = call if left else None
        return output

    def _outermost(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the outermost layers are given: of a ControlNet's residuals their own, and none for the middle."""
        if given.get("mid_block_additional_residual") is None:
            return dict(given)
        residuals = given["down_block_additional_residuals"][: self._branch + 1]
        nothing = given["mid_block_additional_residual"].new_zeros(())
        return {**given, "down_block_additional_residuals": residuals, "mid_block_additional_residual": nothing}

    def _follow(self) -> None:
        """Layers that have been put into the UNet itself since."""
        now = [self._unet.config, *self._unet._modules.values()]
        if now != self._followed:
            for half in (self._deep, self._shallow):
                half.follow(self._unet)
            self._followed = now


class _Step(ModelHook):  # type: ignore[misc]  # diffusers is untyped
    """Around the UNet."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features

    def new_forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 (diffusers')
        given = dict(zip((parameter.name for parameter in TAKEN), args, strict=False)) | kwargs
        return self.features.step(given, lambda: self.fn_ref.original_forward(*args, **kwargs))


def _is_free(unet: Any) -> bool:
    """Whether FreeU changes what the layers are given."""
    return any(getattr(block, "b1", None) for block in unet.up_blocks)
