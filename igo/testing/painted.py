"""A base that needs no model."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from igo.hookspecs import hookimpl
from igo.values import Frame, Request


@dataclass(frozen=True)
class PaintedBase:
    """Stands where ``TextToImage`` would: deterministic pictures of coloured shapes, by prompt and seed.

    It takes the same requests: from text, from an image (blended by ``strength``), and within a layer ``"mask"``.
    """

    width: int = 64
    height: int = 96

    @hookimpl
    def generate(self, request: Request) -> list[Frame] | None:
        """Frames of ``request.num_images`` pictures, picture k by the seed ``request.seed + k`` alone."""
        if request.image is not None and (request.strength == 0 or (request.strength is None and not request.prompt)):
            return None
        first = request.seed or 0
        return [self._frame(request, first + k) for k in range(request.num_images)]

    def _frame(self, request: Request, seed: int) -> Frame:
        size = request.image.size if request.image else (request.width or self.width, request.height or self.height)
        painted = _painted(f"{request.prompt}\0{request.negative_prompt}", seed, size)
        if request.image is not None:
            strength = 0.8 if request.strength is None else request.strength
            blended = Image.blend(request.image, painted, strength)
            mask = request.layers.get("mask")
            painted = blended if mask is None else Image.composite(blended, request.image, mask.convert("L"))
        return Frame(painted, seed).noted(prompt=request.prompt, negative_prompt=request.negative_prompt)


PaintedBase.__module__ = "igo.testing"  # the name that chain files and records know it by


def _painted(text: str, seed: int, size: tuple[int, int]) -> Image.Image:
    """A ground whose colour is the text's, and shapes that are the seed's."""
    random = Random(f"{zlib.crc32(text.encode())} {seed}")
    ground = Random(zlib.crc32(text.encode())).choices(range(256), k=3)
    image = Image.new("RGB", size, tuple(ground))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        across, down = sorted(random.choices(range(size[0]), k=2)), sorted(random.choices(range(size[1]), k=2))
        draw.rectangle((across[0], down[0], across[1], down[1]), fill=tuple(random.choices(range(256), k=3)))
    return image
