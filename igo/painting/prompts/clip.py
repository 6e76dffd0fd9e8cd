"""One CLIP text encoder with its tokenizer, as it sits in a loaded diffusers pipeline."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from igo.errors import PromptError, SettingsError
from igo.painting.prompts.cache import encoder_state
from igo.painting.prompts.chunks import CHUNK_LENGTH, Chunk, Window, window

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TextEncoder:
    """Text to tokens, and a chunk of tokens to its embedding."""

    pipeline: Any
    tokenizer: Any
    model: Any
    penultimate: bool
    """XL conditions on the layer before the last, as it is; Stable Diffusion 1 and 2 on the last, normalised."""

    @property
    def device(self) -> torch.device:
        """Where the model computes: where it is, or, when it is offloaded, where its hooks bring it."""
        import torch

        grouped = False
        for part in self.model.modules():
            device = getattr(getattr(part, "_hf_hook", None), "execution_device", None)  # accelerate's offloading
            if device is not None:
                return torch.device(device)
            grouped = grouped or hasattr(part, "_diffusers_hook")  # diffusers' group offloading
        return torch.device(self.pipeline._execution_device if grouped else self.model.device)

    @property
    def chunk_length(self) -> int:
        """Tokens between BOS and EOS: 75, or fewer where the model reads shorter windows."""
        return min(CHUNK_LENGTH, int(self.model.config.max_position_embeddings) - 2)

    @property
    def comma_id(self) -> int | None:
        """The id of a comma; None where the vocabulary spells it with several tokens."""
        found = self.tokenize(",")
        return found[0][0] if len(found) == 1 else None

    def tokenize(self, text: str) -> list[tuple[int, str]]:
        """Ids and tokens, without BOS, EOS and padding. Raises ``PromptError`` for an unpaired surrogate."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PromptError(
                f"the prompt holds half of a character (U+{ord(text[error.start]):04X}); write that place anew"
            ) from None
        further = self._further
        ids = [
            each
            for token_id in self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
            for each in (token_id, *further.get(token_id, ()))
        ]
        return list(zip(ids, self.tokenizer.convert_ids_to_tokens(ids), strict=True))

    @property
    def follows(self) -> frozenset[int]:
        """The ids of what is never parted from the token before it: an embedding's vectors after the first."""
        return frozenset(token_id for ids in self._further.values() for token_id in ids)

    @property
    def _further(self) -> dict[int, tuple[int, ...]]:
        """By the id of an embedding of several vectors the ids of the others, which diffusers calls ``name_1``, …"""
        added = self.tokenizer.added_tokens_encoder
        found = {}
        for name, token_id in added.items():
            more = tuple(takewhile(lambda one: one >= 0, (added.get(f"{name}_{k}", -1) for k in count(1))))
            if more:
                found[token_id] = more
        return found

    def written(self, token_id: int) -> str:
        """A token as a person reads it."""
        return str(self.tokenizer.decode([token_id], clean_up_tokenization_spaces=False)).strip()

    def window(self, chunk: Chunk) -> Window:
        tokenizer = self.tokenizer
        return window(
            chunk,
            bos=tokenizer.bos_token_id,
            eos=tokenizer.eos_token_id,
            pad=tokenizer.pad_token_id,
            chunk_length=self.chunk_length,
        )

    def check_clip_skip(self, clip_skip: int) -> None:
        layers = int(self.model.config.num_hidden_layers)
        if not isinstance(clip_skip, int) or isinstance(clip_skip, bool) or not 0 <= clip_skip < layers:
            raise SettingsError(f"clip_skip is {clip_skip!r}; expected a whole number of 0 to {layers - 1}")

    def embed(self, chunk: Window, clip_skip: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """One window's embedding, (1, chunk_length + 2, width), and its pooled one, (1, projection), if there is one.

        One window a call, as the plain pipeline does it: in a batch of several the same text need not give the same
        bytes on each device.
        """
        import torch

        device = self.device
        ids = torch.tensor([chunk.ids], device=device)
        masked = getattr(self.model.config, "use_attention_mask", False) and not self.penultimate  # as diffusers does
        mask = torch.tensor([chunk.mask], device=device) if masked else None
        hidden_states = self.penultimate or clip_skip > 0
        with torch.no_grad():
            output = self.model(ids, attention_mask=mask, output_hidden_states=hidden_states)
            if self.penultimate:
                embedding = output.hidden_states[-(clip_skip + 2)]
            elif clip_skip:
                inner = getattr(self.model, "text_model", self.model)  # gone in transformers 5.6
                embedding = inner.final_layer_norm(output.hidden_states[-(clip_skip + 1)])
            else:
                embedding = output[0]
        pooled = output[0] if self.penultimate and output[0].ndim == 2 else None
        return embedding.to(self.model.dtype), pooled

    def state(self) -> Hashable:
        """What an embedding depends on beside the text: see ``igo.painting.prompts.cache.encoder_state``."""
        return (encoder_state(self.model), str(self.device), id(self.tokenizer), len(self.tokenizer))


def text_encoders(pipeline: Any) -> list[TextEncoder] | None:
    """The pipeline's text encoders in the order in which their embeddings are joined; None if CLIP is not all it reads.

    One for Stable Diffusion 1 and 2, two for XL, the second one alone for XL's refiner.
    """
    if getattr(pipeline, "unet", None) is None or hasattr(pipeline, "text_encoder_3"):
        return None
    found = []
    for number in ("", "_2"):
        model = getattr(pipeline, f"text_encoder{number}", None)
        if model is None:
            continue
        tokenizer = getattr(pipeline, f"tokenizer{number}", None)
        if tokenizer is None or getattr(model.config, "model_type", None) != "clip_text_model":
            return None
        found.append(TextEncoder(pipeline, tokenizer, model, penultimate=hasattr(pipeline, "text_encoder_2")))
    return found or None
