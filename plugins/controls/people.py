"""People in a picture and their joints, by transformers' detectors and ViTPose (Xu et al., ViTPose: Simple Vision
Transformer Baselines for Human Pose Estimation)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from igo.errors import CheckpointError
from igo_plugins.controls import seeing
from igo_plugins.controls.skeleton import COCO, Pose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from igo import Runtime

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, width and height in pixels, as COCO has it."""
PERSON = 0.5
"""How sure a detector must be of a person, 0 to 1."""


def boxes(image: Image, detector: str, runtime: Runtime) -> list[Box]:
    """Where people are, the surest first. Raises ``CheckpointError`` for a detector that can't be loaded or knows no
    people."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES

    families = MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES
    expected = "name a folder, or a hub's object detector such as 'PekingU/rtdetr_r50vd_coco_o365'"
    found = seeing.load("AutoModelForObjectDetection", families, detector, None, "the detector", expected, runtime)
    wanted = {number for number, name in found.model.config.id2label.items() if str(name).lower() == "person"}
    if not wanted:
        raise CheckpointError(f"{found.what} knows nothing that is called 'person'; {expected}")

    def read(answer: Any) -> list[tuple[float, Box]]:
        sizes = [(image.height, image.width)]
        told = found.processor.post_process_object_detection(answer, threshold=PERSON, target_sizes=sizes)[0]
        corners = zip(told["scores"].tolist(), told["labels"].tolist(), told["boxes"].tolist(), strict=True)
        return [
            (score, (left, top, right - left, bottom - top))
            for score, label, (left, top, right, bottom) in corners
            if label in wanted and right > left and bottom > top
        ]

    return [box for _, box in sorted(found.looked(image, read), reverse=True)]


def poses(image: Image, people: Sequence[Box], model: str, revision: str | None, runtime: Runtime) -> list[Pose]:
    """All joints of each person, by name. Raises ``CheckpointError`` for a model that can't be loaded, or knows others
    than COCO's."""
    expected = "name a folder, or a hub's ViTPose such as 'usyd-community/vitpose-base-simple'"
    kind, families = "VitPoseForPoseEstimation", ("vitpose",)
    found = seeing.load(kind, families, model, revision, "the pose model", expected, runtime)

    def read(answer: Any) -> list[Pose]:
        known = answer.heatmaps.shape[1]
        if known != len(COCO):
            raise CheckpointError(f"{found.what} knows {known} joints; expected COCO's {len(COCO)}; {expected}")
        told = found.processor.post_process_pose_estimation(answer, boxes=[list(people)])[0]
        return [
            {
                joint: (*place, min(max(score, 0.0), 1.0))
                for joint, place, score in zip(
                    COCO, person["keypoints"].tolist(), person["scores"].tolist(), strict=True
                )
            }
            for person in told
        ]

    found_of_each: list[Pose] = found.looked(image, read, boxes=[list(people)])
    return found_of_each
