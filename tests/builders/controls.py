"""Tiny ControlNets of random weights, and a step that brings one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import igo


def make_controlnet(unet, seed=0):
    """A ControlNet for the tiny UNet, whose autoencoder's cells are 2 x 2 pixels; as if trained: nothing in it is 0."""
    import torch
    from diffusers import ControlNetModel

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 16)).eval()
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    return net


@dataclass(frozen=True)
class Control:
    """Paint by a layer, as a ControlNet plugin would."""

    layer: str = "edges"
    scale: float = 0.9
    seed: int = 0

    @igo.hookimpl
    def prepare(self, pipeline: Any) -> Any:
        """The pipeline's sibling with one ControlNet more."""
        from diffusers import AutoPipelineForText2Image, MultiControlNetModel

        net, before = make_controlnet(pipeline.unet, self.seed), getattr(pipeline, "controlnet", None)
        if before is not None:
            net = MultiControlNetModel([*getattr(before, "nets", [before]), net])
        sibling = AutoPipelineForText2Image.from_pipe(pipeline, controlnet=net)
        sibling.set_progress_bar_config(disable=True)
        return sibling

    @igo.hookimpl
    def condition(self, fit: Callable[..., Any], layer: Callable[..., Any]) -> Mapping[str, Any]:
        """The layer, where the base paints."""
        return {"control_image": [fit(layer(self.layer))], "controlnet_conditioning_scale": [self.scale]}
