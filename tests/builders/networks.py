"""A network for engines, which takes two ways as UNets do, and what holds it."""

import torch
from torch import nn


class Network(nn.Module):
    """A picture and a scale to a picture; what is odd in height takes another way, as in a UNet."""

    _repeated_blocks = ("Sequential",)

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.inner = nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(nn.SiLU(), nn.Conv2d(4, 4, 1))
        self.strength = 1.0

    def forward(self, picture, scale, extra=None, return_dict=True):
        found = self.inner(self.first(picture)) * scale * self.strength
        if picture.shape[-2] % 2:
            found = found.flip(-2)
        found = found if extra is None else found + extra["one"]
        return [found, (None, found.mean())] if return_dict else (found,)


class Pipeline:
    """What holds it."""

    def __init__(self, unet):
        self.unet = unet


def picture(height=6, width=4, batch=1):
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(height)), torch.tensor(0.5)


def both(network, *given, **options):
    """What the network gives as it is, and what its class gives."""
    given = given or picture()
    with torch.no_grad():
        found, expected = network(*given, **options), type(network).forward(network, *given, **options)
    return found[0], expected[0]
