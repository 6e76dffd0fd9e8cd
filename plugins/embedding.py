"""Embeddings: a word of one's own in the prompts of the chain's base, as textual inversion has learned it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import igo
from igo.errors import SettingsError
from igo_plugins.adapters import files


@dataclass(frozen=True)
class Embedding:
    """Let a word in prompts stand for what was learned of it: ``Embedding("mystyle.safetensors")``.

    The word is used in prompts and negative prompts like any other, ``(mystyle:1.2)`` too; each of its vectors counts
    as a token, and they stay together in one chunk. A file in the layout of A1111 or diffusers, for one text encoder
    (Stable Diffusion 1 and 2) or two (XL). The picture is the one that plain diffusers makes after
    ``load_textual_inversion``. A chain without it loads a base of its own, which doesn't know the word.

    Raises ``SettingsError`` for settings that can't be meant, ``CheckpointError`` for a file that can't be read or was
    made for another family than the chain's.
    """

    weights: str
    """A ``.safetensors`` file, a folder with one, or a hub's ``owner/name``."""
    token: str | None = None
    """The word. By default what the file calls itself, else the file's name without suffix."""
    _: KW_ONLY
    weight_name: str | None = None
    """Which file of a folder or a hub's repository, where there are several."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise SettingsError("weights is empty; expected a .safetensors file, or a hub's owner/name")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """A file that may not be used commercially, where that is asked for."""
        if runtime.commercial:
            files.permitted(self.weights, files.find(self.weights, self.weight_name, "embedding", runtime), runtime)

    @igo.hookimpl
    def preprocess(self, runtime: igo.Runtime) -> igo.Request | None:
        """Put on the picture's record which file it was. One that fits no checkpoint is refused before one loads."""
        from igo_plugins.adapters import embeddings

        def check(weights: files.Weights) -> None:
            embeddings.vectors_of(weights, self.token)

        file = files.find(self.weights, self.weight_name, "embedding", runtime)
        license = files.permitted(self.weights, file, runtime)  # noqa: A001  as hubs call it
        runtime.identify(self.weights, files.identity(file, "embedding", check, runtime, self.token), license)
        return None

    @igo.hookimpl
    def prepare(self, pipeline: Any, runtime: igo.Runtime) -> Any:
        """The pipeline with one more word."""
        from igo_plugins.adapters import embeddings

        file = files.find(self.weights, self.weight_name, "embedding", runtime)
        embeddings.add(pipeline, embeddings.vectors_of(files.read(file, "embedding"), self.token), file)
        return pipeline
