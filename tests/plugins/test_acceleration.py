"""Acceleration: the pictures of plain torch by OpenVINO, whatever else stands in the chain, and what is on record."""

import os
import random

import numpy as np
import pytest
import torch
from PIL import Image

import igo
from igo.errors import SettingsError
from igo.painting.engines import cache, choosing
from igo_plugins import Acceleration, Caching

pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'igo[openvino]'")
ASKED = {"prompt": "a red coat", "seed": 3, "width": 32, "height": 48, "num_inference_steps": 2, "guidance_scale": 5.0}


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory):
    """A cache of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield cache.folder()


@pytest.fixture(scope="module")
def run(tiny_checkpoint):
    """A look of a chain with these steps after the base, all chains in one runtime."""
    runtime = igo.Runtime(device="cpu")

    def made(*steps, **changes):
        return igo.Chain(igo.TextToImage(str(tiny_checkpoint)), *steps, runtime=runtime).run(**(ASKED | changes))

    return made


def told(look):
    """What the record says of the engine."""
    return next(entry.report for entry in look.frames[0].history if "engine" in entry.report)


def apart(one, other):
    """The largest difference of two looks in levels."""
    return np.abs(np.asarray(one.image).astype(int) - np.asarray(other.image)).max()


MASK = Image.new("L", (37, 53))
MASK.paste(255, (8, 8, 30, 40))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param({"num_images": 2, "guidance_scale": 1.0}, marks=pytest.mark.slow),
        pytest.param({"width": 40, "height": 24}, marks=pytest.mark.slow),
        pytest.param({"image": True, "strength": 0.8, "width": None, "height": None}, marks=pytest.mark.slow),
        {"image": True, "mask": True, "width": None, "height": None},
    ],
    ids=["text", "batch", "size", "picture", "mask"],
)
def test_pictures_are_those_of_plain_torch(run, photo, changes):
    changes = dict(changes)
    if changes.pop("image", False):
        changes["image"] = photo
    if changes.pop("mask", False):
        changes["layers"] = {"mask": MASK}
    plain, fast = run(**changes), run(Acceleration("openvino"), **changes)
    for one, other in zip(plain, fast, strict=True):
        assert apart(one, other) <= 1
    report = told(fast)
    assert report["engine"] == "openvino"
    assert report["exactness"] == "exact"
    assert report["parts"] == ["text_encoder", "unet", "vae.decoder", "vae.encoder"]
    assert "plain" not in report
    assert report["versions"]["openvino"] == fast.making.stack["openvino"]
    assert run(Acceleration("openvino"), **changes).image.tobytes() == fast.image.tobytes()


@pytest.mark.slow
def test_adapters_are_followed(run, tiny_checkpoint, tmp_path):
    from igo.painting.checkpoints import checkpoint
    from igo_plugins import Adapter
    from tests.plugins.test_adapter import acting

    pipeline = checkpoint.load(str(tiny_checkpoint), dtype=torch.float32).pipeline
    adapter = Adapter(acting(pipeline, tmp_path / "one.safetensors", 1, alpha=3), 0.8, schedule=(0, 1))
    plain = run(adapter)
    assert apart(plain, run()) > 1
    fast = run(Acceleration("openvino"), adapter)  # which is loaded when the engine stands in the pipeline already
    assert apart(plain, fast) <= 1
    assert "plain" not in told(fast)


@pytest.mark.slow
@pytest.mark.parametrize("last", ["engine", "caching"])
def test_both_halves_that_caching_makes_of_a_unet_are_computed(run, last):
    """Whichever stands in the chain first."""
    caching, engine, asked = Caching(3), Acceleration("openvino"), {"num_inference_steps": 5}
    plain, fast = run(caching, **asked), run(*(caching, engine)[:: 1 if last == "engine" else -1], **asked)
    assert apart(plain, fast) <= 1
    assert {"unet.deep", "unet.shallow"} <= set(told(fast)["parts"])
    assert "plain" not in told(fast)
    assert apart(plain, run(engine, **asked)) > 1


class Peeking:
    """Hooks a block, which a compiled UNet wouldn't call."""

    def __init__(self):
        self.calls = 0

    @igo.hookimpl
    def prepare(self, pipeline):
        def count(*_):
            self.calls += 1

        pipeline.unet.mid_block.register_forward_hook(count)
        return pipeline


