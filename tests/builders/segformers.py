"""Human parsers in the layout of the published ones, with tiny random weights; and one that knows by heart."""

import json

import numpy as np

from igo_plugins.parsing.labels import PARTS

ATR = (
    "Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt", "Left-shoe",
    "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag", "Scarf",
)  # fmt: skip
FASHN = (
    "background", "face", "hair", "top", "dress", "skirt", "pants", "belt", "bag", "hat", "scarf", "glasses", "arms",
    "hands", "legs", "feet", "torso", "jewelry",
)  # fmt: skip
LIP = (
    "Background", "Hat", "Hair", "Glove", "Sunglasses", "Upper-clothes", "Dress", "Coat", "Socks", "Pants", "Jumpsuits",
    "Scarf", "Skirt", "Face", "Left-arm", "Right-arm", "Left-leg", "Right-leg", "Left-shoe", "Right-shoe",
)  # fmt: skip
MINI = (
    "background", "face", "hair", "top", "dress", "skirt", "pants", "shoes", "bag", "hat", "arms", "legs", "hands",
    "torso",
)  # fmt: skip
SETS = {"atr": ATR, "fashn": FASHN, "lip": LIP, "mini": MINI}


def save(folder, labels, height=64, width=64, seed=0):
    """What ``mattmdjaga/segformer_b2_clothes`` and others hold: the configuration with its labels, safetensors, and a
    description of what they see from before image processors had that name."""
    import torch
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    torch.manual_seed(seed)
    config = SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    seen = {
        "feature_extractor_type": "SegformerFeatureExtractor",
        "do_normalize": True,
        "do_resize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "reduce_labels": False,
        "resample": 2,
        "size": {"height": height, "width": width},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(seen), encoding="utf-8")
    return folder


def knowing(parser, parse, certainty=6.0):
    """``parser`` with the answers that a parse (H×W numbers of ``Part``) has at a quarter of its size, in place of its
    own; what its labels can't tell is the background."""
    from igo_plugins.parsing.labels import labels_of

    planes = np.zeros((len(parser.labels), *parse.shape), np.float32)
    for part, name in enumerate(PARTS):
        numbers = labels_of(name, parser.labels) or (0,)
        planes[numbers[0]] += (parse == part) * np.float32(certainty)
    object.__setattr__(parser, "_asked", lambda image: planes)
    return parser
