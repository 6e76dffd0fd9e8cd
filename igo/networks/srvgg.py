"""SRVGGNetCompact, the small network of Real-ESRGAN (Wang et al., Real-ESRGAN: Training Real-World Blind
Super-Resolution with Pure Synthetic Data, 2021; github.com/xinntao/Real-ESRGAN, BSD-3). Written anew, with the names of
its weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from igo.errors import CheckpointError
from igo.networks.weights import filled


class SRVGGNetCompact(nn.Module):
    """Plain 3×3 convolutions at the small size, one pixel shuffle, and the picture itself added, enlarged by nearest.

    N×3×H×W RGB in 0..1 becomes N×3×(scale·H)×(scale·W), not clipped. A pixel depends on ``convolutions + 2`` pixels
    around it (``radius``). Weights are ``body.0`` (first convolution), ``body.1`` (its PReLU), and so on to the last
    convolution, ``body.{2 * convolutions + 2}``.

    A new network enlarges by quadratic interpolation: three channels hand the picture through all layers, since PReLU
    leaves what isn't negative as it is, and the last layer interpolates. Short trainings gain by that; torch's own
    start shrinks the signal in every layer, to next to nothing after eighteen, and takes long to get going.
    """

    multiple = 1
    """What the sides of a picture must be multiples of."""

    def __init__(self, scale: int = 4, features: int = 64, convolutions: int = 16) -> None:
        super().__init__()
        self.scale, self.features, self.convolutions = scale, features, convolutions
        self.radius = convolutions + 2
        layers: list[nn.Module] = []
        for channels in (3, *[features] * convolutions):
            layers += [_inner(channels, features), nn.PReLU(features)]
        self.body = nn.Sequential(*layers, _last(features, scale))

    def forward(self, pictures: Tensor) -> Tensor:
        details = functional.pixel_shuffle(self.body(pictures), self.scale)
        return details + functional.interpolate(pictures, scale_factor=self.scale, mode="nearest")

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "SRVGGNetCompact":
        """A network with these weights in fp32, its shape read off them.

        Raises ``KeyError``, ``ValueError`` or ``RuntimeError`` for the weights of anything else.
        """
        last = max(int(name.split(".")[1]) for name in state if name.startswith("body."))
        if len(state) != 3 * (last // 2) + 2:  # before layers are made that one name alone claims
            raise ValueError(f"{len(state)} weights for {last} layers")
        scale = round((len(state[f"body.{last}.weight"]) / 3) ** 0.5)
        with torch.device("meta"):  # nothing is taken for what names and shapes claim
            network = cls(scale, len(state["body.0.weight"]), last // 2 - 1)
        return filled(network, state)

    @torch.no_grad()
    def take_over(self, other: "SRVGGNetCompact") -> None:
        """Become a network of a larger scale, followed by shrinking: a start for training this one.

        Raises ``CheckpointError`` if the other's scale is no multiple of this one's, or its shape is another.
        """
        shapes = [(network.features, network.convolutions) for network in (self, other)]
        if shapes[0] != shapes[1] or other.scale % self.scale:
            raise CheckpointError(
                f"a network of ×{self.scale} with (features, convolutions) {shapes[0]} can't start from one of "
                f"×{other.scale} with {shapes[1]}; they must be equal, and the scale a multiple"
            )
        factor = other.scale // self.scale
        state = dict(other.state_dict())
        for name in (f"body.{len(self.body) - 1}.weight", f"body.{len(self.body) - 1}.bias"):
            parts = state[name].view(3, self.scale, factor, self.scale, factor, *state[name].shape[1:])
            state[name] = parts.mean((2, 4)).flatten(0, 2)
        self.load_state_dict(state)


@torch.no_grad()
def _inner(channels: int, features: int) -> nn.Conv2d:
    """A convolution that hands three channels on and keeps the signal's size in all others (He et al., Delving Deep
    into Rectifiers)."""
    layer = nn.Conv2d(channels, features, 3, padding=1)
    if layer.weight.is_meta:  # weights come from a file; for numbers that aren't there torch imports its compiler
        return layer
    nn.init.kaiming_normal_(layer.weight, a=0.25)
    nn.init.dirac_(layer.weight[:3])
    for bias in list(layer.parameters())[1:]:
        nn.init.zeros_(bias)
    return layer


@torch.no_grad()
def _last(features: int, scale: int) -> nn.Conv2d:
    """A convolution that makes, of its first three channels, what a parabola through three pixels says about each of
    their scale×scale parts, less the pixel itself."""
    layer = nn.Conv2d(features, 3 * scale**2, 3, padding=1)
    if layer.weight.is_meta:
        return layer
    for start in layer.parameters():
        nn.init.zeros_(start)
    place = (torch.arange(scale) + 0.5) / scale - 0.5
    line = torch.stack([place * (place - 1) / 2, 1 - place.square(), place * (place + 1) / 2], 1)
    kernels = torch.einsum("iy,jx->ijyx", line, line).flatten(0, 1)
    kernels[:, 1, 1] -= 1
    for color in range(3):
        layer.weight[color * scale**2 : (color + 1) * scale**2, color] = kernels
    return layer
