"""RRDBNet, the large network of Real-ESRGAN (Wang et al., ESRGAN: Enhanced Super-Resolution Generative Adversarial
Networks, 2018; Real-ESRGAN, 2021; github.com/xinntao/Real-ESRGAN and BasicSR). Written anew, with the names of its
weights."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from igo.networks.weights import filled

_SCALES = {3: 4, 12: 2, 48: 1}
"""By the channels that the first convolution takes."""
_REACH = 2
"""How many small pixels the layers after the body see around one: two enlargements by nearest, four convolutions."""


class RRDBNet(nn.Module):
    """Residual-in-residual dense blocks at the small size, then twice an enlargement by nearest and a convolution.

    N×3×H×W RGB in 0..1 becomes N×3×(scale·H)×(scale·W), not clipped. For scales 2 and 1 the picture is first folded,
    each square of ``multiple`` pixels into channels, so that the sides must be multiples of it. A pixel depends on
    ``radius`` pixels around it; with trained weights hardly on any beyond the nearest hundred.
    """

    def __init__(self, scale: int = 4, features: int = 64, blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        self.scale, self.multiple = scale, 4 // scale
        self.radius = self.multiple * (15 * blocks + 2 + _REACH)
        self.conv_first = _convolution(3 * self.multiple**2, features)
        self.body = nn.Sequential(*(_ResidualInResidual(features, growth) for _ in range(blocks)))
        self.conv_body = _convolution(features, features)
        self.conv_up1 = _convolution(features, features)
        self.conv_up2 = _convolution(features, features)
        self.conv_hr = _convolution(features, features)
        self.conv_last = _convolution(features, 3)

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "RRDBNet":
        """A network with these weights in fp32, its shape read off them.

        Raises ``KeyError``, ``ValueError`` or ``RuntimeError`` for the weights of anything else.
        """
        features, channels = state["conv_first.weight"].shape[:2]
        blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("body."))
        if len(state) != 2 * (15 * blocks + 6):  # before layers are made that one name alone claims
            raise ValueError(f"{len(state)} weights for {blocks} blocks")
        with torch.device("meta"):  # nothing is taken for what names and shapes claim
            network = cls(_SCALES[channels], features, blocks, len(state["body.0.rdb1.conv1.weight"]))
        return filled(network, state)

    def forward(self, pictures: Tensor) -> Tensor:
        return self._tail(self._features(pictures))

    def strips(self, pictures: Tensor, rows: int = 64) -> Iterator[Tensor]:
        """What ``forward`` gives, in strips of ``rows`` small rows from the top.

        The layers after the body work on 16 times as many pixels and need most of the memory, but they see no further
        than two rows: strip by strip they need next to none. The values are the same.
        """
        features = self._features(pictures)
        height = features.shape[2]
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            first, last = max(top - _REACH, 0), min(bottom + _REACH, height)
            yield self._tail(features[:, :, first:last])[:, :, 4 * (top - first) : 4 * (bottom - first)]

    def _features(self, pictures: Tensor) -> Tensor:
        first: Tensor = self.conv_first(functional.pixel_unshuffle(pictures, self.multiple))
        return first.add(self.conv_body(self.body(first)))

    def _tail(self, features: Tensor) -> Tensor:
        for convolution in (self.conv_up1, self.conv_up2):
            features = _bent(convolution(functional.interpolate(features, scale_factor=2, mode="nearest")))
        enlarged: Tensor = self.conv_last(_bent(self.conv_hr(features)))
        return enlarged


class _ResidualInResidual(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = _Dense(features, growth)
        self.rdb2 = _Dense(features, growth)
        self.rdb3 = _Dense(features, growth)

    def forward(self, features: Tensor) -> Tensor:
        return features.add(self.rdb3(self.rdb2(self.rdb1(features))).mul(0.2))


class _Dense(nn.Module):
    """Five convolutions, each of which sees the results of all before it."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = _convolution(features, growth)
        self.conv2 = _convolution(features + growth, growth)
        self.conv3 = _convolution(features + 2 * growth, growth)
        self.conv4 = _convolution(features + 3 * growth, growth)
        self.conv5 = _convolution(features + 4 * growth, features)

    def forward(self, features: Tensor) -> Tensor:
        seen = features
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat((seen, _bent(convolution(seen))), 1)
        return features.add(self.conv5(seen).mul(0.2))  # one rounding more than with alpha=, as upstream


def _convolution(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1)


def _bent(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, 0.2, inplace=not values.requires_grad)
