"""ControlNets: pictures that follow edges, a depth or a pose."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import igo
from igo.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

    from igo.hookspecs import Fit


@dataclass(frozen=True)
class ControlNet:
    """Let the base paint along a layer, by a ControlNet (Zhang et al., Adding Conditional Control to Text-to-Image
    Diffusion Models) for Stable Diffusion 1.5, 2 or XL: ``ControlNet("lllyasviel/control_v11p_sd15_canny", "edges")``.

    The layer is yours, or one that a step makes of the picture, such as ``Edges``, ``Depth`` or ``Pose``; it holds from
    text, from a picture, in masks and around a picture. Without a picture, and without width and height, what is
    painted is of the layer's size. Several in a chain act together. The picture is the one that plain diffusers makes
    with the same files. A chain without it loads a base of its own, in which it leaves no trace.

    Raises ``SettingsError`` for settings that can't be meant, ``CheckpointError`` for a model that can't be loaded or
    was made for another family than the chain's.
    """

    model: str
    """A folder in diffusers' layout, or a hub's name."""
    layer: str = "edges"
    """The name of the layer that it reads, of which kind it must have learned."""
    scale: float = 1.0
    """How strongly it acts, diffusers' ``controlnet_conditioning_scale``: 0 is not at all."""
    start: float = 0.0
    """The share of the steps after which it begins to act, diffusers' ``control_guidance_start``."""
    end: float = 1.0
    """The share of the steps after which it acts no more, diffusers' ``control_guidance_end``."""
    _: KW_ONLY
    revision: str | None = None
    """A branch, a tag or a commit of the hub's repository."""

    def __post_init__(self) -> None:
        for name in ("model", "layer"):
            if not getattr(self, name).strip():
                wanted = "a folder or a hub's name" if name == "model" else "a layer's name, such as 'edges'"
                raise SettingsError(f"{name} is empty; expected {wanted}")
        if self.layer in ("mask", "alpha"):
            raise SettingsError(
                f"layer is '{self.layer}', which says where to paint; expected another, such as 'edges'"
            )
        if not 0 <= self.scale <= 10:
            raise SettingsError(f"scale is {self.scale:g}; expected a number from 0 to 10")
        if not 0 <= self.start < self.end <= 1:
            raise SettingsError(f"start is {self.start:g}, end {self.end:g}; expected 0 ≤ start < end ≤ 1")

    @property
    def needs(self) -> tuple[str, ...]:
        """The layer."""
        return (self.layer,)

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """Weights that may not be used commercially, where that is asked for."""
        if runtime.commercial:
            runtime.permit(self.model, revision=self.revision)

    @igo.hookimpl
    def preprocess(self, request: igo.Request, runtime: igo.Runtime) -> igo.Request | None:
        """Put on the picture's record which files they were, and refuse what is no ControlNet before anything loads.
        Where there is no picture, the layer and what is painted are brought to one size."""
        from igo_plugins.controls import nets

        place, identity = nets.find(self.model, self.revision, runtime)
        runtime.identify(self.model, identity, runtime.permit(self.model, place))
        given = request.layers.get(self.layer)
        if request.image is not None or given is None:
            return None
        size = request.width or given.width, request.height or given.height
        layers = {**request.layers, self.layer: given if given.size == size else given.resize(size)}
        return request.replace(width=size[0], height=size[1], layers=layers)

    @igo.hookimpl
    def prepare(self, pipeline: Any, runtime: igo.Runtime) -> Any:
        """The pipeline with the ControlNet beside those that it has."""
        from igo_plugins.controls import nets

        nets.add(pipeline, nets.find(self.model, self.revision, runtime)[0], self.model)
        return pipeline

    @igo.hookimpl
    def condition(self, fit: Fit, layer: Callable[..., Image]) -> dict[str, Any]:
        """The layer as the base paints it, and how strongly and when the ControlNet acts."""
        return {
            "control_image": [fit(layer(self.layer)).convert("RGB")],
            "controlnet_conditioning_scale": [float(self.scale)],
            "control_guidance_start": [float(self.start)],
            "control_guidance_end": [float(self.end)],
        }
