"""From prompts to what a Stable Diffusion pipeline takes as ``prompt_embeds``: weighted, of any length, none cut off.

Serves the checkpoints that condition a UNet on CLIP texts: Stable Diffusion 1 and 2 (one text encoder) and XL (two, or
the refiner's one). ``supports`` says whether a pipeline is one of them.

A short prompt without weights encodes to the very bytes that the pipeline's own ``encode_prompt`` gives. This needs
``clip_skip`` to be done here too: CLIPTextModel lost its inner ``text_model``, which diffusers looks for, in
transformers 5.6.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from igo.errors import PromptError, SettingsError, did_you_mean
from igo.painting.prompts.cache import PromptCache
from igo.painting.prompts.chunks import TokenPlan, TokenReport, plan_chunks, plan_truncated
from igo.painting.prompts.clip import TextEncoder, text_encoders
from igo.painting.prompts.syntax import parse

if TYPE_CHECKING:
    import torch

Emphasis = Literal["mean", "plain", "off"]

MEAN_FLOOR = 1e-3
"""A mean below this share of the embedding's root mean square is taken for 0."""


@dataclass(frozen=True)
class Encoded:
    """The embeddings of one picture's texts, on the text encoder's device and in its dtype.

    ``prompt_embeds`` and ``negative_prompt_embeds`` are (1, 77 × chunks, width), of equal shape; for XL, width is that
    of both encoders together, and the pooled ones are (1, projection). The negative ones are None without guidance, the
    pooled ones where the checkpoint has none.
    """

    prompt_embeds: torch.Tensor
    negative_prompt_embeds: torch.Tensor | None
    pooled_prompt_embeds: torch.Tensor | None
    negative_pooled_prompt_embeds: torch.Tensor | None
    report: TokenReport

    def kwargs(self) -> dict[str, torch.Tensor]:
        """What to call the pipeline with in place of ``prompt`` and ``negative_prompt``."""
        named = {
            "prompt_embeds": self.prompt_embeds,
            "negative_prompt_embeds": self.negative_prompt_embeds,
            "pooled_prompt_embeds": self.pooled_prompt_embeds,
            "negative_pooled_prompt_embeds": self.negative_pooled_prompt_embeds,
        }
        return {name: tensor for name, tensor in named.items() if tensor is not None}


def supports(pipeline: Any) -> bool:
    """Whether ``encode`` can serve this pipeline: it has a UNet, and CLIP is all that reads its prompts.

    The others (T5 in Stable Diffusion 3, Flux, PixArt, …) are given their prompts as plain strings.
    """
    return text_encoders(pipeline) is not None


def encode(
    pipeline: Any,
    prompt: str,
    negative_prompt: str | None = None,
    *,
    emphasis: Emphasis = "mean",
    clip_skip: int = 0,
    guidance: bool = True,
    cache: PromptCache | None = None,
) -> Encoded:
    """The embeddings of a prompt and a negative prompt; the shorter one is padded with empty chunks.

    ``emphasis`` says what a weight w does to the embedding z of its token:

    - ``"mean"``: z·w, then the chunk × (its mean before / its mean after), as AUTOMATIC1111's web UI does it. Where
      a mean is near 0, or changed its sign, the second factor would be noise and is left out.
    - ``"plain"``: z·w.
    - ``"off"``: brackets and ``BREAK`` are text, and what exceeds 77 tokens is dropped, as plain diffusers does it; the
      report says what was.

    ``clip_skip`` leaves out the encoder's last layers, 0 being none (the web UI counts from 1). It holds for both
    prompts; with ``"off"``, as in diffusers, for the first only.

    ``negative_prompt=None`` is an empty one, or zeros where an XL checkpoint says ``force_zeros_for_empty_prompt``.
    ``guidance=False`` leaves it out, and with it the padding it would cause.

    Raises ``PromptError`` for a text that can't be encoded, ``SettingsError`` for a value that is none of these, or
    for a pipeline that is not supported.
    """
    import torch

    if emphasis not in get_args(Emphasis):
        raise SettingsError(f"emphasis is '{emphasis}'; {did_you_mean(str(emphasis), get_args(Emphasis))}")
    encoders = text_encoders(pipeline)
    if encoders is None:
        raise SettingsError(
            f"{type(pipeline).__name__} does not read its prompts with CLIP alone; give it the prompts as strings"
        )
    for encoder in encoders:
        encoder.check_clip_skip(clip_skip)
    readers = [_Reader(encoder, emphasis, cache, None if cache is None else encoder.state()) for encoder in encoders]
    zeros = negative_prompt is None and bool(getattr(pipeline.config, "force_zeros_for_empty_prompt", False))

    positive = [reader.read(prompt, clip_skip) for reader in readers]
    negative = []
    if guidance and not zeros:
        negative_skip = 0 if emphasis == "off" else clip_skip
        negative = [reader.read(negative_prompt or "", negative_skip) for reader in readers]
    length = max(len(read.embeddings) for read in positive + negative)

    def joined(reads: list[_Read]) -> torch.Tensor:
        texts = []
        for reader, read in zip(readers, reads, strict=True):
            missing = length - len(read.embeddings)
            empty = reader.read("", clip_skip).embeddings if missing else ()
            texts.append(torch.cat([*read.embeddings, *empty * missing], dim=1))
        return torch.cat(texts, dim=-1).to(encoders[-1].model.dtype)

    prompt_embeds, pooled = joined(positive), positive[-1].pooled
    negative_embeds, negative_pooled = None, None
    if negative:
        negative_embeds, negative_pooled = joined(negative), negative[-1].pooled
    elif guidance:
        negative_embeds = torch.zeros_like(prompt_embeds)
        negative_pooled = None if pooled is None else torch.zeros_like(pooled)
    return Encoded(
        prompt_embeds,
        negative_embeds,
        None if pooled is None else pooled.clone(),  # what the cache holds is nobody's to change
        None if negative_pooled is None else negative_pooled.clone(),
        TokenReport(positive[0].plan, negative[0].plan if negative else None),
    )


