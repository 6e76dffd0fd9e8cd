"""Records that nobody means well with: a real one, spoilt at random places, and some made by hand."""

import copy
import json
import random

STEERING = "\x1b]0;gone\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\r"
VALUES = (
    None, True, False, -1, 0, 1, 2.5, 10**6, 10**19, -(10**19), 10**30, 1e308, -1e-308, "", "x", STEERING, "\ud800",
    "a\0b", "x" * 10_000, "x" * 10**6, "../../../../etc/passwd", "/dev/zero", "~root", "a/b", "http://127.0.0.1:9/",
    "os:system", "igo.chains.step:Step", [], {}, [None], {"": 1}, {"use": 3}, [[[[[]]]]], [1] * 1000,
)  # fmt: skip
NAMES = ("", "use", "image", "self", "__class__", "seed", STEERING, "\ud800", "a\0b", "n" * 10_000, "é")


def spoilt(record, seed):
    """The text of ``record`` with one to three things changed, the same for the same ``seed``."""
    chance = random.Random(seed)
    changed = copy.deepcopy(record)
    for _ in range(chance.randint(1, 3)):
        _spoil(changed, chance)
    text = json.dumps(changed, ensure_ascii=chance.random() < 0.5 or "\\ud800" in json.dumps(changed))
    return _spoil_text(text, chance) if chance.random() < 0.25 else text


def by_hand(record):
    """Texts of records that must be refused, by what is wrong with them."""
    found = {
        "a number of 5,000 digits": json.dumps(record).replace('"index": 0', f'"index": {"9" * 5000}'),
        "not a number": json.dumps(record).replace('"index": 0', '"index": NaN'),
        "infinity": json.dumps(record).replace('"index": 0', '"index": -Infinity'),
        "a large exponent": json.dumps(record).replace('"index": 0', '"index": 0, "history": [{"step": 1e999}]'),
        "a key twice": json.dumps(record).replace('"index": 0', '"index": 0, "index": 1'),
        "deep": json.dumps(record).replace('"index": 0', f'"index": 0, "made_from": {"[" * 900}{"]" * 900}'),
        "deeper": "[" * 10**6,
        "wide": json.dumps({**record, "history": [{"step": "x"}] * 10**5}),
        "nothing": "",
        "a list": "[]",
    }
    for name, changes in CHANGES.items():
        changed = copy.deepcopy(record)
        for path, value in changes.items():
            _put(changed, path.split("."), value)
        found[name] = json.dumps(changed)
    return found


