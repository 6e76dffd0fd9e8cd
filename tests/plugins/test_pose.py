"""Poses as a layer: joints where a model's heatmaps have them, drawn as OpenPose draws them."""

import importlib.util

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import igo
from igo.errors import CheckpointError, NothingFoundError, SettingsError
from igo.testing import check_plugin, draw_figure
from igo_plugins import Pose
from igo_plugins.controls import skeleton
from tests.builders import seeing

STANDING = {
    "nose": (0.5, 0.15), "left eye": (0.53, 0.13), "right eye": (0.47, 0.13), "left ear": (0.56, 0.14),
    "right ear": (0.44, 0.14), "left shoulder": (0.62, 0.27), "right shoulder": (0.38, 0.27),
    "left elbow": (0.68, 0.4), "right elbow": (0.32, 0.4), "left wrist": (0.68, 0.52), "right wrist": (0.32, 0.52),
    "left hip": (0.57, 0.52), "right hip": (0.43, 0.52), "left knee": (0.57, 0.72), "right knee": (0.43, 0.72),
    "left ankle": (0.57, 0.9), "right ankle": (0.43, 0.9),
}  # fmt: skip
"""Somebody who faces us, as shares of width and height: their left is our right."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pose")
    seeing.save_pose(folder / "pose")
    seeing.save_pose(folder / "plus", experts=2)
    seeing.save_pose(folder / "whole-body", joints=133)
    seeing.save_detector(folder / "detector")
    return folder


@pytest.fixture(scope="module")
def picture():
    return draw_figure(width=192, height=256).image


@pytest.fixture
def standing(monkeypatch):
    """ViTPose that sees somebody standing in each box, and is as sure of the joints as it is told."""
    sure = dict.fromkeys(STANDING, 0.9)

    def forward(self, *, pixel_values):
        rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(48.0), indexing="ij")
        heatmaps = []
        for joint in skeleton.COCO:
            x, y = (0.5 + (share - 0.5) / 1.25 for share in STANDING[joint])  # a quarter is shown around the box
            distance = (columns - x * 47) ** 2 + (rows - y * 63) ** 2
            heatmaps.append(sure[joint] * torch.exp(-distance / 8))
        return transformers.models.vitpose.modeling_vitpose.VitPoseEstimatorOutput(
            heatmaps=torch.stack(heatmaps).expand(len(pixel_values), -1, -1, -1)
        )

    monkeypatch.setattr(transformers.VitPoseForPoseEstimation, "forward", forward)
    return sure


def pose(models, image, name="pose", **settings):
    return igo.Chain(Pose(str(models / name), **settings)).layer("pose", image)


def pixel(image, *place):
    return image.getpixel((round(place[0] * image.width), round(place[1] * image.height)))


def placed(size):
    return {joint: (x * size[0], y * size[1], 1.0) for joint, (x, y) in STANDING.items()}


def test_a_skeleton_has_openposes_colours():
    image = skeleton.drawn([placed((400, 600))], (400, 600))
    assert pixel(image, *STANDING["nose"]) == (255, 0, 0)
    assert pixel(image, 0.5, 0.27) == (255, 85, 0)  # a neck, between the shoulders
    assert pixel(image, *STANDING["right shoulder"]) == (255, 170, 0)
    assert pixel(image, *STANDING["left shoulder"]) == (85, 255, 0)
    assert pixel(image, *STANDING["left ear"]) == (255, 0, 85)
    assert pixel(image, 0.44, 0.27) == (153, 0, 0)  # neck to right shoulder, dimmed
    assert pixel(image, 0.57, 0.62) == (0, 102, 153)  # left thigh
    assert pixel(image, 0.5, 0.2) == (0, 0, 153)  # neck to nose
    assert pixel(image, 0.5, 0.9) == (0, 0, 0)


def test_what_was_not_found_is_left_out():
    joints = placed((400, 600))
    del joints["left elbow"], joints["right shoulder"]
    image = skeleton.drawn([joints], (400, 600))
    assert pixel(image, 0.65, 0.335) == (0, 0, 0)
    assert pixel(image, 0.5, 0.27) == (0, 0, 0)  # no neck without both shoulders
    assert pixel(image, *STANDING["left wrist"]) == (0, 255, 85)
    assert skeleton.drawn([], (3, 2)) == Image.new("RGB", (3, 2))


def test_limbs_are_as_wide_as_a_picture_of_512_pixels_has_them():
    for size in ((512, 768), (1024, 1536)):
        across = np.asarray(skeleton.drawn([placed(size)], size))[round(0.81 * size[1]), : size[0] // 2].any(1)
        assert abs(np.count_nonzero(across) / size[0] - 8 / 512) < 2 / 512


@pytest.mark.parametrize("size", [(192, 256), (300, 300), (500, 240)])
def test_joints_are_where_the_model_sees_them(size, models, standing):
    image = Image.new("RGB", size, "gray")
    layer = pose(models, image)
    assert (layer.mode, layer.size) == ("RGB", size)
    (joints,) = layer.info["keypoints"]
    assert list(joints) == list(skeleton.COCO)
    grown = max(1, size[0] / size[1] * 4 / 3), max(1, size[1] / size[0] * 3 / 4)  # boxes are brought to 3:4
    for joint, (x, y) in STANDING.items():
        expected = ((x - 0.5) * grown[1] + 0.5) * size[0], ((y - 0.5) * grown[0] + 0.5) * size[1]
        assert np.hypot(joints[joint][0] - expected[0], joints[joint][1] - expected[1]) < max(size) / 48, joint
        assert joints[joint][2] == pytest.approx(0.9, abs=0.1)
    redrawn = skeleton.drawn([{name: tuple(told) for name, told in joints.items()}], size)
    assert redrawn.tobytes() == layer.tobytes()


def test_joints_that_the_model_doubts_are_not_drawn(models, standing, picture):
    standing |= {"left wrist": 0.2, "nose": 0.0}
    (joints,) = pose(models, picture).info["keypoints"]
    assert set(STANDING) - set(joints) == {"left wrist", "nose"}
    assert "left wrist" in pose(models, picture, threshold=0.1).info["keypoints"][0]
    with pytest.raises(NothingFoundError, match=r"sure of no joint; lower threshold \(0\.95\), name a detector"):
        pose(models, picture, threshold=0.95)


def test_a_detector_says_where_people_are(models, standing, picture, monkeypatch):
    def forward(self, *, pixel_values):
        boxes = torch.tensor([[[0.25, 0.5, 0.4, 0.8], [0.7, 0.4, 0.6, 0.7], [0.5, 0.5, 0.9, 0.9]]])
        logits = torch.tensor([[[0.0, 3, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0]]])  # the last is a bag
        return transformers.models.yolos.modeling_yolos.YolosObjectDetectionOutput(logits=logits, pred_boxes=boxes)

    monkeypatch.setattr(transformers.YolosForObjectDetection, "forward", forward)
    people = pose(models, picture, detector=str(models / "detector")).info["keypoints"]
    middles = [((one["left hip"][0] + one["right hip"][0]) / 2 / picture.width) for one in people]
    assert middles == pytest.approx([0.7, 0.25], abs=0.02)  # the surest first
    for one, (top, height) in zip(people, [(0.05, 0.7), (0.1, 0.8)], strict=True):
        assert one["left ankle"][1] / picture.height == pytest.approx(top + 0.9 * height, abs=0.04)


def test_nobody_is_an_error_and_so_is_a_detector_that_knows_no_people(models, picture, tmp_path):
    bags = seeing.save_detector(tmp_path / "bags", sure=2)
    with pytest.raises(NothingFoundError, match="the detector found nobody"):
        pose(models, picture, detector=str(bags))
    cats = seeing.save_detector(tmp_path / "cats", labels=("cat", "dog"))
    with pytest.raises(CheckpointError, match="knows nothing that is called 'person'"):
        pose(models, picture, detector=str(cats))


def test_vitpose_plus_is_asked_for_coco(models, picture, monkeypatch):
    asked = []
    forward = transformers.VitPoseForPoseEstimation.forward
    monkeypatch.setattr(
        transformers.VitPoseForPoseEstimation,
        "forward",
        lambda self, **named: asked.append(named) or forward(self, **named),
    )
    assert pose(models, picture, "plus", threshold=0).size == picture.size
    assert asked[0]["dataset_index"].tolist() == [0]


@pytest.mark.slow
def test_it_keeps_the_rules(models):
    check_plugin(Pose(str(models / "pose"), threshold=0))


def test_models_that_can_not_be_used_are_told_in_one_line(models, picture, monkeypatch):
    with pytest.raises(
        CheckpointError, match="knows 133 joints; expected COCO's 17; name a folder, or a hub's ViTPose"
    ):
        pose(models, picture, "whole-body")
    with pytest.raises(CheckpointError, match="it has a model of type 'yolos'"):
        pose(models, picture, "detector")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("igo_plugins.pose.find_spec", lambda name: None if name == "scipy" else find_spec(name))
    with pytest.raises(
        SettingsError, match=r"poses need scipy, which is not installed; run: pip install 'igo\[pose\]'"
    ):
        pose(models, picture)


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"model": ""}, "model is empty"), ({"detector": " "}, "detector is empty"), ({"threshold": 2}, "threshold is 2")],
)
def test_settings_that_can_not_be_meant(settings, told):
    with pytest.raises(SettingsError, match=told):
        Pose(**settings)
