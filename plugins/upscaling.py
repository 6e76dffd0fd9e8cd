"""Upscaling: more pixels, by Real-ESRGAN (Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with
Pure Synthetic Data, 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args, get_type_hints

import igo
from igo.errors import CheckpointError, ImageError, SettingsError, did_you_mean, out_of_memory
from igo.values import SOFT_LAYERS
from igo_plugins.realesrgan import models, sizes
from igo_plugins.realesrgan.backends import LARGEST

if TYPE_CHECKING:
    from PIL import Image

    from igo_plugins.realesrgan.backends import Loaded
    from igo_plugins.realesrgan.tiles import Enlarger, Pixels

REST = 1.5
"""What may be missing after the network has been at work, and is left to Lanczos: another pass would cost many times
the first."""


@dataclass(frozen=True)
class Upscaling:
    """Enlarge the picture by Real-ESRGAN, in tiles, to any size.

    Layers of the frame grow with it, since what they mark stays where it is; of a transparent picture the alpha is
    enlarged by the network too. A network of ×4 or ×2 is run once, and again while more than half is missing and the
    result would still be readable (256 megapixels); Lanczos, most often by shrinking, makes it the size asked for.
    """

    resizes = True

    scale: float | None = None
    """How many times larger, above 1 and up to 16, such as 2 or 1.5; 4 where ``to`` isn't given either."""
    to: str | None = None
    """In place of ``scale``: the size in pixels to fill, such as ``"2048x3072"``. Proportions are kept."""
    model: str = "mini"
    """``"mini"`` (embedded), ``"RealESRGAN_x4plus"``, ``"RealESRGAN_x2plus"``, ``"RealESRNet_x4plus"``,
    ``"RealESRGAN_x4plus_anime_6B"``, ``"realesr-general-x4v3"``, ``"realesr-animevideov3"``, or a .pth, .safetensors or
    .param file."""
    weights: str | None = None
    """The folder that holds official files; by default ~/.cache/igo/realesrgan. Their digests are checked."""
    strength: float = 1.0
    """How much of the result is the network's, 0 to 1; the rest is a plain enlargement, which leaves skin its grain."""
    denoise_strength: float | None = None
    """For ``"realesr-general-x4v3"`` alone: 0 keeps noise and grain, 1 removes them; 0.5 where left out."""
    keep_color: bool = False
    """Hold the colours of plain areas where they were; the large networks shift cloth by up to 10 levels."""
    tile: int | None = None
    """The side of a tile in pixels of the picture; by default what suits model and device. 0 is none, computed in the
    order that the package ``realesrgan`` computes in, which is slower: without ``pre_pad``, exactly what that gives."""
    pre_pad: int = 10
    """Pixels that are mirrored around the picture before; without any, the network sees black beyond the edge."""
    backend: Literal["torch", "ncnn", "realesrgan"] = "torch"
    """``"ncnn"`` and ``"realesrgan"`` need packages of those names."""

    def __post_init__(self) -> None:
        if self.scale is not None and self.to is not None:
            raise SettingsError("scale and to are both given; choose one")
        if self.scale is not None and not 1 < self.scale <= LARGEST:
            raise SettingsError(f"scale is {self.scale!r}; expected a number above 1 and up to {LARGEST}")
        if self.to is not None:
            sizes.parse_size(self.to)
        models.check_name(self.model)
        choices = get_args(get_type_hints(type(self))["backend"])
        if self.backend not in choices:
            raise SettingsError(f"backend is {self.backend!r}; {did_you_mean(self.backend, choices)}")
        for name in ("strength", "denoise_strength"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise SettingsError(f"{name} is {value!r}; expected a number from 0 to 1")
        if self.denoise_strength is not None and self.model != models.GENERAL:
            raise SettingsError(f"denoise_strength is for {models.GENERAL} alone, not for {self.model}; leave it out")
        if self.tile is not None and self.tile != 0 and self.tile < 32:
            raise SettingsError(f"tile is {self.tile!r}; expected at least 32 pixels, or 0 for none")
        if not 0 <= self.pre_pad <= 256:
            raise SettingsError(f"pre_pad is {self.pre_pad!r}; expected 0 to 256 pixels")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """Load the network, which is small, before a base spends its time on pictures: one that isn't here, isn't what
        its name says or can't be run raises ``CheckpointError`` now."""
        for factor in (self.scale or 4,) if self.to is None else (2, 3, 4):
            self._model(runtime, factor)

    @igo.hookimpl
    def postprocess(self, frame: igo.Frame, runtime: igo.Runtime) -> igo.Frame:
        """The frame with a larger picture and layers.

        Raises ``SettingsError`` for a size that can't be meant, ``ImageError`` for one that the memory doesn't hold.
        """
        from igo.images import MAX_PIXELS

        size = sizes.target_size(frame.image.size, self.scale or 4, self.to)
        if size[0] * size[1] > MAX_PIXELS:
            raise SettingsError(
                f"{size[0]}x{size[1]} pixels are more than IGO reads again ({MAX_PIXELS}); ask for less"
            )
        factor = max(new / old for new, old in zip(size, frame.image.size, strict=True))
        if factor > LARGEST:
            raise SettingsError(f"to is {self.to}, {factor:.1f} times the picture; expected at most {LARGEST} times")
        try:
            return self._larger(frame, size, factor, runtime)
        except Exception as error:
            if not out_of_memory(error):
                raise
            raise ImageError(
                f"the memory here doesn't hold {size[0]}x{size[1]} pixels while they are made; ask for fewer"
            ) from error

    def _larger(self, frame: igo.Frame, size: tuple[int, int], factor: float, runtime: igo.Runtime) -> igo.Frame:
        import numpy as np
        from PIL import Image

        from igo_plugins.realesrgan import pictures

        model = self._model(runtime, factor)
        runtime.identify(model.name, model.identity, model.license)
        source, alpha = np.asarray(frame.image), frame.layers.get("alpha")
        visible = source if alpha is None else pictures.bled(source, np.asarray(alpha.convert("L")))
        grown = self._enlarged(model.enlarger, visible, size, runtime)
        if self.keep_color:
            grown = np.array(grown)
            pictures.keep_color(grown, visible)
            if pictures.is_nearly_gray(visible):
                pictures.hold_gray(grown, visible)
        image = Image.fromarray(grown)
        if self.strength < 1:
            image = Image.blend(pictures.resized(Image.fromarray(visible), size), image, self.strength)
        report = {"model": model.name, "identity": model.identity, "backend": self.backend, "scale": round(factor, 4)}
        larger = frame.with_image(image, place=(0, 0, *size), **report)
        for name, layer in frame.layers.items():
            if name == "alpha":
                larger = larger.with_layer(name, self._enlarged_alpha(model.enlarger, layer, size, runtime))
            else:
                how = Image.Resampling.BILINEAR if name in SOFT_LAYERS else Image.Resampling.NEAREST
                larger = larger.with_layer(name, layer.resize(size, how))
        return larger

    def _enlarged(self, enlarger: Enlarger, picture: Pixels, size: tuple[int, int], runtime: igo.Runtime) -> Pixels:
        """H×W×3 of the size asked for: by the network, again while much is missing, the rest by Lanczos."""
        import numpy as np
        from PIL import Image

        from igo.images import MAX_PIXELS
        from igo_plugins.realesrgan.pictures import hold_gray, is_nearly_gray, resized
        from igo_plugins.realesrgan.tiles import enlarge

        missing: float = 1
        gray = is_nearly_gray(picture)
        while max(size[0] / picture.shape[1], size[1] / picture.shape[0]) > missing:
            source = picture
            picture = enlarge(enlarger, source, tile=self.tile, margin=self.pre_pad, progress=runtime.progress)
            if gray:
                hold_gray(picture, source)
            missing = REST if picture.size // 3 * enlarger.scale**2 <= MAX_PIXELS else LARGEST
        return np.asarray(resized(Image.fromarray(picture), size))

    def _enlarged_alpha(
        self, enlarger: Enlarger, alpha: Image.Image, size: tuple[int, int], runtime: igo.Runtime
    ) -> Image.Image:
        """An alpha of the size asked for, by the network, as a gray picture."""
        import numpy as np
        from PIL import Image

        from igo_plugins.realesrgan.pictures import within_neighbors

        source = np.asarray(alpha.convert("L"))
        if source.min() == source.max():
            return Image.new("L", size, int(source.min()))
        grown = self._enlarged(enlarger, np.repeat(source[..., None], 3, 2), size, runtime)
        return Image.fromarray(within_neighbors(np.asarray(Image.fromarray(grown).convert("L")), source))

    def _model(self, runtime: igo.Runtime, factor: float) -> Loaded:
        """The model, loaded once for all chains that share the runtime."""
        from igo_plugins.realesrgan.backends import files_of, load

        files = files_of(self.model, factor, self.weights, self.backend)
        denoise = 0.5 if self.denoise_strength is None else self.denoise_strength
        plain = self.tile == 0
        key = ("upscaling", files, denoise, self.backend, plain)
        try:
            return runtime.model(
                key, lambda: load(files, self.model, denoise, self.backend, runtime, channels_last=not plain)
            )
        except Exception as error:
            if not out_of_memory(error):
                raise
            raise CheckpointError(f"{self.model} doesn't fit the memory here; use a smaller model") from error
