"""Caching: which steps are run whole, what it works with, and that nothing of one call is left in another."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image

import igo
from igo import cli
from igo.errors import CheckpointError, PluginError, SettingsError
from igo.images import digest
from igo_plugins import Adapter, Caching, ControlNet, Edges
from igo_plugins.steps.features import Features
from tests.builders.controls import make_controlnet
from tests.builders.families import make_flux, make_sd3
from tests.builders.tiny import make_unet
from tests.plugins.test_adapter import acting

ASKED = {"prompt": "a red coat", "seed": 3, "width": 32, "height": 48, "num_inference_steps": 7, "guidance_scale": 5.0}
CACHING = Caching(3, first=2)


@pytest.fixture(scope="module")
def runtime():
    return igo.Runtime(device="cpu")


@pytest.fixture(scope="module")
def paint(tiny_checkpoint, tiny_inpaint_checkpoint, runtime):
    """The first picture of a chain with these steps, all chains in one runtime."""

    def run(*steps, **changes):
        base = igo.TextToImage(str(tiny_checkpoint), inpaint_checkpoint=str(tiny_inpaint_checkpoint))
        return igo.Chain(base, *steps, runtime=runtime).run(**(ASKED | changes)).image

    return run


class Counting:
    """Count how often the deepest layer of each UNet runs."""

    def __init__(self):
        self.runs = 0

    @igo.hookimpl
    def prepare(self, pipeline):
        pipeline.unet.mid_block.resnets[0].conv1.register_forward_hook(self.count)

    def count(self, *_):
        self.runs += 1


@pytest.mark.parametrize(
    ("settings", "steps", "whole"),
    [
        ({"interval": 3, "first": 2, "last": 1}, 7, 4),  # 0, 1, 4, 6
        ({"interval": 3, "first": 1, "last": 0}, 7, 3),  # 0, 3, 6
        ({"interval": 9, "first": 1, "last": 0}, 7, 1),
        ({"interval": 3, "first": 9, "last": 1}, 7, 7),
        ({"interval": 1}, 7, 7),
        ({"interval": 3, "first": 1, "last": 2}, 1, 1),
    ],
)
def test_steps_are_run_whole_as_the_settings_say(settings, steps, whole, paint):
    counting = Counting()
    paint(counting, Caching(**settings), num_inference_steps=steps)
    assert counting.runs == whole


def test_without_what_is_kept_it_is_the_picture_itself(paint):
    exact, cached = paint(), paint(CACHING)
    assert digest(cached) != digest(exact)
    assert np.abs(np.asarray(cached).astype(int) - np.asarray(exact)).mean() < 8, "and near to it"
    assert digest(paint(Caching(1))) == digest(paint(Caching(3, first=9))) == digest(exact)
    assert digest(paint(CACHING)) == digest(cached)
    assert digest(paint()) == digest(exact)


def test_nothing_of_one_call_is_left_in_another(paint, photo):
    """Others between, of other sizes, texts and tasks, and one that is broken off."""
    first = digest(paint(CACHING))

    class Breaking:
        @igo.hookimpl
        def observe(self, event):
            if event.kind == "progress" and event.done == 3:
                raise RuntimeError("broken off")

    mask = Image.new("L", photo.size, 255)
    between = [
        {"prompt": "blue jeans"},
        {"guidance_scale": 1.0},
        {"width": 48},
        {"image": photo, "strength": 0.5, "width": None, "height": None},
        {"image": photo, "layers": {"mask": mask}, "width": None, "height": None},
    ]
    alone = [digest(paint(CACHING, **changes)) for changes in between]
    assert len({first, *alone}) == 6
    for changes, expected in zip(between, alone, strict=True):
        with pytest.raises(PluginError, match="broken off"):
            paint(CACHING, Breaking(), **changes)
        assert digest(paint(CACHING)) == first
        assert digest(paint(CACHING, **changes)) == expected


def test_pictures_of_a_batch_are_their_own(tiny_checkpoint, runtime, paint):
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), CACHING, runtime=runtime)
    batch = chain.run(**ASKED, num_images=2)
    assert [digest(image) for image in batch.images] == [digest(paint(CACHING, seed=seed)) for seed in (3, 4)]


@pytest.mark.parametrize("scheduler", ["Euler a", "Heun", "PNDM"])
def test_schedulers_of_all_kinds_count_their_steps(scheduler, tiny_checkpoint, runtime):
    base, counting = igo.TextToImage(str(tiny_checkpoint), scheduler=scheduler), Counting()
    igo.Chain(base, counting, runtime=runtime).run(**ASKED)
    every, counting.runs = counting.runs, 0
    igo.Chain(replace(base), counting, CACHING, runtime=runtime).run(**ASKED)
    assert every / 3 < counting.runs < every


@pytest.mark.slow
def test_adapters_and_controlnets_act_beside_it(tiny_checkpoint, paint, photo, tmp_path):
    from igo.painting.checkpoints import checkpoint

    pipeline = checkpoint.load(str(tiny_checkpoint), dtype=torch.float32).pipeline
    make_controlnet(pipeline.unet, 0).save_pretrained(tmp_path / "net")
    adapter = Adapter(acting(pipeline, tmp_path / "a.safetensors", 0))
    net = (Edges(), ControlNet(str(tmp_path / "net")))
    asked = {"image": photo, "width": None, "height": None, "strength": 1.0}
    for steps, changes in (((adapter,), {}), (net, asked)):
        exact, plain = paint(*steps, **changes), paint(CACHING, **changes)
        cached = digest(paint(*steps, CACHING, **changes))
        assert cached not in (digest(exact), digest(plain))
        assert digest(paint(CACHING, *steps, **changes)) == cached
        assert digest(paint(Caching(3, first=9), *steps, **changes)) == digest(exact)


def called(unet, features, said, seed):
    """What the UNet gives from step to step, and how often all of it ran."""
    noise = torch.Generator().manual_seed(seed)
    samples = torch.randn(4, 1, 4, 16, 16, generator=noise)
    for number, sample in enumerate(samples):
        with torch.no_grad():
            yield unet(sample, torch.tensor(900 - 100 * number), said).sample


@pytest.mark.parametrize("branch", [0, 1])
def test_what_is_kept_is_all_but_the_outermost_layers(branch):
    """The same input again gives the same output, and another one something between."""
    unet, timesteps = make_unet().eval(), torch.tensor([900.0, 800.0, 700.0, 1.0])
    said, samples = torch.ones(1, 3, 32), torch.randn(2, 1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    runs = []
    unet.down_blocks[0].resnets[0].conv1.register_forward_hook(lambda *_: runs.append("outer"))
    unet.up_blocks[-1].resnets[0].conv1.register_forward_hook(lambda *_: runs.append("outer"))
    unet.up_blocks[0].resnets[0].conv1.register_forward_hook(lambda *_: runs.append("deep"))
    Features(unet, lambda: timesteps, interval=4, branch=branch, first=1, last=0).attach()
    with torch.no_grad():
        one, again, other = (unet(samples[index], timesteps[0], said).sample for index in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert runs.count("deep") == 1
    assert runs.count("outer") == (7 if branch else 2), "a step that is run whole computes the way down to them twice"


SHAPES = {
    "mini": {},
    "1.5": {
        "block_out_channels": (8, 16, 16),
        "layers_per_block": 2,
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    },
    "xl": {
        "layers_per_block": 2,
        "transformer_layers_per_block": 2,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 24 + 6 * 8,
    },
}


@pytest.mark.parametrize("controlled", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_both_halves_are_the_unet(shape, controlled):
    """To the last bit, wherever it is cut, at sizes that don't halve evenly too, with what a ControlNet gives."""
    unet, timesteps = make_unet(**SHAPES[shape]).eval(), torch.tensor([900.0, 1.0])
    noise, net = torch.Generator().manual_seed(0), make_controlnet(unet)
    said = {"encoder_hidden_states": torch.randn(2, 3, 32, generator=noise)}
    if shape == "xl":
        embeds = torch.randn(2, 24, generator=noise)
        said["added_cond_kwargs"] = {"text_embeds": embeds, "time_ids": torch.ones(2, 6)}
    for height, width in ((8, 8), (10, 7)):
        given = {"sample": torch.randn(2, 4, height, width, generator=noise), "timestep": timesteps[0], **said}
        with torch.no_grad():
            if controlled:
                picture = torch.ones(2, 3, 2 * height, 2 * width)
                found = net(**given, controlnet_cond=picture)
                given["down_block_additional_residuals"] = found.down_block_res_samples
                given["mid_block_additional_residual"] = found.mid_block_res_sample
            expected = unet(**given).sample
            for branch in range(len(unet.up_blocks[-1].resnets)):
                features = Features(unet, lambda: timesteps, interval=2, branch=branch, first=1, last=0)
                assert torch.equal(features.step(given, lambda: None).sample, expected)
        if controlled:
            plain = {name: value for name, value in given.items() if "residual" not in name}
            assert not torch.equal(unet(**plain).sample, expected)


