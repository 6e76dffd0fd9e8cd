"""Deep features of a UNet, kept from one denoising step to the next (Ma et al., DeepCache: Accelerating Diffusion
Models for Free)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import local
from typing import Any

from diffusers.hooks import HookRegistry, ModelHook

from igo.errors import CheckpointError, SettingsError

NAME = "igo features kept between steps"
"""Of the hooks."""


@dataclass
class _Call:
    """What is kept while a pipeline paints once, and of which steps."""

    timesteps: Any
    said: Any
    shape: Any
    outputs: dict[int, Any] = field(default_factory=dict)
    steps: int = 0
    since: int = 0

    def goes_on(self, timesteps: Any, said: Any, shape: Any) -> bool:
        """Whether a call of the UNet is this one's next: by the very tensors of steps and text, which every call of a
        pipeline makes anew, and the shape of the latents."""
        return self.timesteps is timesteps and self.said is said and self.shape == shape


class _Thread(local):
    """What each thread has for itself."""

    call: _Call | None = None
    repeats: bool = False


class Features:
    """Let a UNet run all of itself in one of ``interval`` steps, and in between its outermost layers alone, ``branch``
    and one on each side: what lies deeper gives what it gave before.

    The first ``first`` and the last ``last`` steps are run whole; so are all where something reaches into the layers
    (FreeU, a T2I-Adapter). ``timesteps()`` gives those of the scheduler that is at work.
    """

    def __init__(
        self, unet: Any, timesteps: Callable[[], Any], *, interval: int, branch: int, first: int, last: int
    ) -> None:
        self._unet, self._timesteps = unet, timesteps
        self._interval, self._first, self._last = interval, first, last
        self._thread = _Thread()
        self._deep = _deep(unet, branch)

    def attach(self) -> None:
        """Raise ``CheckpointError`` where features are kept already."""
        if NAME in HookRegistry.check_if_exists_or_initialize(self._unet).hooks:
            raise CheckpointError("features are kept between steps twice; leave one Caching in the chain")
        HookRegistry.check_if_exists_or_initialize(self._unet).register_hook(_Step(self), NAME)
        for number, module in enumerate(self._deep):
            HookRegistry.check_if_exists_or_initialize(module).register_hook(_Layer(self, number), NAME)

    @contextmanager
    def step(self, sample: Any, timestep: Any, said: Any, plain: bool) -> Iterator[None]:
        """One call of the UNet."""
        thread, timesteps = self._thread, self._timesteps()
        call = thread.call
        if call is None or not call.goes_on(timesteps, said, sample.shape):
            call = _Call(timesteps, said, sample.shape)
        left = int((timesteps < float(getattr(timestep, "max", lambda: timestep)())).sum())
        whole = plain or not call.outputs or call.steps < self._first or left < self._last
        thread.repeats = not whole and call.since + 1 < self._interval
        call.steps, call.since = call.steps + 1, call.since + 1 if thread.repeats else 0
        thread.call = call
        try:
            yield
        except BaseException:
            thread.call = None
            raise
        finally:
            thread.repeats = False
            if plain or not left:
                thread.call = None

    def output(self, number: int, run: Callable[[], Any]) -> Any:
        """What a deep layer gives: as it gave it before, or as it ``run``s."""
        call = self._thread.call
        if call is None:
            return run()
        if not self._thread.repeats:
            call.outputs[number] = run()
        return call.outputs[number]


class _Step(ModelHook):  # type: ignore[misc]  # diffusers is untyped
    """Around the UNet."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features

    def new_forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(("sample", "timestep", "encoder_hidden_states"), args, strict=False)) | kwargs
        reached = given.get("down_intrablock_additional_residuals") is not None
        plain = reached or any(getattr(block, "b1", None) for block in module.up_blocks)
        with self.features.step(given["sample"], given["timestep"], given["encoder_hidden_states"], plain):
            return self.fn_ref.original_forward(*args, **kwargs)


class _Layer(ModelHook):  # type: ignore[misc]  # diffusers is untyped
    """Around what lies deep."""

    def __init__(self, features: Features, number: int) -> None:
        super().__init__()
        self.features, self.number = features, number

    def new_forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 (diffusers')
        return self.features.output(self.number, lambda: self.fn_ref.original_forward(*args, **kwargs))


def _deep(unet: Any, branch: int) -> list[Any]:
    """What lies deeper than the outermost layers: of the first block all but ``branch`` layers, of the last all but one
    more, and all blocks between. Raises ``SettingsError`` for more than there are."""
    down, up = unet.down_blocks[0], unet.up_blocks[-1]
    most = len(up.resnets) - 1
    if branch > most:
        raise SettingsError(
            f"branch is {branch}; expected at most {most}, the outermost layers of this UNet beyond one"
        )
    deep = [*unet.down_blocks[1:], unet.mid_block, *unet.up_blocks[:-1]]
    for block, layers in ((down, slice(branch, None)), (up, slice(None, most - branch))):
        for kind in ("resnets", "attentions"):
            deep += list(getattr(block, kind, None) or ())[layers]
    deep += list(getattr(down, "downsamplers", None) or ())
    return [module for module in deep if module is not None]
