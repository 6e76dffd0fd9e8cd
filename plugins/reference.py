"""References: pictures that look like another one."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import igo
from igo.errors import SettingsError


@dataclass(frozen=True)
class Reference:
    """Let the base go by a picture, as it goes by a prompt, by an IP-Adapter (Ye et al., IP-Adapter: Text Compatible
    Image Prompt Adapter) for Stable Diffusion 1.5 or XL: ``Reference("h94/IP-Adapter", subfolder="models",
    weight_name="ip-adapter_sd15.safetensors")``, with ``references={"style": "look.jpg"}`` when the chain is run.

    Plain ones, plus, plus-face and full-face. Several in a chain act together, each with its own pictures and scale.
    The picture is the one that plain diffusers makes with the same files. A chain without it loads a base of its own,
    in which it leaves no trace.

    Raises ``SettingsError`` for settings that can't be meant, ``CheckpointError`` for an adapter that can't be loaded
    or was made for another family than the chain's.
    """

    model: str
    """A folder, a hub's name, or a file beside its ``image_encoder/``."""
    reference: str = "style"
    """The name of the picture to go by, or several with commas between them: "style, mood"."""
    scale: float = 1.0
    """How strongly it acts, diffusers' ``set_ip_adapter_scale``: 0 is not at all, 0.5 leaves room for the prompt."""
    _: KW_ONLY
    subfolder: str = ""
    """Where in the folder or repository the file lies."""
    weight_name: str | None = None
    """The file, where there are several."""
    image_encoder_folder: str = "image_encoder"
    """Where its image encoder lies: in ``subfolder``, or with a "/" anywhere, such as ``"models/image_encoder"``."""
    revision: str | None = None
    """A branch, a tag or a commit of the hub's repository."""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise SettingsError("model is empty; expected a folder, a file or a hub's name")
        if not self.needs_references:
            raise SettingsError("reference is empty; expected the name of a picture, such as 'style'")
        if not 0 <= self.scale <= 10:
            raise SettingsError(f"scale is {self.scale:g}; expected a number from 0 to 10")
        for name in ("subfolder", "weight_name", "image_encoder_folder"):
            place = getattr(self, name) or ""
            if ".." in place.split("/") or place.startswith("/"):
                raise SettingsError(f"{name} is {getattr(self, name)!r}; expected a place within the folder")

    @property
    def needs_references(self) -> tuple[str, ...]:
        """The names of the pictures to go by."""
        return tuple(name.strip() for name in self.reference.split(",") if name.strip())

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """Weights that may not be used commercially, where that is asked for."""
        if runtime.commercial:
            runtime.permit(self.model, revision=self.revision)

    @igo.hookimpl
    def preprocess(self, runtime: igo.Runtime) -> igo.Request | None:
        """Put on the picture's record which files they were, and refuse what is no IP-Adapter before anything loads."""
        found = self._files(runtime)
        runtime.identify(self.model, found.identity, found.license)
        return None

    @igo.hookimpl
    def prepare(self, pipeline: Any, runtime: igo.Runtime) -> Any:
        """The pipeline with the IP-Adapter beside those that it has."""
        from igo_plugins.controls import references

        references.add(pipeline, self._files(runtime), self.model, float(self.scale))
        return pipeline

    @igo.hookimpl
    def condition(self, request: igo.Request) -> dict[str, Any]:
        """The pictures to go by, as many as there are for this adapter."""
        return {"ip_adapter_image": [[request.references[name] for name in self.needs_references]]}

    def _files(self, runtime: igo.Runtime) -> Any:
        from igo_plugins.controls import references

        return references.find(
            self.model, self.subfolder, self.weight_name, self.image_encoder_folder, self.revision, runtime
        )
