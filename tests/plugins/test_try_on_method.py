"""CatVTON's published layout and method, against a plain restatement of what its paper and users describe: one picture
of person over garment, DDIM with eta 1, no text, zeros for the garment's clean latents where nothing is to guide."""

import json
from dataclasses import replace
from functools import wraps
from shutil import copytree

import cv2
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file

import igo
from igo import embedded
from igo.errors import CheckpointError, LicenseError, SettingsError
from igo.networks.bodies import HEIGHT, OUTPUTS
from igo.networks.tryon import attentions
from igo.wardrobe import Part, draw, lay_flat, sample
from igo.wardrobe.placement import posed
from igo_plugins import TryOn
from igo_plugins.fitting import fitter, loading
from igo_plugins.fitting.garment import Garment, garment_of
from igo_plugins.fitting.painting import painted
from igo_plugins.fitting.zones import Zone
from tests.builders import segformers
from tests.builders.fittings import save_catvton

SIZE = (48, 64)


class Skip(torch.nn.Module):
    """What stands in the place of a cross-attention: it gives back what it is asked with."""

    def forward(self, hidden_states, *_, **__):
        return hidden_states


def restated(base, weights, left, mask, garment, seed, steps, guidance):
    """The latents after each step, 1×4×h×w each: the person's half."""
    unet = UNet2DConditionModel.from_pretrained(base / "unet").eval()
    state, number = load_file(weights), 0
    for name, module in list(unet.named_modules()):
        if name.endswith("attn2"):
            unet.get_submodule(name.rpartition(".")[0]).attn2 = Skip()
        elif name.endswith("attn1"):
            own = {key.split(".", 1)[1]: value for key, value in state.items() if key.split(".")[0] == str(number)}
            module.load_state_dict(own)
            number += 1
    scheduler = DDIMScheduler.from_pretrained(base / "scheduler")
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(seed)
    high = left.shape[2]
    latents = torch.randn((1, 4, 2 * high, left.shape[3]), generator=generator)
    masks = torch.cat([mask, torch.zeros_like(mask)], 2)
    shown, blank = torch.cat([left, garment], 2), torch.cat([left, torch.zeros_like(garment)], 2)
    found = []
    for timestep in scheduler.timesteps:
        with torch.no_grad():
            asked = [torch.cat([latents, masks, clean], 1) for clean in (blank, shown)]
            without, within = (unet(one, timestep, encoder_hidden_states=None).sample for one in asked)
        predicted = without + guidance * (within - without)
        latents = scheduler.step(predicted, timestep, latents, eta=1.0, generator=generator).prev_sample
        found.append(latents[:, :, :high])
    return found


@pytest.fixture(scope="module")
def catvton(tmp_path_factory, tiny_inpaint_checkpoint):
    return save_catvton(tmp_path_factory.mktemp("catvton"), tiny_inpaint_checkpoint, "mix-48k-1024", "vitonhd-16k-512")


def loaded(model, base=None, variant=None, vae=None):
    return loading.load(str(model), variant, base and str(base), vae and str(vae), igo.Runtime(device="cpu"))


def pictures():
    person = Image.effect_noise(SIZE, 90).convert("RGB")
    mask = Image.new("L", SIZE)
    mask.paste(255, (12, 16, 36, 48))
    return person, mask, Image.linear_gradient("L").resize(SIZE).convert("RGB")


