"""A pose as ControlNets for poses were shown it: OpenPose's body of 18 joints in its colours, on black (Cao et al.,
OpenPose: Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from colorsys import hsv_to_rgb
from math import dist
from typing import TypeAlias

import cv2
import numpy as np
from PIL import Image

Joint: TypeAlias = tuple[float, float, float]
"""A place in pixels, and how sure it is, 0 to 1."""
Pose: TypeAlias = Mapping[str, Joint]
"""The joints of a person that were found, by name."""

COCO = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow",
    "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle",
    "right ankle",
)  # fmt: skip
"""The joints that models of human poses learn, in their order. Left is the person's own left."""
OPENPOSE = (
    "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
    "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle", "right eye", "left eye",
    "right ear", "left ear",
)  # fmt: skip
"""The joints that are drawn, in the order of their colours."""
LIMBS = (
    ("neck", "right shoulder"), ("neck", "left shoulder"), ("right shoulder", "right elbow"),
    ("right elbow", "right wrist"), ("left shoulder", "left elbow"), ("left elbow", "left wrist"),
    ("neck", "right hip"), ("right hip", "right knee"), ("right knee", "right ankle"), ("neck", "left hip"),
    ("left hip", "left knee"), ("left knee", "left ankle"), ("neck", "nose"), ("nose", "right eye"),
    ("right eye", "right ear"), ("nose", "left eye"), ("left eye", "left ear"),
)  # fmt: skip
"""What is drawn between joints, in the order of their colours."""
COLORS = tuple(
    tuple(int(level * 255 + 1e-6) for level in hsv_to_rgb(step / len(OPENPOSE), 1, 1)) for step in range(len(OPENPOSE))
)
"""RGB: once around the circle of hues."""
DIMMED = 0.6
"""Limbs are as bright as this share of their colour, joints are as bright as it."""
WIDTH = 4 / 512
"""Half the width of a limb, and a joint's radius, as a share of the picture's shorter side."""


def drawn(poses: Sequence[Pose], size: tuple[int, int]) -> Image.Image:
    """Skeletons on black, RGB, of ``size`` (width, height). A limb of which one end wasn't found is left out."""
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    width = max(1, round(min(size) * WIDTH))
    bodies = [_with_neck(pose) for pose in poses]
    for body in bodies:
        for (one, other), color in zip(LIMBS, COLORS, strict=False):
            if one in body and other in body:
                _limb(canvas, body[one], body[other], width, tuple(int(level * DIMMED) for level in color))
    for body in bodies:
        for name, color in zip(OPENPOSE, COLORS, strict=True):
            if name in body:
                cv2.circle(canvas, _pixel(body[name]), width, color, thickness=-1)
    return Image.fromarray(canvas)


def _limb(canvas: np.ndarray, one: Joint, other: Joint, width: int, color: Sequence[int]) -> None:
    """An ellipse from joint to joint."""
    middle = _pixel(((one[0] + other[0]) / 2, (one[1] + other[1]) / 2, 1))
    angle = float(np.degrees(np.arctan2(other[1] - one[1], other[0] - one[0])))
    axes = round(dist(one[:2], other[:2]) / 2), width
    cv2.ellipse(canvas, middle, axes, angle, 0, 360, tuple(color), thickness=-1)


def _with_neck(pose: Pose) -> dict[str, Joint]:
    """The pose with a neck between its shoulders, where both were found."""
    if "left shoulder" not in pose or "right shoulder" not in pose:
        return dict(pose)
    left, right = pose["left shoulder"], pose["right shoulder"]
    neck = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2, min(left[2], right[2])
    return {**pose, "neck": neck}


def _pixel(joint: Joint) -> tuple[int, int]:
    return round(joint[0]), round(joint[1])
