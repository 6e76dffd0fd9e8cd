"""A loaded try-on model: pictures to latents, both halves through the UNet, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from igo.chains.gathering import gathered
from igo.errors import CheckpointError, IGOError, SettingsError, out_of_memory
from igo.images import digest
from igo.licensing import License
from igo.networks.bodies import HEIGHT, Bodies
from igo.networks.tryon import CATVTON, Method, try_on, without_text
from igo.painting.previews import Preview, preview_of
from igo_plugins.fitting.memo import Memo

OnStep = Callable[[int, int, Preview | None], None]
"""Hears steps done and steps in all, over all pictures, and gets what makes a preview of the first that is at work."""
AT_ONCE = 16
"""Pictures in a call on a GPU, until memory runs out."""


@dataclass(frozen=True)
class Asked:
    """One picture: the latents of the person without the zone, of the same with the garment laid over it and of the
    garment, 1×C×h×w each, the zone 1×1×h×w, and a seed."""

    left: Tensor
    laid: Tensor
    mask: Tensor
    garment: Tensor
    seed: int


@dataclass(frozen=True, eq=False)
class Fitter:
    """A model on its device. ``weights`` has identity and licence of each of its checkpoints by name, ``native`` is the
    width and height of the pictures that it paints best, ``steps`` and ``guidance_scale`` its own. ``bodies`` says
    where the garment is laid over the person, for a model that has learned to see that; one that looks
    ``inside`` sees of the zone all but the old garment."""

    name: str
    weights: Mapping[str, tuple[str, License]]
    pipeline: Any
    method: Method
    native: tuple[int, int]
    steps: int
    guidance_scale: float
    device: torch.device
    bodies: Bodies | None = None
    inside: bool = False
    note: str | None = None
    memo: Memo = field(default_factory=Memo)
    _lock: Any = field(default_factory=Lock)
    _at_once: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pipeline.to(self.device)
        without_text(self.pipeline.unet)
        self._at_once.append(1 if self.device.type == "cpu" else AT_ONCE)

    @property
    def maskless(self) -> bool:
        """Whether it may find the garment itself, which CatVTON's weights have not learned."""
        return self.method != CATVTON

    @property
    def scheduler(self) -> str:
        """Its scheduler's class."""
        return type(self.pipeline.scheduler).__name__

    @property
    def cell(self) -> int:
        """Pixels along one side of a latent's cell."""
        return int(self.pipeline.vae_scale_factor)

    def size(self, width: int | None, height: int | None) -> tuple[int, int]:
        """What pictures are brought to: the width and height asked for, else its own. Raises ``SettingsError`` for a
        size that no latents have."""
        size = width or self.native[0], height or self.native[1]
        if any(side % self.cell for side in size):
            raise SettingsError(f"the size is {size[0]}x{size[1]}; expected multiples of {self.cell}")
        return size

    def remembered(self, image: Image.Image, mask: Image.Image | None = None) -> Tensor:
        """The same as ``encoded``, of a picture that may have come before."""
        key = digest(image), None if mask is None else digest(mask)
        latents: Tensor = self.memo.get(key, lambda: self.encoded(image, mask))
        return latents

    def encoded(self, image: Image.Image, mask: Image.Image | None = None) -> Tensor:
        """The latents, 1×C×h×w, of an RGB picture in whole cells, gray where ``mask`` (L) isn't 0."""
        pixels = pixels_of(image)
        if mask is not None:
            pixels = pixels * (torch.from_numpy(np.array(mask)) == 0)
        vae = self.pipeline.vae
        with self._lock, torch.no_grad(), self._told("encodes"):
            mode: Tensor = vae.encode(pixels.to(self.device, vae.dtype)).latent_dist.mode()
        return mode * float(vae.config.scaling_factor)

    def reach(self, garment: Image.Image, row: float) -> float:
        """How far down its wearer a row of a garment's picture (RGB) lies, from 0 at the crown to 1 at the soles."""
        place = self.placement(garment)[0, 0].numpy()
        unit = np.linalg.solve(place[:, :2], np.array([garment.width / 2, row]) - place[:, 2])
        return float(unit[1] / HEIGHT)

    def placement(self, image: Image.Image) -> Tensor:
        """Where the parts of a body lie in a picture (RGB) that may have come before, 1×5×2×3 (see ``Bodies``)."""
        bodies = self.bodies
        assert bodies is not None  # noqa: S101

        def made() -> Tensor:
            with self._lock, self._told("looks for bodies"):
                return bodies.placements((pixels_of(image) + 1) / 2)

        found: Tensor = self.memo.get(("body", digest(image)), made)
        return found

    def mask(self, mask: Image.Image | None, latents: Tensor) -> Tensor:
        """A zone (L, in whole cells; all of it for None) as the UNet takes it, 1×1×h×w, beside ``latents`` 1×C×h×w."""
        if mask is None:
            return torch.ones_like(latents[:, :1])
        cells = torch.from_numpy(np.asarray(mask)[:: self.cell, :: self.cell] > 0)
        return cells[None, None].to(latents.device, latents.dtype)

    def decoded(self, latents: Tensor) -> Image.Image:
        """The picture of latents 1×C×h×w, RGB."""
        with self._lock, self._told("decodes"):
            return self._decoded(latents)[0]

    def paint(
        self,
        asked: Sequence[Asked],
        num_inference_steps: int,
        guidance_scale: float,
        on_step: OnStep | None = None,
    ) -> list[Image.Image]:
        """A picture for each of ``asked``: on a CPU one after the other, on a GPU as many at once as there is memory
        for, those of other calls that are made ``together`` among them.

        Raises ``SettingsError`` for more steps than the model knows, ``CheckpointError`` where memory runs out for one.
        """
        trained = self.pipeline.scheduler.config.get("num_train_timesteps") or num_inference_steps
        if num_inference_steps > trained:
            raise SettingsError(
                f"num_inference_steps is {num_inference_steps}; expected at most {trained}, the steps of training"
            )

        def do(wanted: Sequence[tuple[Sequence[Asked], OnStep | None]]) -> list[list[Image.Image]]:
            return self._paint(wanted, num_inference_steps, guidance_scale)

        shape = asked[0].left.shape
        return gathered((self, num_inference_steps, guidance_scale, shape), (asked, on_step), do)

    def _paint(
        self, wanted: Sequence[tuple[Sequence[Asked], OnStep | None]], steps: int, guidance: float
    ) -> list[list[Image.Image]]:
        every = [one for asked, _ in wanted for one in asked]
        images: list[Image.Image] = []
        batch: Sequence[Asked] = ()

        def tell(done: int, total: int, latents: Tensor) -> None:
            for own, on_step in wanted:
                if on_step is not None:
                    at = next((at for at, one in enumerate(batch) if any(one is mine for mine in own)), None)
                    preview = None if at is None else preview_of(self.pipeline, latents, at)
                    on_step(len(images) * total + len(batch) * done, len(every) * total, preview)

        with self._lock:
            while len(images) < len(every):
                batch = every[len(images) : len(images) + self._at_once[0]]

                try:
                    images += self._call(batch, steps, guidance, tell)
                except (MemoryError, RuntimeError) as error:
                    if not out_of_memory(error):
                        raise
                    self._at_once[0] = len(batch) // 2
        left = iter(images)
        return [list(islice(left, len(asked))) for asked, _ in wanted]

    def _call(
        self, batch: Sequence[Asked], steps: int, guidance: float, tell: Callable[[int, int, Tensor], None]
    ) -> list[Image.Image]:
        left, over, mask, garment = (
            torch.cat([getattr(one, name) for one in batch]) for name in ("left", "laid", "mask", "garment")
        )
        generators = [torch.Generator("cpu").manual_seed(one.seed) for one in batch]
        shape = (1, left.shape[1], 2 * left.shape[2], left.shape[3])
        noise = torch.cat([torch.randn(shape, generator=one) for one in generators]).to(left.device, left.dtype)
        with self._told("paints", halves=len(batch) > 1):
            latents = try_on(
                self.pipeline.unet,
                self.pipeline.scheduler,
                left,
                mask,
                garment,
                noise,
                num_inference_steps=steps,
                guidance_scale=guidance,
                laid=over,
                method=self.method,
                generator=generators,
                on_step=tell,
            )
            return self._decoded(latents)

    def _decoded(self, latents: Tensor) -> list[Image.Image]:
        vae = self.pipeline.vae
        with torch.no_grad():
            values = vae.decode(latents.to(vae.dtype) / float(vae.config.scaling_factor)).sample.float()
        return images_of(values)

    @contextmanager
    def _told(self, doing: str, halves: bool = False) -> Iterator[None]:
        """What the checkpoint's models raise, as one line; out of memory is raised as it is where that ``halves`` the
        batch."""
        try:
            yield
        except Exception as error:
            if isinstance(error, IGOError) or (halves and out_of_memory(error)):
                raise
            if out_of_memory(error):
                raise CheckpointError(
                    f"out of memory on {self.device} for a single picture; ask for a smaller width and height"
                ) from error
            raise CheckpointError(
                f"the try-on model {self.name!r} fails while it {doing} ({type(error).__name__}: {error}); the "
                "checkpoint's files don't go together; name another"
            ) from error


def pixels_of(image: Image.Image) -> Tensor:
    """An RGB picture as 1×3×H×W, -1 to 1."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1


def images_of(values: Tensor) -> list[Image.Image]:
    """N×3×H×W, -1 to 1, as RGB pictures."""
    pixels = ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(one) for one in pixels]