@pytest.mark.parametrize("guidance", [2.5, 1.0])
def test_catvton_gives_the_latents_of_its_method_step_by_step(catvton, tiny_inpaint_checkpoint, monkeypatch, guidance):
    model = loaded(catvton, tiny_inpaint_checkpoint, "vitonhd-16k-512")
    person, mask, shirt = pictures()
    left, clothing = model.encoded(person, mask), model.encoded(shirt)
    zone = model.mask(mask, left)
    seen, step = [], type(model.pipeline.scheduler).step

    @wraps(step)
    def watched(self, *given, **named):
        made = step(self, *given, **named)
        seen.append(made[0][..., : left.shape[2], :])
        return made

    monkeypatch.setattr(type(model.pipeline.scheduler), "step", watched)
    model.paint([fitter.Asked(left, left, zone, clothing, 11)], 4, guidance)
    monkeypatch.undo()
    weights = catvton / "vitonhd-16k-512" / "attention" / "model.safetensors"
    wanted = restated(tiny_inpaint_checkpoint, weights, left, zone, clothing, 11, 4, guidance)
    assert len(seen) == 4
    for ours, theirs in zip(seen, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_people_are_encoded_without_their_zone(catvton, tiny_inpaint_checkpoint):
    model = loaded(catvton, tiny_inpaint_checkpoint, "mix-48k-1024")
    person, mask, _ = pictures()
    vae = AutoencoderKL.from_pretrained(tiny_inpaint_checkpoint / "vae")
    pixels = torch.from_numpy(np.array(person)).permute(2, 0, 1)[None] / 127.5 - 1
    pixels[:, :, 16:48, 12:36] = 0
    with torch.no_grad():
        wanted = vae.encode(pixels).latent_dist.mode() * vae.config.scaling_factor
    left = model.encoded(person, mask)
    torch.testing.assert_close(left, wanted)
    assert model.mask(mask, left).shape == (1, 1, 32, 24)
    assert float(model.mask(mask, left).mean()) == pytest.approx(0.25)
    assert float(model.mask(None, left).mean()) == 1


def test_attention_that_was_taught_to_a_base_that_igo_carries(tmp_path):
    """What `igo train tryon` makes of its own default base; whoever may sell pictures may sell those."""
    for name, part in (("mini/tryon", "tryon"), ("mini/inpaint", "inpaint")):
        taught = save_catvton(tmp_path / part, embedded.path(part))
        model = loaded(taught, name)
        assert model.weights[name][1].name == "apache-2.0"
        loading.check(str(taught), None, name, None, igo.Runtime(device="cpu"))
    with pytest.raises(CheckpointError, match="the base 'mini/nothing/else' is not here"):
        loading.check(str(taught), None, "mini/nothing/else", None, igo.Runtime(device="cpu"))


def test_variants_and_their_sizes(catvton, tiny_inpaint_checkpoint, tmp_path):
    big = loaded(catvton, tiny_inpaint_checkpoint, "mix-48k-1024")
    assert (big.native, big.steps, big.name) == ((768, 1024), 50, f"{catvton}/mix-48k-1024")
    assert loaded(catvton, tiny_inpaint_checkpoint, "vitonhd-16k-512").native == (384, 512)
    alone = loaded(catvton / "vitonhd-16k-512", tiny_inpaint_checkpoint)
    assert set(alone.weights) == {str(catvton / "vitonhd-16k-512"), str(tiny_inpaint_checkpoint)}
    assert all(identity.startswith("sha256:") for identity, _ in alone.weights.values())
    with pytest.raises(CheckpointError, match=r"several sets of weights; name one in variant=, of: mix-48k-1024, vito"):
        loaded(catvton, tiny_inpaint_checkpoint)
    with pytest.raises(CheckpointError, match="has no variant 'mix'; name one in variant=, of: "):
        loaded(catvton, tiny_inpaint_checkpoint, "mix")
    with pytest.raises(SettingsError, match="the size is 50x63; expected multiples of 2"):
        big.size(50, 63)
    assert big.size(None, 64) == (768, 64)


def test_a_hub_gives_no_more_than_is_needed(catvton, tiny_inpaint_checkpoint, hub):
    model = loaded("zhengchong/CatVTON/vitonhd-16k-512", "stable-diffusion-v1-5/stable-diffusion-inpainting")
    assert model.weights["zhengchong/CatVTON/vitonhd-16k-512"][0].startswith("revision:")
    assert "zhengchong/CatVTON/vitonhd-16k-512/attention/model.safetensors" in hub.fetched
    unwanted = ("mix-48k-1024", "text_encoder", "safety_checker", "tokenizer")
    assert not any(f"/{folder}/" in file for file in hub.fetched for folder in unwanted)


@pytest.fixture
def hub(hub, catvton, published_repositories, monkeypatch):
    """The hub with CatVTON on it."""
    place = published_repositories / "zhengchong" / "CatVTON"
    if not place.exists():
        copytree(catvton, place)
    return hub


def test_what_may_not_be_sold_is_refused_before_it_is_read(catvton, tiny_inpaint_checkpoint, tmp_path):
    model = copytree(catvton / "mix-48k-1024", tmp_path / "model")
    (model / "README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n")
    assert str(loaded(model, tiny_inpaint_checkpoint).weights[str(model)][1]).startswith("cc-by-nc-sa-4.0")
    commercial = igo.Runtime(device="cpu", commercial=True)
    for base in (None, str(tiny_inpaint_checkpoint)):
        with pytest.raises(LicenseError, match="cc-by-nc-sa"):
            loading.check(str(model), None, base, None, commercial)
    with pytest.raises(LicenseError, match="cc-by-nc-sa"):
        loading.load(str(model), None, str(tiny_inpaint_checkpoint), None, commercial)
    (model / "README.md").write_text("---\nlicense: mit\n---\n")
    with pytest.raises(LicenseError, match=str(tiny_inpaint_checkpoint)):
        loading.load(str(model), None, str(tiny_inpaint_checkpoint), None, commercial)


def test_whole_checkpoints(tiny_inpaint_checkpoint, tmp_path):
    model = loaded(tiny_inpaint_checkpoint)
    assert (model.native, model.steps, model.maskless) == ((24, 32), 50, True)
    copy = tmp_path / "copy"
    for part in ("unet", "vae", "scheduler"):
        copytree(tiny_inpaint_checkpoint / part, copy / part)
    index = json.loads((tiny_inpaint_checkpoint / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps({**index, "text_encoder": [None, None], "tokenizer": None}))
    (copy / "igo.json").write_text(json.dumps({"width": 30, "height": 40, "num_inference_steps": 7}))
    without_text = loaded(copy)
    assert (without_text.native, without_text.steps) == ((30, 40), 7)
    (copy / "igo.json").write_text(json.dumps({"width": "wide"}))
    with pytest.raises(CheckpointError, match=r"igo.json can't be meant; expected numbers for width"):
        loaded(copy)
    with pytest.raises(SettingsError, match=r"variant is 'mix', and .* is a whole checkpoint; leave it out"):
        loaded(tiny_inpaint_checkpoint, variant="mix")


@pytest.fixture
def laying(tiny_inpaint_checkpoint, tmp_path):
    """A checkpoint that has learned to see garments laid over people, and what says where these are."""
    copy = copytree(tiny_inpaint_checkpoint, tmp_path / "laying")
    bodies = segformers.save(tmp_path / "bodies", OUTPUTS, height=64, width=48)
    (copy / "igo.json").write_text(json.dumps({"width": 48, "height": 64, "bodies": str(bodies)}))
    return copy


def test_a_garment_is_laid_over_the_zone_for_a_model_that_has_learned_it(laying, monkeypatch):
    person, mask, shirt = pictures()
    seen = []
    plain = fitter.try_on
    monkeypatch.setattr(
        fitter, "try_on", lambda *given, **named: seen.append((given[2], named["laid"])) or plain(*given, **named)
    )
    step = TryOn(part="upper", model=str(laying), num_inference_steps=1)
    look = igo.Chain(step, runtime=igo.Runtime(device="cpu")).run(
        image=person, references={"garment": shirt}, layers={"mask": mask}, seed=1
    )
    ((left, over),) = seen
    assert not torch.equal(left, over)
    assert len(look.models) == 3  # the checkpoint, the parser that read the garment, and what says where bodies are
    assert str(laying.parent / "bodies") in look.models


def test_without_a_mask_a_garment_is_laid_over_the_person_as_they_are(laying, monkeypatch):
    person, mask, _ = pictures()
    shirt, place = pictured(), posed(np.eye(2, 3), ())
    model, seen = replace(loaded(laying), bodies=Placed(place)), []
    plain = fitter.Fitter.encoded

    def encoded(self, image, mask=None):
        seen.append(np.asarray(image))
        return plain(self, image, mask)

    monkeypatch.setattr(fitter.Fitter, "encoded", encoded)
    flat = garment_of(shirt, np.zeros(shirt.size[::-1], np.uint8), "upper", SIZE, "garment")
    zone, settings = Zone(mask, 0.5), {"context": 0.0, "num_inference_steps": 1, "guidance_scale": 1.0}
    painted(model, person, flat, zone, [1], free=True, **settings, on_step=lambda *_: None, parse=lambda _: None)
    own, garment, over = seen
    assert np.array_equal(garment, np.asarray(flat.image))
    new = (over != own).any(2)
    assert new.any()
    assert np.array_equal(over[new], garment[new])
    inside = cv2.erode((garment < 250).any(2).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert np.array_equal(over[inside], garment[inside])  # whether or not that is in the zone


def test_a_model_of_bodies_that_is_not_there(laying, tmp_path):
    (laying / "igo.json").write_text(json.dumps({"bodies": str(tmp_path / "none")}))
    with pytest.raises(CheckpointError, match=r"the body model '.*none' can't be loaded: there is no such folder"):
        loaded(laying)


def test_another_vae(tiny_inpaint_checkpoint, catvton):
    vae = tiny_inpaint_checkpoint / "vae"
    model = loaded(catvton, tiny_inpaint_checkpoint, "mix-48k-1024", vae)
    assert model.weights[str(vae)][0].startswith("sha256:")
    with pytest.raises(CheckpointError, match="can't be loaded: it has a UNet2DConditionModel; name a folder"):
        loaded(catvton, tiny_inpaint_checkpoint, "mix-48k-1024", tiny_inpaint_checkpoint / "unet")
    with pytest.raises(CheckpointError, match=r"can't be loaded: it has no config.json of diffusers'"):
        loaded(catvton, tiny_inpaint_checkpoint, "mix-48k-1024", tiny_inpaint_checkpoint)


def broken(catvton, tmp_path, change):
    state = load_file(catvton / "mix-48k-1024" / "attention" / "model.safetensors")
    place = tmp_path / "broken" / "attention"
    place.mkdir(parents=True)
    save_file(change(state), place / "model.safetensors")
    return tmp_path / "broken"


def test_weights_that_do_not_go_together(catvton, tiny_checkpoint, tiny_inpaint_checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="has 4 channels; try-on needs one of 9"):
        loaded(catvton, tiny_checkpoint, "mix-48k-1024")
    with pytest.raises(CheckpointError, match="has 4 channels; try-on needs one of 9"):
        loaded(tiny_checkpoint)
    less = broken(catvton, tmp_path / "less", lambda state: {k: v for k, v in state.items() if not k.startswith("1.")})
    with pytest.raises(CheckpointError, match=r"weights of self-attentions, and the UNet has .*; name the base"):
        loaded(less, tiny_inpaint_checkpoint)
    other = broken(catvton, tmp_path / "other", lambda state: {k: v.repeat(*[2] * v.ndim) for k, v in state.items()})
    with pytest.raises(CheckpointError, match=r"with shape \(32, 32\), and the UNet has \(16, 16\)"):
        loaded(other, tiny_inpaint_checkpoint)
    endless = broken(catvton, tmp_path / "nan", lambda state: {k: v * float("nan") for k, v in state.items()})
    with pytest.raises(CheckpointError, match="not finite"):
        loaded(endless, tiny_inpaint_checkpoint)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"has neither a model_index.json nor CatVTON's attention/model.safetens"):
        loaded(tmp_path / "empty", tiny_inpaint_checkpoint)


def test_another_family(tmp_path, tiny_inpaint_checkpoint):
    copy = copytree(tiny_inpaint_checkpoint, tmp_path / "xl")
    (copy / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    config = json.loads((tiny_inpaint_checkpoint / "unet" / "config.json").read_text())
    (copy / "unet" / "config.json").write_text(json.dumps({**config, "addition_embed_type": "text_time"}))
    with pytest.raises(CheckpointError, match="is of Stable Diffusion XL's family"):
        loaded(copy)
    (copy / "unet" / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="has no weights of its unet"):
        loaded(copy)
    (copy / "unet" / "config.json").unlink()
    with pytest.raises(CheckpointError, match="has no unet, which is needed"):
        loaded(copy)


@pytest.mark.parametrize("model", ["nowhere", "./not/here", "a/b/c/d", "mini"])
def test_names_of_nothing(model):
    with pytest.raises(CheckpointError, match="is not here; expected a folder in diffusers' layout, or a hub's own"):
        loading.check(model, None, None, None, igo.Runtime())


def test_the_numbering_at_real_size():
    """Stable Diffusion 1.5's inpainting UNet has 16 self-attentions, of 49.57 M parameters, as CatVTON publishes."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=64, in_channels=9, cross_attention_dim=768, attention_head_dim=8, layers_per_block=2,
            block_out_channels=(320, 640, 1280, 1280),
        )  # fmt: skip
    state = attentions(unet)
    assert len(state) == 16 * 5
    assert sum(value.numel() for value in state.values()) == 49_574_080
    widths = [state[f"{number}.to_q.weight"].shape[0] for number in range(16)]
    assert widths == [320] * 2 + [640] * 2 + [1280] * 2 + [1280] * 3 + [640] * 3 + [320] * 3 + [1280]


class Placed:
    """In place of a model of bodies: the same for all."""

    identity = "placed"

    def __init__(self, placements):
        self.found = torch.from_numpy(placements)[None]

    def placements(self, pictures):
        return self.found.expand(len(pictures), 5, 2, 3)


@pytest.mark.parametrize("cut", [{"top": "t-shirt"}, {"top": "coat"}, {"bottom": "shorts"}, {"bottom": "trousers"}])
def test_how_far_a_garment_reaches_is_measured_on_its_wearer(laying, cut):
    """By where its picture shows a body: the hem of what lies flat is where it is on whoever wears it."""
    figure = sample(3, gender="man", **({"top": "t-shirt"} | cut))
    part = "lower" if "bottom" in cut else "upper"
    laid = lay_flat(figure, part, 48, 64, fill=0.9)
    ends = np.flatnonzero((laid.shape > 0.5).any(1))[-1]
    model = replace(loaded(laying), bodies=Placed(laid.placements))
    down = model.reach(Image.fromarray(laid.image), float(ends))
    person = draw(figure, 256, 384)
    worn = np.isin(person.labels, [Part.BOTTOM] if part == "lower" else [Part.TOP])
    row = np.flatnonzero(worn.sum(1) > 8)[-1]
    trunk = person.placements[0]
    units = (row - trunk[1, 2]) / trunk[1, 1]
    assert down * HEIGHT == pytest.approx(units, abs=5)


def test_hems_that_are_measured_leave_room_for_the_error(laying):
    image = Image.new("RGB", SIZE)
    flat = Garment(image, image, "upper", False, None)
    assert [flat.reaching(down).hem for down in (0.2, 0.47, 0.52, 0.7, 0.955)] == [0.125, 0.125, 0.25, 0.625, 1.0]
    shirt = garment_of(pictured(), np.zeros((60, 40), np.uint8), "upper", SIZE, "garment")
    rows = np.flatnonzero((np.asarray(shirt.image)[..., 0] < 100).any(1))
    assert shirt.end == pytest.approx(rows[-1] + 1, abs=1)
    busy = Image.effect_noise((40, 60), 90).convert("RGB")
    assert (
        garment_of(busy, np.zeros((60, 40), np.uint8), "upper", SIZE, "garment").end is None
    )  # whose outline is unknown


def pictured():
    """A dark rectangle on white."""
    image = Image.new("RGB", (40, 60), "white")
    image.paste("black", (10, 10, 30, 45))
    return image