def test_threads_have_what_is_kept_for_themselves():
    unet, said, other = make_unet().eval(), torch.ones(1, 3, 32), torch.zeros(1, 3, 32)
    timesteps = torch.tensor([900.0, 800.0, 700.0, 600.0, 500.0])
    features = Features(unet, lambda: timesteps, interval=9, branch=0, first=1, last=0)
    features.attach()
    alone = [list(called(unet, features, text, seed)) for text, seed in ((said, 0), (other, 1))]
    found = [[], []]
    walks = [called(unet, features, text, seed) for text, seed in ((said, 0), (other, 1))]
    for _ in range(4):
        for walk, outputs in zip(walks, found, strict=True):
            thread = Thread(target=lambda walk=walk, outputs=outputs: outputs.append(next(walk)))
            if outputs is found[0]:  # one in this thread, one in others, each of which begins anew
                outputs.append(next(walk))
            else:
                thread.start()
                thread.join()
    assert all(torch.equal(one, two) for one, two in zip(found[0], alone[0], strict=True))


def test_of_transformers_the_attention_is_kept(tmp_path):
    make_flux(tmp_path / "parts").save_pretrained(tmp_path / "flux")
    runtime, computed = igo.Runtime(device="cpu"), []

    class Watching:
        @igo.hookimpl
        def prepare(self, pipeline):
            attention = pipeline.transformer.transformer_blocks[0].attn
            attention.to_q.register_forward_hook(lambda *_: computed.append(1))

    class Breaking:
        @igo.hookimpl
        def observe(self, event):
            if event.kind == "progress" and event.done == 4:
                raise RuntimeError("broken off")

    def paint(*steps):
        chain = igo.Chain(igo.TextToImage(str(tmp_path / "flux")), Watching(), *steps, runtime=runtime)
        computed.clear()
        return digest(chain.run("a coat", seed=1, width=16, height=16, num_inference_steps=7).image)

    exact, watched = paint(), len(computed)
    cached = paint(CACHING)
    assert watched == 7
    assert len(computed) < 7
    assert cached != exact
    assert paint(Caching(3, first=9)) == paint(Caching(1)) == exact
    with pytest.raises(PluginError, match="broken off"):
        paint(CACHING, Breaking())
    assert paint(CACHING) == cached
    with pytest.raises(CheckpointError, match="kept between steps twice"):
        paint(Caching(), Caching(2))


