"""Tiny models of random weights that look at pictures, for depth, poses and people, in their published layouts."""

import torch
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    DPTImageProcessorPil,
    VitPoseConfig,
    VitPoseForPoseEstimation,
    VitPoseImageProcessorPil,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessorPil,
)

ENCODER = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


def save_depth(folder, **settings):
    """Depth Anything V2 in small."""
    torch.manual_seed(0)
    config = DepthAnythingConfig(
        backbone_config={
            **ENCODER,
            "model_type": "dinov2",
            "image_size": 56,
            "patch_size": 14,
            "num_hidden_layers": 4,
            "out_indices": [1, 2, 3, 4],
            "apply_layernorm": True,
            "reshape_hidden_states": False,
        },
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        **settings,
    )
    model = DepthAnythingForDepthEstimation(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(0, 0.3)
    model.save_pretrained(folder)
    size = {"height": 56, "width": 56}
    DPTImageProcessorPil(size=size, keep_aspect_ratio=True, ensure_multiple_of=14).save_pretrained(folder)
    return folder


def save_pose(folder, joints=17, experts=1):
    """ViTPose in small; with several ``experts`` ViTPose+."""
    torch.manual_seed(0)
    backbone = {
        **ENCODER,
        "model_type": "vitpose_backbone",
        "image_size": [64, 48],
        "patch_size": [16, 16],
        "num_experts": experts,
        "part_features": 4,
        "out_indices": [2],
    }
    model = VitPoseForPoseEstimation(
        VitPoseConfig(backbone_config=backbone, num_labels=joints, use_simple_decoder=True)
    )
    with torch.no_grad():
        model.head.conv.weight.normal_(0, 0.3)
        model.head.conv.bias.fill_(0.5)
    model.save_pretrained(folder)
    VitPoseImageProcessorPil(size={"height": 64, "width": 48}).save_pretrained(folder)
    return folder


def save_detector(folder, labels=("N/A", "person", "bag"), sure=1):
    """YOLOS in small, which is sure that it sees ``labels[sure]`` everywhere."""
    torch.manual_seed(0)
    config = YolosConfig(
        **ENCODER,
        intermediate_size=16,
        image_size=[64, 48],
        patch_size=16,
        num_detection_tokens=2,
        id2label=dict(enumerate(labels)),
    )
    model = YolosForObjectDetection(config)
    with torch.no_grad():
        model.class_labels_classifier.layers[-1].bias[sure] = 10
        model.bbox_predictor.layers[-1].weight.normal_(0, 0.5)
    model.save_pretrained(folder)
    YolosImageProcessorPil(size={"height": 64, "width": 48}, do_pad=False).save_pretrained(folder)
    return folder
