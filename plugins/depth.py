"""Depth: how far away everything in a picture is, to paint at the same distances."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import igo
from igo.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

METRIC = ("depth_pro", "glpn", "zoedepth")
"""Families that answer in metres; the others give the inverse of the distance, without unit."""
SMALLEST = 1e-3
"""The least difference in depth that is drawn from black to white, as a share of it: below lies the noise of floats."""


@dataclass(frozen=True)
class Depth:
    """Provide the layer ``"depth"``, near is light, by Depth Anything (Yang et al., Depth Anything V2) or any other
    model that transformers loads for depth estimation.

    From nearest (255) to farthest (0) in the picture, as a ControlNet for depth was trained on. Raises
    ``CheckpointError`` for a model that can't be loaded or lacks weights, ``SettingsError`` for settings that can't be
    meant.
    """

    provides = ("depth",)

    model: str = "depth-anything/Depth-Anything-V2-Small-hf"
    """A folder, or a hub's name."""
    _: KW_ONLY
    revision: str | None = None
    """A branch, a tag or a commit of the hub's repository."""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise SettingsError("model is empty; expected a folder or a hub's name")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """A model that may not be used commercially, where that is asked for."""
        if runtime.commercial:
            runtime.permit(self.model, revision=self.revision)

    @igo.hookimpl
    def provide(self, name: str, frame: igo.Frame, runtime: igo.Runtime) -> Image | None:
        """The depth, mode L; other layers are not this step's."""
        if name != "depth":
            return None
        import numpy as np
        from PIL import Image
        from transformers.models.auto.modeling_auto import MODEL_FOR_DEPTH_ESTIMATION_MAPPING_NAMES

        from igo_plugins.controls import seeing

        kind, families = "AutoModelForDepthEstimation", MODEL_FOR_DEPTH_ESTIMATION_MAPPING_NAMES
        expected = "name a folder, or a hub's depth estimator such as 'depth-anything/Depth-Anything-V2-Small-hf'"
        found = seeing.load(kind, families, self.model, self.revision, "the depth model", expected, runtime)
        size = frame.image.height, frame.image.width

        def read(answer: Any) -> npt.NDArray[np.float32]:
            # the size is what most families call "target", and ZoeDepth, which takes its own padding off, "source"
            told = found.processor.post_process_depth_estimation(answer, [size])[0]["predicted_depth"]
            return np.asarray(told.reshape(size).numpy(), np.float32)

        depth, config = found.looked(frame.image, read), found.model.config
        if config.model_type in METRIC or getattr(config, "depth_estimation_type", "relative") == "metric":
            depth = 1 / np.maximum(depth, 1e-3)
        least = SMALLEST * max(np.abs(depth).max(), 1.0)
        depth = (depth - depth.min()) / max(np.ptp(depth), least)
        return Image.fromarray((depth * 255).astype(np.uint8))