@dataclass(frozen=True)
class _Read:
    """A text as one encoder reads it."""

    plan: TokenPlan
    embeddings: tuple[torch.Tensor, ...]
    pooled: torch.Tensor | None
    """Of the first chunk."""


@dataclass(frozen=True)
class _Reader:
    """One encoder, and how it is to read."""

    encoder: TextEncoder
    emphasis: Emphasis
    cache: PromptCache | None
    state: Hashable

    def read(self, text: str, clip_skip: int) -> _Read:
        if not isinstance(text, str):
            raise PromptError(f"a prompt is of type {type(text).__name__}; expected one text")
        key = (self.state, text, self.emphasis, clip_skip)
        if self.cache is None:
            return self._encode(text, clip_skip)
        read: _Read | None = self.cache.get(key)
        if read is None:
            read = self._encode(text, clip_skip)
            self.cache.put(key, read)
        return read

    def _encode(self, text: str, clip_skip: int) -> _Read:
        encoder = self.encoder
        if self.emphasis == "off":
            plan = plan_truncated(text, encoder.tokenize, chunk_length=encoder.chunk_length)
        else:
            plan = plan_chunks(
                parse(text),
                encoder.tokenize,
                comma_id=encoder.comma_id,
                follows=encoder.follows,
                chunk_length=encoder.chunk_length,
            )
        embeddings = []
        first_pooled = None
        for number, chunk in enumerate(plan.chunks):
            window = encoder.window(chunk)
            embedding, pooled = encoder.embed(window, clip_skip)
            embeddings.append(emphasised(embedding, window.weights, restore_mean=self.emphasis == "mean"))
            if number == 0:
                first_pooled = pooled
        return _Read(plan, tuple(embeddings), first_pooled)


def emphasised(embedding: torch.Tensor, weights: Sequence[float], *, restore_mean: bool) -> torch.Tensor:
    """One chunk's embedding, (1, n, width), with the n tokens' weights multiplied in; see ``encode``.

    Computed in at least fp32, given back in the embedding's dtype. Where all weights are 1 it is given back untouched.
    Raises ``PromptError`` where a weight leaves what that dtype can hold.
    """
    import torch

    if all(weight == 1 for weight in weights):
        return embedding
    before = embedding.to(torch.promote_types(embedding.dtype, torch.float32))
    after = before * torch.tensor(weights, device=before.device).to(before.dtype)[None, :, None]
    if restore_mean:
        old, new, size = before.mean().item(), after.mean().item(), before.square().mean().sqrt().item()
        if old * new > 0 and min(abs(old), abs(new)) > MEAN_FLOOR * size:
            after = after * (old / new)
    result = after.to(embedding.dtype)
    if not torch.isfinite(result).all() and torch.isfinite(embedding).all():
        raise PromptError(f"a weight of {max(weights, key=abs):g} is more than {embedding.dtype} can hold; use less")
    return result