class Scaled:
    """Gives the UNet what is no tensor."""

    @igo.hookimpl
    def condition(self):
        return {"cross_attention_kwargs": {"scale": 0.5}}


def test_what_openvino_cannot_serve_is_painted_by_torch_and_told(run):
    peeking, engine = Peeking(), Acceleration("openvino")
    look = run(engine, peeking)
    assert peeking.calls == 2
    assert told(look)["plain"] == {"unet": {"'mid_block' in it is hooked or replaced": 1.0}}
    assert told(look)["parts"] == ["text_encoder", "vae.decoder", "vae.encoder"]
    assert look.image.tobytes() == run(Peeking()).image.tobytes() == run().image.tobytes()
    scaled = run(engine, Scaled())
    assert told(scaled)["plain"] == {"unet": {"'cross_attention_kwargs' has a float": 1.0}}
    assert told(run(engine))["parts"][1] == "unet"


def test_what_is_missing_is_one_line(run, monkeypatch):
    with pytest.raises(SettingsError, match="did you mean 'openvino'"):
        Acceleration("openvin")
    with pytest.raises(SettingsError, match="'tensorrt' computes on CUDA, and the device is cpu; use 'auto'"):
        run(Acceleration("tensorrt"))
    monkeypatch.setattr(choosing, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="needs torch_tensorrt, which is not installed: pip install torch-tensorrt"):
        choosing.check("tensorrt", torch.device("cuda"))
    assert choosing.chosen("auto", torch.device("cuda")) == "none"
    monkeypatch.setattr(choosing.shutil, "which", lambda name: None)
    with pytest.raises(SettingsError, match="needs a C\\+\\+ compiler on a CPU, and there is none; install g\\+\\+"):
        run(Acceleration("compile"))
    with pytest.raises(SettingsError, match="not installed: pip install 'igo\\[openvino\\]'"):
        run(Acceleration("openvino"))
    look = run(Acceleration())
    assert told(look) == {"engine": "none", "note": choosing.FASTER}
    assert look.image.tobytes() == run().image.tobytes()
    with pytest.raises(SettingsError, match="computes on CPUs, and the device is cuda"):
        choosing.check("openvino", torch.device("cuda"))


def test_a_replay_says_which_engine_it_lacks(run, tmp_path):
    look = run(Acceleration("openvino"))
    look.save(tmp_path / "look.png")
    replay = igo.replay(tmp_path / "look.png", trust=True)
    assert replay.identical
    assert not replay.differences


@pytest.mark.slow
@pytest.mark.skipif("IGO_RANDOM_JOBS" not in os.environ, reason="takes tens of minutes; IGO_RANDOM_JOBS=100 runs it")
@pytest.mark.parametrize("engine", ["openvino", "compile"])
def test_random_jobs(run, photo, engine):
    rng = random.Random(17)
    for number in range(int(os.environ["IGO_RANDOM_JOBS"])):
        changes = {
            "seed": rng.randrange(2**32),
            "num_inference_steps": rng.randint(2, 6),
            "guidance_scale": rng.choice([1.0, 2.5, 7.5]),
            "num_images": rng.choice([1, 1, 2]),
            "prompt": rng.choice(["a red hoodie", "(blue:1.3) jeans " * 40, "sky"]),
        }
        if (task := rng.choice(["text", "picture", "mask"])) == "text":
            changes |= {"width": 8 * rng.randint(3, 7), "height": 8 * rng.randint(3, 7)}
        else:
            changes |= {
                "image": photo.resize((rng.randint(20, 60), rng.randint(20, 60))),
                "width": None,
                "height": None,
            }
            changes["strength"] = rng.choice([0.7, 0.9])
        if task == "mask":
            changes["layers"] = {"mask": MASK.resize(changes["image"].size)}
        fast = run(Acceleration(engine), **changes)
        assert max(map(apart, run(**changes), fast)) <= 1, (number, changes)
        assert engine == "compile" or "plain" not in told(fast)  # which compiles for some of the sizes
