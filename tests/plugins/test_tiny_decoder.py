"""TinyDecoder, and what trains one: in the place of any VAE's decoder, for its own latents and no others."""

import json

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline
from PIL import Image

import igo
from igo import cli
from igo.errors import CheckpointError, SettingsError
from igo.training import finetune
from igo.training.data.folders import CaptionedSet
from igo.training.loop.effort import Effort
from igo.training.tasks.decoder import DecoderTask, build_decoder, decoded, export_decoder
from igo_plugins import TinyDecoder
from tests.builders.tiny import make_vae

ASKED = {"prompt": "a red coat", "seed": 3, "width": 32, "height": 48, "num_inference_steps": 2, "guidance_scale": 5.0}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny-decoder") / "tiny"
    torch.manual_seed(0)
    export_decoder(build_decoder(make_vae(), 4), folder)
    return str(folder)


@pytest.fixture(scope="module")
def run(tiny_checkpoint):
    runtime = igo.Runtime(device="cpu")

    def run(*steps, **changes):
        return igo.Chain(igo.TextToImage(str(tiny_checkpoint)), *steps, runtime=runtime).run(**(ASKED | changes))

    return run


def test_the_picture_is_that_of_plain_diffusers(tiny, run, tiny_checkpoint):
    before = np.asarray(run().image)
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.vae = AutoencoderTiny.from_pretrained(tiny)
    given = {name: value for name, value in ASKED.items() if name != "seed"}
    made = pipeline(**given, generator=torch.Generator().manual_seed(3)).images[0]
    assert np.abs(np.asarray(run(TinyDecoder(tiny)).image).astype(int) - np.asarray(made)).max() <= 1
    assert np.array_equal(np.asarray(run().image), before)


def test_minis_own_paints_nearly_what_minis_autoencoder_paints():
    asked = {**ASKED, "width": 128, "height": 192, "num_inference_steps": 4}
    exact, quick = (igo.Chain(igo.TextToImage("mini"), *steps).run(**asked) for steps in ((), (TinyDecoder(),)))
    error = np.asarray(exact.image, np.float64) - np.asarray(quick.image)
    assert 10 * np.log10(255**2 / np.square(error).mean()) > 29  # dB; 33 on the pictures that it was measured on
    assert quick.models["mini/tiny"]


def test_pictures_are_encoded_as_ever_and_the_record_says_what_decoded(tiny, run, photo, tiny_checkpoint, tmp_path):
    exact = run(image=photo, width=None, height=None, strength=0.6)
    quick = run(TinyDecoder(tiny), image=photo, width=None, height=None, strength=0.6)
    assert quick.image.size == exact.image.size
    assert not np.array_equal(np.asarray(quick.image), np.asarray(exact.image))
    look = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), TinyDecoder(tiny)).run(**ASKED)
    look.save(tmp_path / "look.png")
    assert igo.replay(tmp_path / "look.png").identical
    assert [entry.report["lossy"] for entry in look.frames[0].history if "lossy" in entry.report] == ["a small decoder"]
    assert look.models[tiny]


def test_what_is_no_decoder_for_these_latents_is_refused(tiny, run, tmp_path, tiny_checkpoint):
    with pytest.raises(SettingsError, match="model is empty"):
        TinyDecoder(" ")
    with pytest.raises(CheckpointError, match="it has a AutoencoderKL; name a folder"):
        run(TinyDecoder(str(tiny_checkpoint / "vae")))
    with pytest.raises(CheckpointError, match="the decoder 'none'"):
        run(TinyDecoder("none"))
    vae = make_vae()
    vae.register_to_config(block_out_channels=(8, 8, 8))
    export_decoder(build_decoder(vae, 4), tmp_path / "other")
    with pytest.raises(
        CheckpointError, match="of 4 channels, 4 pixels a side, this checkpoint's have 4 channels, 2 pix"
    ):
        run(TinyDecoder(str(tmp_path / "other")))


