"""The embedding plugin: exact against plain diffusers, in A1111's layouts and diffusers', weighted, counted, whole."""

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image
from safetensors.torch import save_file

import igo
from igo import cli
from igo.errors import CheckpointError, SettingsError
from igo_plugins import Adapter, Embedding
from tests.builders import adapters, tiny

ASKED = {"prompt": "a red mystyle coat", "width": 32, "height": 32, "num_inference_steps": 2, "guidance_scale": 3.0}


def vectors(count, width=32, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed + count))


@pytest.fixture(scope="module")
def paint(tiny_checkpoint):
    runtime = igo.Runtime(device="cpu")

    def run(*steps, checkpoint=tiny_checkpoint, **changes):
        runtime.release()
        chain = igo.Chain(igo.TextToImage(str(checkpoint)), *steps, runtime=runtime)
        return chain.run(seed=5, **(ASKED | changes))

    return run


def pixels(look):
    return np.asarray(look.image)


def plain(folder, load, **changes):
    """The picture of diffusers alone, its pipeline first given to ``load``."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    load(pipeline)
    made = pipeline(**(ASKED | changes), generator=torch.Generator().manual_seed(5))
    return np.asarray(made.images[0])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("layout", ["emb_params", "mystyle", "pt"])
def test_the_picture_is_that_of_plain_diffusers(layout, count, paint, tiny_checkpoint, tmp_path):
    tensor = vectors(count)
    if layout == "pt":
        file = tmp_path / "other.pt"
        torch.save(
            {"string_to_token": {"*": 265}, "string_to_param": {"*": tensor}, "name": "mystyle", "step": 9}, file
        )
    else:
        file = tmp_path / ("mystyle.safetensors" if layout == "emb_params" else "learned_embeds.safetensors")
        save_file({layout: tensor}, file)
    expected = plain(tiny_checkpoint, lambda pipeline: pipeline.load_textual_inversion(tensor, token="mystyle"))
    look = paint(Embedding(str(file)))
    assert np.array_equal(pixels(look), expected)
    assert not np.array_equal(expected, pixels(paint()))
    assert look.frames[0].history[0].report["tokens"]["prompt"] == [2 + count + 4], "coat is of four tokens"
    assert look.models[str(file)].startswith("sha256:")


def test_names_with_capitals_and_marks(paint, tiny_checkpoint, tmp_path):
    file = adapters.saved({"<My-Style>": vectors(2)}, tmp_path / "a.safetensors")
    expected = plain(tiny_checkpoint, lambda one: one.load_textual_inversion(vectors(2), token="mystyle"))
    assert np.array_equal(pixels(paint(Embedding(file), prompt="a red <my-style> coat")), expected)
    assert np.array_equal(pixels(paint(Embedding(file, token="MyStyle"))), expected)
    assert np.array_equal(pixels(paint(Embedding(file, "xyz"), prompt="a red xyz coat")), expected)


def test_several_at_once_and_in_the_negative_prompt(paint, tiny_checkpoint, tmp_path):
    one = adapters.saved({"emb_params": vectors(2)}, tmp_path / "mystyle.safetensors")
    other = adapters.saved({"emb_params": vectors(3)}, tmp_path / "mystyle2.safetensors")
    asked = {"prompt": "a mystyle coat", "negative_prompt": "mystyle2, hat"}
    expected = plain(
        tiny_checkpoint,
        lambda pipeline: [
            pipeline.load_textual_inversion(vectors(2), token="mystyle"),
            pipeline.load_textual_inversion(vectors(3), token="badthings"),
        ],
        prompt="a mystyle coat",
        negative_prompt="badthings, hat",
    )
    assert np.array_equal(pixels(paint(Embedding(one), Embedding(other), **asked)), expected)


def test_it_is_weighted_as_words_are(paint, tmp_path):
    file = adapters.saved({"emb_params": vectors(2)}, tmp_path / "mystyle.safetensors")
    made = [pixels(paint(Embedding(file), prompt=f"a {word} coat")) for word in ("mystyle", "(mystyle:1.4)", "red")]
    assert len({picture.tobytes() for picture in made}) == 3


def test_it_is_never_split_over_two_chunks(paint, tmp_path):
    file = adapters.saved({"emb_params": vectors(8)}, tmp_path / "mystyle.safetensors")
    report = paint(Embedding(file), prompt=f"{'red ' * 70} mystyle red").frames[0].history[0].report
    assert report["tokens"]["prompt"] == [70, 9]


def test_it_leaves_no_trace_in_other_chains_and_replays(paint, tiny_checkpoint, tmp_path):
    before = pixels(paint())
    file = adapters.saved({"emb_params": vectors(2)}, tmp_path / "mystyle.safetensors")
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), Embedding(file))
    state = torch.random.get_rng_state()
    chain.run(seed=5, **ASKED).save(tmp_path / "look.png")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert igo.replay(tmp_path / "look.png").identical
    assert np.array_equal(pixels(paint()), before)


def test_xl_has_two_text_encoders(paint, tmp_path):
    folder = tmp_path / "checkpoint"
    tiny.make_xl_pipeline(tmp_path / "tokenizer").save_pretrained(folder)
    both = {"clip_l": vectors(2, 32), "clip_g": vectors(2, 48)}
    file = adapters.saved(both, tmp_path / "mystyle.safetensors")
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    for key, end in (("clip_l", ""), ("clip_g", "_2")):
        encoder, tokenizer = getattr(pipeline, f"text_encoder{end}"), getattr(pipeline, f"tokenizer{end}")
        pipeline.load_textual_inversion(both[key], token="mystyle", text_encoder=encoder, tokenizer=tokenizer)
    expected = np.asarray(pipeline(**ASKED, generator=torch.Generator().manual_seed(5)).images[0])
    assert np.array_equal(pixels(paint(Embedding(file), checkpoint=folder)), expected)
    one = adapters.saved({"emb_params": vectors(2)}, tmp_path / "one.safetensors")
    with pytest.raises(CheckpointError, match=r"for one text encoder \(32 numbers each\), and this checkpoint has two"):
        paint(Embedding(one), checkpoint=folder)
    with pytest.raises(CheckpointError, match="has another number of vectors for each text encoder"):
        paint(Embedding(adapters.saved(both | {"clip_l": vectors(1)}, tmp_path / "odd.safetensors")))


def test_embeddings_that_come_with_an_adapter(paint, tiny_checkpoint, tmp_path):
    unet = StableDiffusionPipeline.from_pretrained(tiny_checkpoint, safety_checker=None).unet
    tensors, added = adapters.kohya({"unet": unet}, [("unet", adapters.OUT, adapters.loha)])
    tensors["bundle_emb.mystyle.string_to_param.*"] = vectors(2)
    file = adapters.saved(tensors, tmp_path / "a.safetensors")

    def load(pipeline):
        adapters.merge(pipeline, added)
        pipeline.load_textual_inversion(vectors(2), token="mystyle")

    found, expected = pixels(paint(Adapter(file))), plain(tiny_checkpoint, load)
    assert abs(found.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("tensors", "token", "told"),
    [
        ({"emb_params": vectors(2, 48)}, None, "its vectors have 48 numbers, those of the text encoder 32"),
        ({"clip_l": vectors(2), "clip_g": vectors(2)}, None, "this checkpoint has no text_encoder_2"),
        ({"a": vectors(2), "b": vectors(2)}, None, "holds no embedding"),
        ({"emb_params": vectors(76)}, None, "expected 1 to 75 rows"),
        ({"emb_params": torch.ones(2, 3, 4)}, None, "expected 1 to 75 rows"),
        ({"emb_params": torch.ones(2, 32, dtype=torch.int32)}, None, "expected 1 to 75 rows"),
        ({"emb_params": torch.full((2, 32), torch.nan)}, None, "is not finite"),
        ({"emb_params": vectors(2)}, "my style", "can't be a word of a prompt"),
        ({"emb_params": vectors(2)}, "(my:1)", "can't be a word of a prompt"),
        ({"emb_params": vectors(2)}, "BREAK", "can't be a word of a prompt"),
        ({"emb_params": vectors(2)}, "", "can't be a word of a prompt"),
        ({"emb_params": vectors(2)}, "red</w>", "is taken"),
    ],
)
def test_what_can_not_be_meant_is_one_line(tensors, token, told, paint, tmp_path):
    file = adapters.saved(tensors, tmp_path / "mystyle.safetensors")
    with pytest.raises(CheckpointError, match=told) as raised:
        paint(Embedding(file, token))
    assert "\n" not in str(raised.value)


def test_names_that_would_be_anothers(paint, tmp_path):
    files = [
        adapters.saved({"emb_params": vectors(2)}, tmp_path / f"{name}.safetensors") for name in ("style", "style_1")
    ]
    for order in (files, files[::-1], files[:1] * 2):
        steps = [Embedding(order[0]), Embedding(order[1], token="style" if order[0] == order[1] else None)]
        with pytest.raises(CheckpointError, match="is taken"):
            paint(*steps)
    with pytest.raises(SettingsError):
        Embedding("")


def test_the_command_line_takes_embeddings(paint, tiny_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_file({"emb_params": vectors(2)}, "file.safetensors")
    size = ["--width", "32", "--height", "32", "--steps", "2", "--guidance-scale", "3", "--seed", "5"]
    given = ["generate", ASKED["prompt"], "--checkpoint", str(tiny_checkpoint), *size, "--quiet", "-o", "look.png"]
    assert cli.run_command([*given, "--embedding", "mystyle=file.safetensors"]) == 0
    with Image.open("look.png") as picture:
        assert np.array_equal(np.asarray(picture), pixels(paint(Embedding("file.safetensors", "mystyle"))))
    capsys.readouterr()
    assert cli.run_command([*given, "--embedding", "none.safetensors"]) == 2
    errors = capsys.readouterr().err
    assert "there is no embedding none.safetensors; expected a .safetensors file" in errors
    assert errors.count("\n") == 1