def test_it_is_on_record_and_replays(tiny_checkpoint, tmp_path, capsys):
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), CACHING)
    chain.run(**ASKED).save(tmp_path / "look.png")
    again = igo.replay(tmp_path / "look.png")
    assert again.identical
    assert again.differences == ()
    assert cli.run_command(["show", str(tmp_path / "look.png")]) == 0
    assert "# given up for speed\ncaching: features of one in 3 steps" in capsys.readouterr().out
    exact = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), Caching(1)).run(**ASKED)
    assert not any("lossy" in entry.report for entry in exact.frames[0].history)


@pytest.mark.parametrize("wrong", [{"interval": 0}, {"branch": -1}, {"first": 0}, {"last": -1}])
def test_settings_that_can_not_be_meant(wrong):
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} is .*; expected at least"):
        Caching(**wrong)


def test_what_has_no_such_features_is_refused(paint, tmp_path):
    with pytest.raises(
        CheckpointError, match="a StableDiffusion3Pipeline has nothing that could be kept between steps"
    ):
        Caching().prepare(make_sd3(tmp_path))
    with pytest.raises(SettingsError, match="branch is 2; expected at most 1, the outermost"):
        paint(Caching(branch=2))
    with pytest.raises(CheckpointError, match="kept between steps twice"):
        paint(Caching(), Caching(2))