def pictures(count=6):
    colours = torch.randint(256, (count, 2, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    canvas = colours[:, 0, None, None].repeat(1, 48, 32, 1)
    canvas[:, 12:36, 8:24] = colours[:, 1, None, None]
    return CaptionedSet(canvas, [["a red coat"]] * count)


@pytest.mark.slow
def test_it_learns_what_the_vae_paints_and_goes_on_after_a_kill(tiny_checkpoint, tmp_path, monkeypatch):
    effort = Effort(steps=60, batch_size=4, learning_rate=1e-2, quiet=True)
    curves = []
    for name, halts in (("whole", (None,)), ("killed", (30, None))):
        for halt_at in halts:
            from igo.training.loop import effort as module
            from igo.training.loop.loop import train

            def halting(*args, halt_at=halt_at, **kwargs):
                return train(*args, halt_at=halt_at, **kwargs)

            monkeypatch.setattr(module, "train", halting)
            base = finetune.load_base(str(tiny_checkpoint))
            report = finetune.train_decoder(base, pictures(), tmp_path / name, tmp_path / f"{name}-work", effort, 8, 2)
        lines = (tmp_path / f"{name}-work" / "losses.jsonl").read_text().splitlines()
        curves.append([json.loads(line)["loss"] for line in lines])
    assert curves[0] == curves[1]
    assert sum(curves[0][-10:]) < 0.7 * sum(curves[0][:10])
    assert report.measures["psnr"] > 10
    learned = [AutoencoderTiny.from_pretrained(tmp_path / name).state_dict() for name in ("whole", "killed")]
    assert all(torch.equal(learned[0][name], learned[1][name]) for name in learned[0])


def test_a_crop_is_of_the_latents_and_their_picture_alike(tmp_path):
    """A picture of a gradient says where it was cut."""
    latents = torch.arange(40.0).view(1, 1, 1, 40).expand(3, 4, 40, 40)
    shown = torch.arange(80, dtype=torch.uint8).view(1, 1, 80, 1).expand(3, 80, 80, 3)
    task = DecoderTask(build_decoder(make_vae(), 2), latents, shown, 1, crop=8)
    batch = task.batch(5, torch.Generator().manual_seed(0))
    assert batch["latents"].shape == (5, 4, 8, 8)
    assert batch["pictures"].shape == (5, 3, 16, 16)
    assert torch.allclose((batch["pictures"][:, 0, 0, ::2] + 1) * 127.5, 2 * batch["latents"][:, 0, 0], atol=1e-3)
    for where, seen in zip(batch["latents"][:, 0, 0, 0].tolist(), batch["seen"][:, 0], strict=True):
        assert int(seen.amax(0).sum()) == 16 - 4 * (where > 0) - 4 * (where < 32), "but at the picture's own border"
    whole = DecoderTask(build_decoder(make_vae(), 2), latents, shown, 1, crop=64)
    assert bool((whole.batch(2, torch.Generator().manual_seed(0))["seen"] == 1).all())
    made = decoded(make_vae(), torch.zeros(2, 4, 6, 4), tmp_path / "made.npy")
    assert (made.shape, made.dtype) == ((2, 12, 8, 3), torch.uint8)


def test_the_command_trains_one(tiny_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number, picture in enumerate(pictures(3).pictures):
        Image.fromarray(picture.numpy()).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.txt").write_text("a red coat")
    given = ["train", "decoder", "--data", ".", "--base", str(tiny_checkpoint), "--width", "32", "--height", "48"]
    assert cli.run_command([*given, "--out", "tiny", "--steps", "2"]) == 0
    assert "tiny: 2 steps, psnr" in capsys.readouterr().out
    assert AutoencoderTiny.from_pretrained("tiny").config.decoder_block_out_channels == [4, 4]
    assert cli.run_command([*given, "--out", "other", "--steps", "2", "--channels", "0"]) == 2
    errors = capsys.readouterr().err
    assert "--channels is 0; expected at least 1" in errors
    assert errors.count("\n") == 1
