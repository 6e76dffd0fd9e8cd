"""What a chain's loaded models hold."""

from dataclasses import dataclass

import torch
from PIL import Image

import igo
from igo.painting.checkpoints import checkpoint


def test_parts_that_two_share_count_once(tiny_checkpoint):
    base = igo.TextToImage(str(tiny_checkpoint), inpaint_checkpoint=str(tiny_checkpoint))
    chain = igo.Chain(base)
    assert chain.memory() == {}
    look = chain.run("a red hoodie", seed=1, num_inference_steps=1, width=32, height=32)
    (alone,) = chain.memory().values()
    pipeline = checkpoint.load(str(tiny_checkpoint), dtype=torch.float32).pipeline
    parts = (pipeline.unet, pipeline.vae, pipeline.text_encoder)
    weights = sum(value.nbytes for part in parts for value in (*part.parameters(), *part.buffers()))
    assert alone == weights
    chain.run(
        "a red hoodie", image=look.image, layers={"mask": Image.new("L", (32, 32), 255)}, seed=1, num_inference_steps=1
    )
    assert sum(chain.memory().values()) < 1.1 * weights
    chain.runtime.release()
    assert chain.memory() == {}


@dataclass(frozen=True)
class Blur:
    """Loads a model in a holder of its own, and a tensor that is no model's."""

    @igo.hookimpl
    def postprocess(self, frame, runtime):
        @dataclass
        class Holder:
            inner: dict

        layer = torch.nn.Conv2d(1, 1, 3, bias=False)
        runtime.model(("blur", "small", 3), lambda: Holder({"model": layer, "again": layer, "other": torch.zeros(9)}))
        return frame


def test_models_of_any_step_are_found():
    chain = igo.Chain(Blur())
    chain.run(image=Image.new("RGB", (8, 8)), seed=1)
    assert chain.memory() == {"blur small": 9 * 4}
