"""A folder in diffusers' layout as a pipeline: every model of it loaded whole, or refused.

diffusers and transformers fill what a checkpoint lacks with random numbers, and import whatever library it names. So
what is in the folder is looked at first, each model is loaded by itself with the loader's own account of what was
missing, and then given to diffusers, which adds tokenizers and scheduler.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo.errors import CheckpointError
from igo.painting.checkpoints.layout import INDEX, Part, Weights, chosen, described, no_index, note
from igo.painting.checkpoints.weights import COUNTERS, check_described, check_files, check_numbers, read_table
from igo.painting.tasks import class_for

if TYPE_CHECKING:
    import torch

NATURAL = {"float16": "fp16", "bfloat16": "bf16"}
"""The variant whose files are in a dtype already."""


@dataclass(frozen=True)
class Contents:
    """What is in a folder or a repository, as far as it is loaded."""

    name: str
    index: Mapping[str, Any]
    parts: tuple[Part, ...]
    weights: Mapping[str, Weights]
    note: str | None

    @property
    def files(self) -> list[str]:
        """All files of weights that are loaded."""
        return [file for one in self.weights.values() for file in one.files]


def contents(
    name: str, files: Sequence[str], look: Callable[[str], Path], variant: str | None, dtype: torch.dtype
) -> Contents:
    """What to load of a checkpoint with these files, one of which ``look`` brings here.

    Raises ``CheckpointError`` where something is missing, or isn't made of diffusers' and transformers' own classes.
    """
    if INDEX not in files:
        raise no_index(name, files)
    read = read_table(look(INDEX), f"the {INDEX} of {name}")
    natural = NATURAL.get(str(dtype).removeprefix("torch."))
    parts = parts_of(name, read)
    _check_named(name, read, files)
    weights = chosen(name, parts, files, variant, natural)
    return Contents(name, read, parts, weights, note(weights, variant, natural))


def needed(found: Contents, files: Sequence[str]) -> list[str]:
    """The files to fetch from a hub."""
    return [*described(found.index, files), *found.files]


def load_pipeline(folder: Path, found: Contents, inpainting: bool, dtype: torch.dtype) -> tuple[Any, str | None]:
    """The pipeline, on the CPU, in ``dtype``, and what a user should know. Raises ``CheckpointError``, one line."""
    kind = pipeline_class(found.name, found.index, inpainting)
    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    check_described(found.name, folder, described(found.index, there))
    models, notes = {}, [found.note]
    for part in found.parts:
        models[part.name], unused = load_part(folder, found.name, part, found.weights[part.name], dtype)
        if unused:
            some = f"{len(unused)} weights of its {part.name}, such as {unused[0]!r}"
            notes.append(f"{some}, have no place in the model that its config.json describes, and are left out")
    with one_line(f"checkpoint {found.name}"):
        pipeline = kind.from_pretrained(folder, dtype=dtype, local_files_only=True, **models)
    check_tokenizers(found.name, pipeline)
    return pipeline, "; ".join(one for one in notes if one) or None


def pipeline_class(name: str, index: Mapping[str, Any], inpainting: bool) -> Any:
    """The class for the task: diffusers' choice, else the checkpoint's own where its call takes what is asked.

    Raises ``CheckpointError`` for classes that can't do it.
    """
    own = own_class(name, index)
    kind = own.__name__
    if "XL" in kind and _is_named(index.get("text_encoder_2")) and not _is_named(index.get("tokenizer")):
        raise CheckpointError(
            f"{name} is the refiner of Stable Diffusion XL, which goes over another checkpoint's pictures and "
            "can't paint by itself; name the base"
        )
    if (listed := class_for(kind, "inpaint" if inpainting else "text2img")) is not None:
        return listed
    takes = inspect.signature(own.__call__).parameters
    if not {"prompt", "image", *(("mask_image",) if inpainting else ())} <= takes.keys() or "num_frames" in takes:
        raise CheckpointError(
            f"{name} is a {kind}, which doesn't paint {'in masks' if inpainting else 'pictures of a prompt'}; "
            f"name another {'inpaint_checkpoint' if inpainting else 'checkpoint'}"
        )
    return own


def load_part(folder: Path, name: str, part: Part, weights: Weights, dtype: torch.dtype) -> tuple[Any, list[str]]:
    """One model of a pipeline, whole, and the names of weights that it has no place for.

    ``name`` is the checkpoint's, for errors. Raises ``CheckpointError``, one line.
    """
    with one_line(f"the {part.name} of {name}"):
        settings = read_table(folder / part.name / "config.json", f"config.json in {part.name}/ of {name}")
        held = check_files(name, folder, weights.files, "quantization_config" in settings)
        transformers = part.library == "transformers"
        with held.built_no_larger(meta=transformers):
            model, told = part.kind.from_pretrained(
                folder / part.name,
                dtype=dtype,
                variant=weights.variant,
                use_safetensors=weights.safe,
                local_files_only=True,
                output_loading_info=True,
                **({"ignore_mismatched_sizes": True} if transformers else {}),  # to be told which
            )
    for key, stored, expected in sorted(told["mismatched_keys"]):
        raise CheckpointError(
            f"weights of the {part.name} of {name} don't fit its config.json: {key!r} has the shape {list(stored)}, "
            f"expected {list(expected)}; download or convert it again"
        )
    if missing := sorted(told["missing_keys"]):
        raise CheckpointError(
            f"{name} lacks {len(missing)} of the weights of its {part.name}, such as {missing[0]!r}; download or "
            "convert it again"
        )
    check_numbers(name, part.name, model)
    return model, sorted(key for key in told["unexpected_keys"] if not key.endswith(COUNTERS))


def check_tokenizers(name: str, pipeline: Any) -> None:
    """Raise ``CheckpointError`` for a tokenizer that is cut, or not of its text encoder."""
    for key, tokenizer in pipeline.components.items():
        encoder = getattr(pipeline, key.replace("tokenizer", "text_encoder"), None)
        if not key.startswith("tokenizer") or tokenizer is None or encoder is None:
            continue
        told = encoder.config.get_text_config() if hasattr(encoder.config, "get_text_config") else encoder.config
        words, places = len(tokenizer), getattr(told, "vocab_size", len(tokenizer))
        clip = type(tokenizer).__name__ == "CLIPTokenizer"  # others round their encoder's number of words up
        if words < 0.9 * places or (clip and (words != places or _cut(tokenizer))):
            raise CheckpointError(
                f"{name} has no {key} with the {places} words of its text encoder, or one that is cut ({words} words); "
                "download or convert it again, or name a folder in config= that has one"
            )


@contextmanager
def one_line(what: str, hint: str = "") -> Iterator[None]:
    """Whatever the loaders raise, as one line."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()).partition(" If you want to instead")[0][:300]
        raise CheckpointError(f"{what} can't be loaded: {reason}{f'; {hint}' if hint else ''}") from error


