"""Image-text-to-text models of transformers: loading them to where they fit, and asking them what a picture shows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from igo.errors import CheckpointError, SettingsError
from igo_plugins.captions import chat

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from igo import Runtime

QUESTION = "Describe the person's clothes, the pose and the place in one short sentence."
"""What models that chat are asked where there is no prompt."""
_EXPECTED = "name a folder, or a hub's image-text-to-text model such as 'Salesforce/blip2-opt-2.7b'"
FILLED = 0.85
"""The share of free memory that weights may take; the rest is for what is computed."""


@dataclass(frozen=True)
class Captioner:
    """A loaded model with its processor, on ``device`` as far as it fits there."""

    name: str
    model: Any
    processor: Any
    device: torch.device
    asked: dict[str, str] = field(default_factory=dict)
    """What the chat template made of each question."""

    def answers(self, images: Sequence[Image], prompt: str, **options: Any) -> list[str]:
        """What the model says of each picture, after ``prompt``. ``options`` are those of transformers' ``generate``.

        Raises ``SettingsError`` for a model that needs a prompt and got none, ``CheckpointError`` for one that fails.
        """
        import torch

        template = getattr(self.processor, "chat_template", None)
        if isinstance(template, dict):
            template = template.get("default")
        try:
            if template:
                inputs = self._chat(images, prompt or QUESTION, template)
            else:
                inputs = self._inputs(images, prompt.strip())
            inputs = inputs.to(self.device, self.model.dtype)
            with torch.inference_mode():
                made = self.model.generate(**inputs, do_sample=False, **options)
        except Exception as error:  # a model's files decide what is called, and with what
            reason = " ".join(str(error).split())[:200]
            if isinstance(error, TypeError | ValueError) and not (prompt or template):
                raise SettingsError(f"{self.name} can't be asked without a prompt ({reason}); give one") from error
            raise CheckpointError(
                f"the captioner {self.name!r} fails when it is asked: {type(error).__name__}: {reason}; "
                "ask otherwise, or name another"
            ) from error
        texts = self._read(made)
        # Decoders give the question back and go on from there, encoder-decoders don't.
        asked = self._read(inputs["input_ids"]) if "input_ids" in inputs else [""] * len(texts)
        return [text.removeprefix(question).strip() for text, question in zip(texts, asked, strict=True)]

    def _inputs(self, images: Sequence[Image], prompt: str) -> Any:
        # BLIP-2 wants the tokens that stand for the picture, with a prompt or without; others begin by themselves.
        texts = {"text": [prompt] * len(images)} if prompt or hasattr(self.processor, "num_query_tokens") else {}
        inputs = self.processor(images=list(images), return_tensors="pt", **texts)
        if self.model.config.model_type == "git" and "input_ids" in inputs:
            inputs.pop("token_type_ids", None)
            for key in ("input_ids", "attention_mask"):  # or it would go on after the end of the sentence
                inputs[key] = inputs[key][:, :-1]
        return inputs

    def _chat(self, images: Sequence[Image], question: str, template: str) -> Any:
        if question not in self.asked:
            talk = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
            special = {name: str(token) for name, token in self.processor.tokenizer.special_tokens_map.items()}
            self.asked[question] = chat.rendered(template, talk, special)
        talks = [
            [{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": question}]}]
            for image in images
        ]
        self.processor.tokenizer.padding_side = "left"  # pictures take different numbers of tokens; answers begin level
        return self.processor.apply_chat_template(
            talks,
            chat_template=chat.literally(self.asked[question]),
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        )

    def _read(self, tokens: Any) -> list[str]:
        texts: list[str] = self.processor.batch_decode(tokens, skip_special_tokens=True)
        return texts


def load(name: str, revision: str | None, load_in_8bit: bool, runtime: Runtime) -> Captioner:
    """A captioner from a folder or the hub, kept by ``runtime``. Raises ``CheckpointError``, ``SettingsError``."""
    if load_in_8bit and find_spec("bitsandbytes") is None:
        raise SettingsError(
            "load_in_8bit needs bitsandbytes, which is not installed; run: pip install 'igo[quantization]'"
        )
    captioner: Captioner = runtime.model(
        ("captioner", name, revision, load_in_8bit), lambda: _read(name, revision, load_in_8bit, runtime)
    )
    return captioner


def _read(name: str, revision: str | None, load_in_8bit: bool, runtime: Runtime) -> Captioner:
    from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

    from igo.networks.folders import load_model, one_line, place_of

    what = f"the captioner {name!r}"
    source = {"trust_remote_code": False}
    options: dict[str, Any] = {"dtype": runtime.dtype, **_placement(runtime.device)}
    if load_in_8bit:
        options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    with _quietly(), one_line(what, _EXPECTED):
        place = place_of(name, what, _EXPECTED, revision, runtime.permit)
        model = load_model(AutoModelForImageTextToText, place, what, **source, **options)
        processor = _processor(str(place), source)
        if "device_map" not in options:
            model.to(runtime.device)
        return Captioner(name, _completed(model.eval(), processor), processor, runtime.device)


def _processor(name: str, source: dict[str, Any]) -> Any:
    """What prepares pictures and prompts. Pairs of any encoder and decoder, such as ViT and GPT-2, have only the parts
    of one, of which transformers gives the tokenizer alone."""
    from transformers import AutoImageProcessor, AutoProcessor, VisionTextDualEncoderProcessor

    found = AutoProcessor.from_pretrained(name, **source)
    if hasattr(found, "image_processor"):
        return found
    return VisionTextDualEncoderProcessor(AutoImageProcessor.from_pretrained(name, **source), found)


def _placement(device: torch.device) -> dict[str, Any]:
    """How to lay a model out: on the device as far as there is room, then in main memory, then on the disk."""
    if device.type not in ("cuda", "cpu"):
        return {}
    from accelerate.utils import get_max_memory

    places = ("cpu",) if device.type == "cpu" else (device.index or 0, "cpu")
    free = get_max_memory()
    return {"device_map": "auto", "max_memory": {place: int(FILLED * free[place]) for place in places}}


def _completed(model: Any, processor: Any) -> Any:
    """BLIP-2 as it is asked today. Older copies lack the token that stands for the picture."""
    if hasattr(processor, "num_query_tokens") and getattr(model.config, "image_token_index", 0) is None:
        processor.num_query_tokens = model.config.num_query_tokens
        token = processor.tokenizer.convert_tokens_to_ids("<image>")
        if token >= model.get_input_embeddings().num_embeddings:
            model.resize_token_embeddings(token + 1, mean_resizing=False)
        model.config.image_token_index = token
    return model


@contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' bars, its advice to install what nothing here uses, and accelerate's remark on tokens that
    belong to no part of a model."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The following device_map keys do not match")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