PICTURE = {"name": "a.png", "sha256": "0", "pixels": "0", "width": 2, "height": 2}
CHANGES = {
    "an index below 0": {"index": -1},
    "an index beyond all": {"index": 10**18},
    "an index beyond the batch": {"index": 1},
    "an index that is true": {"index": True},
    "a seed below 0": {"seed": -1, "request.seed": -1},
    "no seed": {"request.seed": None},
    "a prompt of megabytes": {"request.prompt": "red " * 10**6},
    "a prompt that is a number": {"request.prompt": 5},
    "a prompt with NUL": {"request.prompt": "a\0b"},
    "half a surrogate pair": {"request.prompt": "\ud800"},
    "many steps": {"request.num_inference_steps": 10_000},
    "steps that are true": {"request.num_inference_steps": True},
    "a large batch": {"request.num_images": 10**6},
    "no batch": {"request.num_images": None},
    "a wide picture": {"request.width": 100_000, "request.height": 1},
    "a large picture": {"request.width": 8192, "request.height": 8192, "request.num_images": 64},
    "a size of text": {"request.width": "64"},
    "a request of something else": {"request.layers": {}},
    "a long chain": {"chain": {"step": [{"use": "upscaling"}] * 500}},
    "an empty chain": {"chain": {"step": []}},
    "a chain that is a list": {"chain": []},
    "a chain that is no table": {"chain": 3},
    "steps that are a table": {"chain": {"step": {"use": "upscaling"}}},
    "a step that is null": {"chain": {"step": [None]}},
    "a setting that is null": {"chain": {"step": [{"use": "upscaling", "tile": None}]}},
    "a setting that is true": {"chain": {"step": [{"use": "upscaling", "tile": True}]}},
    "many steps of a step": {"chain": {"step": [{"use": "virtual-styling", "num_inference_steps": 10**6}]}},
    "a use that is a number": {"chain": {"step": [{"use": 3}]}},
    "a use of many letters": {"chain": {"step": [{"use": "u" * 10_000}]}},
    "a use that steers": {"chain": {"step": [{"use": STEERING}]}},
    "a class of Python's": {"chain": {"step": [{"use": "subprocess:Popen", "args": "touch gone"}]}},
    "a class of another library": {"chain": {"step": [{"use": "transformers:TrainingArguments"}]}},
    "a class of ours that is no plugin": {"chain": {"step": [{"use": "igo.values:Request"}]}},
    "a class of this package": {"chain": {"step": [{"use": "tests.builders.hostile_records:Log"}]}},
    "a runtime that is null": {"chain": {"runtime": None, "step": [{"use": "upscaling"}]}},
    "a device that steers": {"chain": {"runtime": {"device": STEERING}, "step": [{"use": "text-to-image"}]}},
    "another table": {"chain": {STEERING: 1, "step": [{"use": "upscaling"}]}},
    "a checkpoint of a hub": {"chain": {"step": [{"use": "text-to-image", "checkpoint": "some/body"}]}},
    "a checkpoint that isn't here": {"chain": {"step": [{"use": "text-to-image", "checkpoint": STEERING}]}},
    "a configuration of a hub": {"chain": {"step": [{"use": "text-to-image", "config": "some/body"}]}},
    "a mask model of a hub": {
        "chain": {"step": [{"use": "virtual-styling", "target": "a", "to": "b", "mask_model": "some/body"}]}
    },
    "an adapter of a hub": {"chain": {"step": [{"use": "adapter", "weights": "some/body", "weight_name": "x"}]}},
    "a captioner of a hub": {"chain": {"step": [{"use": "captioning", "model": "some/body"}]}},
    "an input that is missing": {
        "inputs.image": {"name": "../../etc/passwd", "sha256": "0", "pixels": "0", "width": 1, "height": 1}
    },
    "an input of many letters": {
        "inputs.image": {"name": "n" * 10_000, "sha256": "0", "pixels": "0", "width": 1, "height": 1}
    },
    "an input that steers": {
        f"inputs.{STEERING}": {"name": STEERING, "sha256": "0", "pixels": "0", "width": 1, "height": 1}
    },
    "a reference that is no input": {"references": ["gone"]},
    "a reference that is the image": {"references": ["image"], "inputs.image": PICTURE},
    "a reference twice": {"references": ["garment"] * 2, "inputs.garment": PICTURE},
    "a reference that is missing": {"references": ["garment"], "inputs.garment": PICTURE},
    "a reference that steers": {"references": [STEERING], "inputs": {STEERING: PICTURE}},
    "references that are a table": {"references": {"garment": 1}, "inputs.garment": PICTURE},
    "many references": {
        "references": [f"r{index}" for index in range(9000)],
        **{f"inputs.r{index}": PICTURE for index in range(9000)},
    },
    "large references": {
        "references": ["a", "b"],
        **{f"inputs.{name}": {**PICTURE, "width": 2**14, "height": 2**14} for name in "ab"},
    },
    "references of no size": {
        "references": ["a", "b"],
        **{f"inputs.{name}": {**PICTURE, "width": -(2**30), "height": side} for name, side in (("a", 2**30), ("b", 1))},
    },
    "a file of many letters": {"files.x": "", f"files.{'n' * 900}": "sha256:0"},
    "a file that is missing": {f"files.{STEERING}": "sha256:0"},
    "models that are a list": {"models": []},
    "a stack of numbers": {"stack": {"torch": 3}},
    "no format": {"format": None},
    "another format": {"format": 10**9, "igo": STEERING},
}  # fmt: skip


class Log:
    """Would tell that it was made."""

    made = 0

    def __init__(self):
        type(self).made += 1


def _spoil(value, chance):
    """Change one thing somewhere in plain data."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and chance.random() < 0.75:
            value = value[key]
            continue
        how = chance.random()
        if how < 0.65:
            value[key] = copy.deepcopy(chance.choice(VALUES))
        elif how < 0.8:
            del value[key]
        elif isinstance(value, dict):
            value[chance.choice(NAMES)] = value.pop(key)
        else:
            value *= chance.choice((0, 2, 300))
        return


def _spoil_text(text, chance):
    at = chance.randrange(len(text))
    return chance.choice(
        (
            text[:at],
            text[:at] + chance.choice('[]{}",:0e-\\\x1b') + text[at:],
            text[:at] + text[at + 1 :],
            text.replace(": 0", ": NaN", 1),
            text.replace(": 0", f": {'1' * 5000}", 1),
            text + text,
        )
    )


def _put(value, path, new):
    for key in path[:-1]:
        value = value.setdefault(key, {})
    value[path[-1]] = new