def _cut(tokenizer: Any) -> bool:
    """Whether a vocabulary has words of several letters that none of its merges makes: those are cut, then."""
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    made = {"".join(pair if isinstance(pair, list) else pair.split(" ")) for pair in model["merges"]}
    special = set(tokenizer.get_added_vocab())
    return any(
        len(word.removesuffix("</w>")) > 1 and word not in made and word not in special for word in model["vocab"]
    )


def _check_named(name: str, index: Mapping[str, Any], files: Sequence[str]) -> None:
    """Raise ``CheckpointError`` for an index that doesn't name all that its pipeline is made of, or names what isn't
    there."""
    own = own_class(name, index)
    must = [key for key, one in inspect.signature(own.__init__).parameters.items() if one.default is one.empty]
    for key in must:
        given = _is_named(index.get(key))
        if key not in ("self", *own._optional_components) and not given:
            raise CheckpointError(f"the {INDEX} of {name} names no {key}, without which no {own.__name__} paints")
        if given and not any(file.startswith(f"{key}/") for file in files):
            raise CheckpointError(f"{name} has no {key}/, which its {INDEX} names; download or convert it again")


def _is_named(value: Any) -> bool:
    """Whether an entry of an index names a library and a class of it."""
    return isinstance(value, list) and list(map(type, value)) == [str, str]


def own_class(name: str, index: Mapping[str, Any]) -> Any:
    """The pipeline that a checkpoint is made for. Raises ``CheckpointError``."""
    import diffusers

    kind = index.get("_class_name")
    own = getattr(diffusers, kind, None) if isinstance(kind, str) and kind.isidentifier() else None
    if not (inspect.isclass(own) and issubclass(own, diffusers.DiffusionPipeline)):
        raise CheckpointError(
            f"{name} is made for a pipeline {json.dumps(kind)[:100]}, which diffusers {diffusers.__version__} doesn't "
            "have, and code that a checkpoint brings is not run; name another checkpoint"
        )
    return own


def parts_of(name: str, index: Mapping[str, Any]) -> tuple[Part, ...]:
    """The models among what an index names. Raises ``CheckpointError`` for classes that aren't the two libraries'."""
    import diffusers
    import transformers
    from diffusers import SchedulerMixin
    from diffusers.utils.deprecation_utils import _maybe_remap_transformers_class

    others = (
        SchedulerMixin,
        transformers.PreTrainedTokenizerBase,
        transformers.FeatureExtractionMixin,
        transformers.ImageProcessingMixin,
        transformers.ProcessorMixin,
    )
    parts = []
    for key, value in index.items():
        if key.startswith("_") or not _is_named(value):
            continue  # null stands for a part that isn't there
        found: Any = None
        library, kind = value
        if library == "diffusers" and kind.isidentifier():
            found = getattr(diffusers, kind, None)
        elif library == "transformers" and kind.isidentifier():
            found = getattr(transformers, _maybe_remap_transformers_class(kind) or kind, None)
        elif library.isidentifier() and kind.isidentifier() and find_spec(f"diffusers.pipelines.{library}"):
            found = getattr(getattr(diffusers.pipelines, library), kind, None)
        if inspect.isclass(found) and issubclass(found, (diffusers.ModelMixin, transformers.PreTrainedModel)):
            parts.append(Part(key, "diffusers" if issubclass(found, diffusers.ModelMixin) else "transformers", found))
        elif not (inspect.isclass(found) and issubclass(found, others)):
            told = json.dumps(value)[:100]
            raise CheckpointError(
                f"the {INDEX} of {name} wants {told} for its {key}, which is no class of diffusers or transformers "
                "that IGO loads; other code is not run for a checkpoint"
            )
    return tuple(parts)
