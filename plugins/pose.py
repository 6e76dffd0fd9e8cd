"""Poses: how the people in a picture stand, to paint others like them."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import igo
from igo.errors import NothingFoundError, SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Pose:
    """Provide the layer ``"pose"`` by ViTPose: skeletons in OpenPose's colours on black, as a ControlNet for poses was
    trained on.

    Whoever is in the picture is taken to fill it, unless a ``detector`` looks for people first and finds several. Needs
    scipy. Raises ``NothingFoundError`` where nobody is found, ``CheckpointError`` for a model that can't be loaded or
    lacks weights, and ``SettingsError`` for settings that can't be meant.
    """

    provides = ("pose",)

    model: str = "usyd-community/vitpose-base-simple"
    """A folder, or a hub's name."""
    _: KW_ONLY
    detector: str | None = None
    """What finds people: a folder or a hub's name of an object detector that knows ``"person"``, such as
    ``"PekingU/rtdetr_r50vd_coco_o365"``."""
    threshold: float = 0.3
    """How sure the model must be of a joint, 0 to 1; others aren't drawn."""
    revision: str | None = None
    """A branch, a tag or a commit of the hub's repository of ``model``."""

    def __post_init__(self) -> None:
        for name in ("model", "detector"):
            value = getattr(self, name)
            if value is not None and not value.strip():
                raise SettingsError(f"{name} is empty; expected a folder or a hub's name")
        if not 0 <= self.threshold <= 1:
            raise SettingsError(f"threshold is {self.threshold}; expected a number from 0 to 1")

    @igo.hookimpl
    def check(self, runtime: igo.Runtime) -> None:
        """Raise ``SettingsError`` without scipy, by which transformers prepares pictures for ViTPose; and tell of
        models that may not be used commercially, where that is asked for."""
        if find_spec("scipy") is None:
            raise SettingsError("poses need scipy, which is not installed; run: pip install 'igo[pose]'")
        if runtime.commercial:
            runtime.permit(self.model, revision=self.revision)
            if self.detector is not None:
                runtime.permit(self.detector)

    @igo.hookimpl
    def provide(self, name: str, frame: igo.Frame, runtime: igo.Runtime) -> Image | None:
        """The skeletons, RGB; other layers are not this step's. ``info["keypoints"]`` of the picture has for each
        person the joints by name: x and y in pixels, and how sure the model is of them."""
        if name != "pose":
            return None
        self.check(runtime)
        from igo_plugins.controls import people, skeleton

        image = frame.image
        whole = (0.0, 0.0, float(image.width), float(image.height))
        boxes = [whole] if self.detector is None else people.boxes(image, self.detector, runtime)
        if not boxes:
            raise NothingFoundError(
                "the detector found nobody; bring a pose of your own, or leave the detector out", area=0.0
            )
        found = [
            {joint: told for joint, told in pose.items() if told[2] >= self.threshold}
            for pose in people.poses(image, boxes, self.model, self.revision, runtime)
        ]
        if not any(found):
            raise NothingFoundError(
                f"the pose model is sure of no joint; lower threshold ({self.threshold:g}), name a detector, or bring "
                "a pose of your own",
                area=0.0,
            )
        layer: Image = skeleton.drawn(found, image.size)
        layer.info["keypoints"] = [{joint: list(told) for joint, told in pose.items()} for pose in found]
        return layer
