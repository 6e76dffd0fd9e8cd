"""A base of compiled parts: what ``TextToImage`` is elsewhere, at one size and for Stable Diffusion alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo.errors import CheckpointError, MaskError, SettingsError
from igo.hookspecs import hookimpl
from igo.painting.bounds import check_request
from igo.painting.prompts.presets import preset_for
from igo.values import Frame, Request

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.runtime import Runtime
    from igo.serving.neuron.parts import Wanted

STRENGTH = {"img2img": 0.8, "inpaint": 1.0}
"""diffusers' own defaults."""


@dataclass(frozen=True)
class NeuronTextToImage:
    """Pictures by a Stable Diffusion that ``compile.py`` has compiled for NeuronCores, at the size that it says."""

    checkpoint: str = "mini"
    """``"mini"``, a folder in diffusers' layout, or a hub's ``owner/name``."""
    revision: str | None = None
    """A hub's branch, tag or commit."""
    variant: str | None = None
    """Which files of a checkpoint to load, such as ``"fp16"``."""
    width: int = 512
    """Pixels of the pictures that are painted."""
    height: int = 512
    """Pixels, too."""
    num_inference_steps: int = 50
    """Where a request doesn't say."""
    guidance_scale: float = 7.5
    """Where a request doesn't say."""
    compiled: str = "compiled"
    """The folder of what was compiled."""
    cores: int = 2
    """NeuronCores that denoise at once: an Inferentia2 has two."""
    feather: float = 4.0
    """Pixels over which the border of a mask fades, inward."""
    context: float = 0.5
    """What is shown around a mask, as a multiple of its longer side."""

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            if getattr(self, name) % 8 or not 8 <= getattr(self, name) <= 4096:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected a multiple of 8, at most 4096")
        if not 1 <= self.cores <= 2:
            raise SettingsError(f"cores is {self.cores}; expected 1 or 2")

    def wanted(self) -> Wanted:
        """What has to be compiled for it."""
        from igo.serving.neuron.parts import Wanted

        return Wanted(self.checkpoint, self.revision, self.variant, self.width, self.height)

    @hookimpl
    def generate(self, request: Request, runtime: Runtime) -> list[Frame] | None:
        """Frames of ``request.num_images`` pictures, picture k with the seed ``request.seed + k``."""
        if request.image is not None and (
            request.strength == 0 or (request.strength is None and not request.prompt.strip())
        ):
            return None
        check_request(request)
        mask = request.layers.get("mask") if request.image is not None else None
        task = "text2img" if request.image is None else "img2img" if mask is None else "inpaint"
        asked = self._asked(request, task)
        if mask is not None and not mask.getbbox():
            raise MaskError("the mask is empty (area 0); expected some of it to be white, where to paint", area=0.0)
        from igo.serving.neuron.compiling import identity

        runtime.identify(self.checkpoint, identity(self.wanted(), Path(self.compiled)), self._permit(runtime))
        pipeline = self._pipeline(runtime, task)
        texts, told = self._encoded(pipeline, request, asked["guidance_scale"] > 1)
        report = {"checkpoint": self.checkpoint, "task": task, "scheduler": type(pipeline.scheduler).__name__}
        report |= {**asked, **told}
        return [
            Frame(self._painted(pipeline, request, mask, seed, {**asked, **texts}), seed).noted(**report)
            for seed in range(request.seed or 0, (request.seed or 0) + request.num_images)
        ]

    def _permit(self, runtime: Runtime) -> Any:
        from igo.painting.checkpoints.checkpoint import whereabouts

        return runtime.permit(self.checkpoint, whereabouts(self.checkpoint), self.revision)

    def _asked(self, request: Request, task: str) -> dict[str, Any]:
        """The numbers of a call. Raises ``SettingsError`` for what can't be done at the compiled size."""
        for name in ("width", "height"):
            if request.image is None and getattr(request, name) not in (None, getattr(self, name)):
                raise SettingsError(
                    f"{name} is {getattr(request, name)}, and this server is compiled for {self.width}x{self.height}; "
                    "ask for that, and extend or enlarge the picture by steps of your own chain"
                )
        steps = request.num_inference_steps or self.num_inference_steps
        guidance = self.guidance_scale if request.guidance_scale is None else request.guidance_scale
        asked: dict[str, Any] = {"num_inference_steps": steps, "guidance_scale": guidance}
        if task != "text2img":
            asked["strength"] = STRENGTH[task] if request.strength is None else request.strength
            if int(steps * asked["strength"]) < 1:
                raise SettingsError(
                    f"strength {asked['strength']:g} of {steps} steps leaves nothing to paint; use more"
                )
        return asked

    def _pipeline(self, runtime: Runtime, task: str) -> Any:
        """The pipeline for a task, of parts that are loaded once."""
        import diffusers

        from igo.serving.neuron import parts

        def load() -> Any:
            pipeline = parts.load(self.wanted())
            parts.put_in(pipeline, parts.read(Path(self.compiled), self.cores))
            return pipeline

        loaded = runtime.model(("neuron", self), load)
        if loaded.unet.config.in_channels == 9 and task != "inpaint":
            raise CheckpointError("the checkpoint has 9 channels, for painting in masks; bring a layer 'mask'")
        kind = {
            "text2img": diffusers.StableDiffusionPipeline,
            "img2img": diffusers.StableDiffusionImg2ImgPipeline,
            "inpaint": diffusers.StableDiffusionInpaintPipeline,
        }[task]
        scheduler = type(loaded.scheduler).from_config(loaded.scheduler.config)
        pipeline = kind(**{**loaded.components, "scheduler": scheduler}, requires_safety_checker=False)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _encoded(self, pipeline: Any, request: Request, guided: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """The prompts as the compiled UNet takes them, of one window of tokens, and what there is to say of them."""
        from igo.painting.prompts.encode import encode

        prompt, negative_prompt = request.prompt, request.negative_prompt
        if (preset := preset_for(self.checkpoint)) is not None:
            prompt, negative_prompt = preset.apply(prompt, negative_prompt)
        texts = encode(pipeline, prompt, negative_prompt, guidance=guided).kwargs()
        window = int(pipeline.text_encoder.config.max_position_embeddings)
        told = {"prompt": prompt, "negative_prompt": negative_prompt if guided else ""}
        if any(text.shape[1] > window for text in texts.values()):
            told["note"] = (
                f"a prompt is longer than the {window} tokens that this server is compiled for; the rest is cut"
            )
        return {name: text[:, :window] for name, text in texts.items()}, told

    def _painted(self, pipeline: Any, request: Request, mask: Image | None, seed: int, asked: dict[str, Any]) -> Image:
        import torch

        from igo.images.compositing import color_matched, composite
        from igo.serving.neuron.framing import framed

        size = {"width": self.width, "height": self.height}
        generator = torch.Generator("cpu").manual_seed(seed)
        if request.image is None:
            painted: Image = pipeline(**asked, **size, generator=generator).images[0]
            return painted
        image = request.image
        frame = framed(image, None if mask is None else mask.convert("L"), (self.width, self.height), self.context)
        if mask is None or frame.mask is None:
            return frame.restore(pipeline(**asked, image=frame.image, generator=generator).images[0])
        made = pipeline(**asked, **size, image=frame.image, mask_image=frame.mask, generator=generator).images[0]
        matched = color_matched(frame.restore(made), image, mask.convert("L"), max(4, max(image.size) // 64))
        return composite(image, matched, mask.convert("L"), self.feather)
