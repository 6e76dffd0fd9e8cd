"""The base against its oracle, plain diffusers, byte for byte; and what it adds: sizes, masks, batches, verdicts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from PIL import Image, ImageChops

import igo
from igo.errors import CheckpointError, MaskError, OverflowInVAEError, SettingsError, UnsafeContentError
from igo.painting.diffusion import Diffusion, Painted
from igo.painting.job import Job
from tests.builders import tiny

STEPS, GUIDANCE = 4, 6.0
PROMPT, NEGATIVE = "a (red:1.3) hoodie, " + "street, " * 40, "blurry"


@pytest.fixture(scope="module")
def runtime():
    return igo.Runtime("cpu", "float32")


@pytest.fixture(scope="module")
def make_chain(tiny_checkpoint, runtime):
    def make(*steps, **settings):
        return igo.Chain(igo.TextToImage(str(tiny_checkpoint), **settings), *steps, runtime=runtime)

    return make


@pytest.fixture(scope="module")
def plain(tiny_checkpoint):
    """diffusers' own pipelines, by task."""
    text2img = StableDiffusionPipeline.from_pretrained(tiny_checkpoint)
    text2img.set_progress_bar_config(disable=True)
    pipelines = {"text2img": text2img}
    for task, kind in (("img2img", StableDiffusionImg2ImgPipeline), ("inpaint", StableDiffusionInpaintPipeline)):
        pipelines[task] = kind(**text2img.components, requires_safety_checker=False)
        pipelines[task].set_progress_bar_config(disable=True)
    return pipelines


def run(chain, prompt=PROMPT, **settings):
    options = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "negative_prompt": NEGATIVE, "seed": 7}
    return chain.run(prompt, **{**options, **settings})


def oracle(pipeline, seed=7, **settings):
    options = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "negative_prompt": NEGATIVE}
    return pipeline(PROMPT, generator=torch.Generator("cpu").manual_seed(seed), **{**options, **settings}).images[0]


def picture(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def box_mask(size, box):
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


@pytest.mark.parametrize("size", [(32, 48), (40, 32)])
def test_text2img_equals_plain_diffusers(make_chain, plain, size):
    look = run(make_chain(emphasis="off"), width=size[0], height=size[1])
    assert look.image == oracle(plain["text2img"], width=size[0], height=size[1])


@pytest.mark.parametrize("guidance", [1.0, 0.0, 9.5])
def test_text2img_equals_plain_diffusers_for_any_guidance(make_chain, plain, guidance):
    look = run(make_chain(emphasis="off"), width=32, height=48, guidance_scale=guidance)
    assert look.image == oracle(plain["text2img"], width=32, height=48, guidance_scale=guidance)


def test_a_short_prompt_without_weights_equals_plain_diffusers_with_weighting_on(make_chain, plain):
    look = run(make_chain(), "a red hoodie", width=32, height=48)
    plain_call = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "negative_prompt": NEGATIVE}
    generator = torch.Generator("cpu").manual_seed(7)
    expected = plain["text2img"]("a red hoodie", width=32, height=48, generator=generator, **plain_call).images[0]
    assert look.image == expected
    assert run(make_chain(), "a (red:1.5) hoodie", width=32, height=48).image != expected


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_img2img_equals_plain_diffusers(make_chain, plain, strength):
    photo = picture(32, 32)
    look = run(make_chain(emphasis="off"), image=photo, strength=strength)
    assert look.image == oracle(plain["img2img"], image=photo, strength=strength)


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_inpaint_equals_plain_diffusers_before_compositing(tiny_checkpoint, plain, strength):
    photo, mask = picture(32, 48), box_mask((32, 48), (8, 8, 24, 30))
    diffusion = Diffusion(StableDiffusionPipeline.from_pretrained(tiny_checkpoint), torch.device("cpu"))
    job = Job(PROMPT, NEGATIVE, 32, 48, STEPS, GUIDANCE, (7,), "off", image=photo, mask=mask, strength=strength)
    expected = oracle(plain["inpaint"], image=photo, mask_image=mask, width=32, height=48, strength=strength)
    assert diffusion.paint(job).images == (expected,)


def test_a_nine_channel_checkpoint_paints_in_masks_as_plain_diffusers_does(
    make_chain, tiny_inpaint_checkpoint, monkeypatch
):
    from diffusers import StableDiffusionInpaintPipeline

    photo, mask = picture(32, 32), box_mask((32, 32), (8, 8, 24, 24))
    painted = []
    paint = Diffusion.paint
    monkeypatch.setattr(Diffusion, "paint", lambda *given: painted.append(paint(*given)) or painted[0])
    look = run(
        make_chain(emphasis="off", inpaint_checkpoint=str(tiny_inpaint_checkpoint)), image=photo, layers={"mask": mask}
    )
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(tiny_inpaint_checkpoint)
    pipeline.set_progress_bar_config(disable=True)
    assert painted[0].images == (oracle(pipeline, image=photo, mask_image=mask, width=32, height=32),)
    assert look[0].history[0].report["checkpoint"] == str(tiny_inpaint_checkpoint)


@pytest.mark.parametrize("task", ["text2img", "img2img", "inpaint"])
def test_picture_k_of_a_batch_equals_the_picture_of_its_own_seed(make_chain, task):
    photo = picture(32, 48)
    inputs = {
        "text2img": {"width": 32, "height": 48},
        "img2img": {"image": photo, "strength": 0.7},
        "inpaint": {"image": photo, "layers": {"mask": box_mask(photo.size, (3, 3, 20, 20))}},
    }[task]
    batch = run(make_chain(), num_images=3, **inputs)
    for k in range(3):
        assert batch.images[k] == run(make_chain(), seed=7 + k, **inputs).image
    assert len({image.tobytes() for image in batch.images}) == 3


@pytest.mark.parametrize(
    "scheduler", ["EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler", "PNDMScheduler"]
)
def test_schedulers_can_be_chosen_and_keep_batches_exact(make_chain, scheduler):
    chain = make_chain(scheduler=scheduler)
    batch = run(chain, num_images=2, width=32, height=48)
    assert batch.images[1] == run(chain, seed=8, width=32, height=48).image
    assert batch[0].history[0].report["scheduler"] == scheduler


@pytest.mark.parametrize("size", [(33, 50), (31, 7), (1, 1)])
def test_sizes_that_are_no_multiple_of_8_come_back_at_their_own_size(make_chain, size):
    width, height = size
    assert run(make_chain(), width=width, height=height).image.size == size
    photo = picture(width, height)
    assert run(make_chain(), image=photo).image.size == size
    mask = box_mask(size, (0, 0, max(1, width // 2), max(1, height // 2)))
    look = run(make_chain(), image=photo, layers={"mask": mask})
    outside = ImageChops.multiply(ImageChops.difference(look.image, photo), ImageChops.invert(mask).convert("RGB"))
    assert look.image.size == size
    assert outside.getbbox() is None


@pytest.mark.parametrize("size", [(501, 700), (1, 900), (4, 4)])
def test_images_far_from_the_native_area_are_painted_near_it_and_come_back(make_chain, size, monkeypatch):
    painted = []
    paint = Diffusion.paint
    monkeypatch.setattr(Diffusion, "paint", lambda self, job, step: painted.append(job) or paint(self, job, step))
    photo = picture(*size)
    mask = box_mask(size, (0, 0, size[0] // 2 + 1, size[1] // 2))
    look = run(make_chain(), image=photo, layers={"mask": mask})
    assert look.image.size == size
    assert painted[0].width * painted[0].height < 4 * 32 * 32 + 8 * 8 * (size[0] + size[1])
    changed = np.asarray(look.image) != np.asarray(photo)
    assert not changed[np.asarray(mask) == 0].any()
    assert changed.any()


def test_width_and_height_resize_the_image(make_chain):
    photo = picture(30, 60)
    assert run(make_chain(), image=photo, width=16).image.size == (16, 32)
    assert run(make_chain(), image=photo, height=30).image.size == (15, 30)
    assert run(make_chain(), image=photo, width=40, height=40).image.size == (40, 40)


def test_an_image_without_prompt_or_strength_is_untouched_and_loads_no_model(photo):
    chain = igo.Chain(igo.TextToImage("no/such-checkpoint"))
    assert chain.run(image=photo).image == photo
    assert chain.run("a coat", image=photo, strength=0).image == photo
    assert len(chain.run(image=photo, num_images=2)) == 2


def test_too_little_strength_for_the_steps_is_refused(make_chain, photo):
    with pytest.raises(
        SettingsError, match=r"strength 0.1 of 4 steps leaves nothing to paint; use at least 0.25, or 0"
    ):
        run(make_chain(), image=photo, strength=0.1)


def test_no_token_of_a_long_prompt_is_lost_in_silence(make_chain):
    look = run(make_chain(), "a red hoodie, " * 30 + "street", width=32, height=48)
    assert look.image != run(make_chain(), "a red hoodie, " * 30 + "house", width=32, height=48).image
    assert look[0].history[0].report["tokens"] == {"prompt": [75, 46], "negative_prompt": [4]}
    dropped = run(make_chain(emphasis="off"), "a red hoodie, " * 30, width=32, height=48)[0].history[0].report["tokens"]
    assert dropped["dropped"] == 45


def test_a_preset_is_applied_and_can_be_turned_off(make_chain, tiny_checkpoint, tmp_path):
    named = tmp_path / "my-musinsaigo-1.0"
    named.symlink_to(tiny_checkpoint)
    defaults = {"width": 32, "height": 48, "num_inference_steps": 2, "guidance_scale": 5, "seed": 1}
    history = igo.Chain(igo.TextToImage(str(named))).run("a coat", **defaults)[0].history[0].report
    assert history["prompt"].startswith("RAW photo, a coat, (high detailed skin:1.2), 8k uhd")
    assert history["negative_prompt"].startswith("(deformed iris, ")
    off = igo.Chain(igo.TextToImage(str(named), preset="none")).run("a coat", **defaults)[0].history[0].report
    assert (off["prompt"], off["negative_prompt"]) == ("a coat", "")
    assert run(make_chain(preset="musinsaigo"), "a coat")[0].history[0].report["prompt"].startswith("RAW photo")


def test_known_checkpoints_bring_their_defaults(make_chain, tiny_checkpoint, tmp_path, monkeypatch):
    assert make_chain().run("a", num_inference_steps=2, seed=1).image.size == (32, 32)
    jobs = []

    def paint(self, job, on_step):
        jobs.append(job)
        return Painted((Image.new("RGB", (job.width, job.height)),), {})

    monkeypatch.setattr(Diffusion, "paint", paint)
    named = tmp_path / "musinsaigo"
    named.symlink_to(tiny_checkpoint)
    assert igo.Chain(igo.TextToImage(str(named))).run("a", seed=1).image.size == (512, 768)
    assert (jobs[0].num_inference_steps, jobs[0].guidance_scale) == (50, 7.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"emphasis": "strong"}, "emphasis is 'strong'; "),
        ({"safety": "of"}, "safety is 'of'; "),
        ({"memory": "fulll"}, "memory is 'fulll'; did you mean 'full'"),
        ({"preset": "musinsa"}, "there is no preset 'musinsa'; did you mean 'musinsaigo'"),
        ({"clip_skip": -1}, "clip_skip is -1"),
        ({"feather": -0.5}, "feather is -0.5"),
    ],
)
def test_bad_settings_are_refused_when_the_step_is_made(settings, message):
    with pytest.raises(SettingsError, match=f"^{message}"):
        igo.TextToImage(**settings)


def test_clip_skip_changes_the_picture_and_too_much_is_refused(make_chain):
    assert run(make_chain(clip_skip=1)).image != run(make_chain()).image
    with pytest.raises(SettingsError, match="clip_skip is 3; expected a whole number of 0 to 2"):
        run(make_chain(clip_skip=3))


def test_progress_is_told_in_denoising_steps(make_chain):
    heard = []

    class Hears:
        @igo.hookimpl
        def observe(self, event):
            if event.kind == "progress":
                heard.append((event.step, event.done, event.total))

    run(make_chain(), observers=[Hears()])
    assert heard == [("text-to-image", done, STEPS) for done in range(1, STEPS + 1)]


def test_pipelines_are_shared_by_chains_with_the_same_settings(make_chain, runtime, monkeypatch):
    run(make_chain())
    monkeypatch.setattr("igo.painting.checkpoints.checkpoint.load", None)
    run(make_chain(feather=1.0, safety="keep"))


@pytest.mark.parametrize("flagging", [True, False])
def test_the_safety_checkers_verdict_is_data_and_never_a_black_picture(tmp_path, flagging):
    folder = tiny.save_checkpoint(tmp_path / "checked", tmp_path / "tokenizer", flagging=flagging)
    settings = {"seed": 1, "num_inference_steps": 2, "num_images": 2}
    kept = igo.Chain(igo.TextToImage(str(folder), safety="keep")).run("a", **settings)
    assert [frame.nsfw_content_detected for frame in kept] == [flagging] * 2
    assert kept.image.getextrema() != ((0, 0),) * 3
    blurred = igo.Chain(igo.TextToImage(str(folder))).run("a", **settings)
    assert (blurred.image == kept.image) is not flagging
    assert [frame.nsfw_content_detected for frame in blurred] == [flagging] * 2
    refusing = igo.Chain(igo.TextToImage(str(folder), safety="refuse"))
    if flagging:
        with pytest.raises(UnsafeContentError, match="flagged the picture of seed 1; try another prompt or seed"):
            refusing.run("a", **settings)
    else:
        refusing.run("a", **settings)


def test_without_a_checker_there_is_no_verdict(make_chain):
    assert run(make_chain())[0].nsfw_content_detected is None


class Overflows(torch.nn.Module):
    """A decoder whose result is beyond half precision."""

    def __init__(self, factor):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, latents, *_):
        return (latents.mean() * 0 + 60_000) * self.weight / 120_000


@pytest.mark.parametrize(("factor", "finite"), [(2.0, True), (float("inf"), False)])
def test_an_overflow_of_the_vae_is_redone_in_fp32_or_reported(tiny_checkpoint, factor, finite):
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint)
    pipeline.vae.decoder = Overflows(factor).half()
    diffusion = Diffusion(pipeline, torch.device("cpu"))
    latents = torch.zeros(1, 4, 2, 2, dtype=torch.float16)
    if finite:
        assert diffusion.pipeline.vae.decoder(latents).item() == 1.0
        assert pipeline.vae.decoder.weight.dtype == torch.float16
    else:
        with pytest.raises(OverflowInVAEError, match="the VAE gave no finite pixels, in fp32 too"):
            diffusion.pipeline.vae.decoder(latents)
    with pytest.raises(OverflowInVAEError, match="the denoiser gave no finite latents"):
        diffusion.pipeline.vae.decoder(latents * float("nan"))


def test_what_the_vae_has_encoded_is_remembered_and_generators_draw_as_ever(tiny_checkpoint, monkeypatch):
    photo, mask = picture(64, 96), box_mask((64, 96), (8, 8, 40, 40))
    prompts = ("a red hoodie", "a blue coat")

    def painted(chain, prompt, **settings):
        return run(chain, prompt, image=photo, layers={"mask": mask}, **settings).images

    def chain():
        return igo.Chain(igo.TextToImage(str(tiny_checkpoint)), runtime=igo.Runtime("cpu", "float32"))

    alone = [painted(chain(), prompt)[0] for prompt in prompts]
    encoded, encode = [], AutoencoderKL._encode
    monkeypatch.setattr(AutoencoderKL, "_encode", lambda self, pixels: encoded.append(1) or encode(self, pixels))
    together = chain()
    assert [painted(together, prompt)[0] for prompt in prompts] == alone
    assert painted(together, prompts[0], num_images=2)[0] == alone[0]
    painted(together, prompts[0], seed=8)
    assert len(encoded) == 2  # the picture, and the picture without the zone
    run(together, image=picture(64, 96, seed=1), layers={"mask": mask})
    assert len(encoded) == 4


def test_an_encoding_is_not_remembered_beyond_a_change_of_weights_or_tiling(tiny_checkpoint):
    vae = Diffusion(StableDiffusionPipeline.from_pretrained(tiny_checkpoint), torch.device("cpu")).pipeline.vae
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        first = vae.encode(pixels).latent_dist
        assert vae.encode(pixels.clone()).latent_dist is first
        vae.enable_tiling()
        assert vae.encode(pixels).latent_dist is not first
        vae.disable_tiling()
        next(vae.encoder.parameters()).mul_(2)
        assert not torch.equal(vae.encode(pixels).latent_dist.mean, first.mean)
    assert vae.encode(pixels).latent_dist is not vae.encode(pixels).latent_dist  # with gradients


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(),
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you ..."
        ),
    ],
)
def test_memory_is_saved_step_by_step_when_it_runs_out(tiny_checkpoint, monkeypatch, error):
    diffusion = Diffusion(StableDiffusionPipeline.from_pretrained(tiny_checkpoint), torch.device("cpu"))
    job = Job("a", "", 32, 32, 2, 5.0, (1,))
    expected, call = diffusion.paint(job), Diffusion._call
    tries = []

    def scarce(self, batch, on_step):
        tries.append(self.memory.mode)
        if self.memory.mode == "full":
            raise error
        return call(self, batch, on_step)

    monkeypatch.setattr(Diffusion, "_call", scarce)
    again = diffusion.paint(job)
    assert tries == ["full", "slicing"]
    assert_equal_but_for_rounding(again.images, expected.images)

    def scarcer(self, batch, on_step):
        raise error

    monkeypatch.setattr(Diffusion, "_call", scarcer)
    with pytest.raises(CheckpointError, match=r"out of memory on cpu for a single picture; ask for a smaller one$"):
        diffusion.paint(job)


def test_errors_that_are_not_about_memory_stay_what_they_are(tiny_checkpoint, monkeypatch):
    diffusion = Diffusion(StableDiffusionPipeline.from_pretrained(tiny_checkpoint), torch.device("cpu"))

    def fails(self, batch, on_step):
        raise RuntimeError("The size of tensor a (3) must match")

    monkeypatch.setattr(Diffusion, "_call", fails)
    with pytest.raises(RuntimeError, match="must match"):
        diffusion.paint(Job("a", "", 32, 32, 2, 5.0, (1,)))


def assert_equal_but_for_rounding(images, others):
    for image, other in zip(images, others, strict=True):
        assert all(high <= 1 for _, high in ImageChops.difference(image, other).getextrema())


@pytest.mark.parametrize("task", ["text2img", "img2img", "inpaint"])
def test_pictures_of_a_batch_are_those_made_alone(tiny_checkpoint, task):
    """As on a GPU, where a batch is one call of the pipeline."""
    diffusion = Diffusion(StableDiffusionPipeline.from_pretrained(tiny_checkpoint), torch.device("cpu"))
    job = Job("a red hoodie", NEGATIVE, 32, 48, 4, 5.0, (5, 6, 7))
    if task != "text2img":
        job = replace(job, image=picture(32, 48), strength=0.5)
    if task == "inpaint":
        job = replace(job, mask=box_mask((32, 48), (8, 8, 24, 40)))
    alone = [image for seed in job.seeds for image in diffusion.paint(replace(job, seeds=(seed,))).images]
    told = []
    diffusion.memory.at_once = 2
    batch = diffusion.paint(job, lambda done, total, _preview: told.append((done, total)))
    assert_equal_but_for_rounding(batch.images, alone)
    steps = 4 if task == "text2img" else 2
    in_two, left = range(2, 2 * steps + 1, 2), range(2 * steps + 1, 3 * steps + 1)
    assert told == [(done, 3 * steps) for done in (*in_two, *left)]


def test_a_batch_is_halved_before_memory_is_saved(tiny_checkpoint, monkeypatch):
    diffusion = Diffusion(StableDiffusionPipeline.from_pretrained(tiny_checkpoint), torch.device("cpu"))
    job = Job("a", "", 32, 32, 2, 5.0, (1, 2, 3, 4, 5))
    expected, call, tries = diffusion.paint(job), Diffusion._call, []

    def scarce(self, batch, on_step):
        tries.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError
        return call(self, batch, on_step)

    monkeypatch.setattr(Diffusion, "_call", scarce)
    diffusion.memory.at_once = 100
    assert_equal_but_for_rounding(diffusion.paint(job).images, expected.images)
    assert tries == [5, 2, 2, 1]
    assert diffusion.memory.mode == "full"
    diffusion.paint(job)
    assert tries == [5, 2, 2, 1, 2, 2, 1], "what fits is remembered"


@pytest.fixture(scope="module")
def xl(tmp_path_factory):
    """A folder with a Stable Diffusion XL in small."""
    folder = tmp_path_factory.mktemp("xl")
    tiny.make_xl_pipeline(folder / "tokenizer").save_pretrained(folder / "checkpoint")
    return folder / "checkpoint"


@pytest.mark.parametrize("negative_prompt", ["", "blurry"])
@pytest.mark.parametrize("task", ["text2img", "img2img"])
def test_sdxl_goes_through_the_same_door(xl, task, negative_prompt):
    import diffusers

    photo = picture(32, 48)
    mine, theirs = {
        "text2img": ({"width": 32, "height": 48}, {"width": 32, "height": 48}),
        "img2img": ({"image": photo, "strength": 0.7}, {"image": photo, "strength": 0.7}),
    }[task]
    auto = {"text2img": diffusers.AutoPipelineForText2Image, "img2img": diffusers.AutoPipelineForImage2Image}[task]
    pipeline = auto.from_pretrained(xl, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    look = run(igo.Chain(igo.TextToImage(str(xl))), "a red hoodie", negative_prompt=negative_prompt, **mine)
    call = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "negative_prompt": negative_prompt or None}
    generator = torch.Generator("cpu").manual_seed(7)
    assert look.image == pipeline("a red hoodie", generator=generator, **call, **theirs).images[0]


def test_modes_that_move_weights_are_refused_on_the_cpu(make_chain):
    with pytest.raises(SettingsError, match="memory='sequential' moves weights off a GPU; on the CPU use 'slicing'"):
        run(make_chain(memory="sequential"))


def test_an_empty_mask_is_a_typed_error(make_chain, photo):
    with pytest.raises(MaskError, match="the mask is empty") as caught:
        run(make_chain(), image=photo, layers={"mask": Image.new("L", photo.size)})
    assert caught.value.area == 0


def test_a_checkpoint_for_masks_alone_says_so(tiny_inpaint_checkpoint):
    with pytest.raises(CheckpointError, match=r"the checkpoint has 9 channels, .* give it as inpaint_checkpoint="):
        igo.Chain(igo.TextToImage(str(tiny_inpaint_checkpoint))).run("a", num_inference_steps=2)


def test_the_records_models_are_those_of_the_run(make_chain, tiny_checkpoint, tiny_inpaint_checkpoint):
    assert list(run(make_chain()).models) == [str(tiny_checkpoint)]
    other = make_chain(inpaint_checkpoint=str(tiny_inpaint_checkpoint))
    inside = run(other, image=picture(32, 32), layers={"mask": box_mask((32, 32), (8, 8, 24, 24))})
    assert list(inside.models) == [str(tiny_inpaint_checkpoint)]
    assert list(run(make_chain()).models) == [str(tiny_checkpoint)]  # loaded before, and put on record again


def test_threads_may_share_a_chain(make_chain):
    chain = make_chain(scheduler="PNDMScheduler")
    alone = [run(chain, seed=seed).image for seed in (1, 2, 3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda seed: run(chain, seed=seed).image, (1, 2, 3)))
    assert together == alone


def test_families_that_igo_does_not_encode_get_their_prompts_as_text(tiny_checkpoint, monkeypatch):
    diffusion = Diffusion(StableDiffusionPipeline.from_pretrained(tiny_checkpoint), torch.device("cpu"))
    monkeypatch.setattr("igo.painting.diffusion.supports", lambda pipeline: False)
    job = Job("a red hoodie", "blurry", 32, 32, 2, 5.0, (1,))
    assert diffusion.encode(job)[0] == {"prompt": "a red hoodie", "negative_prompt": "blurry"}
    assert diffusion.paint(job).images[0].size == (32, 32)
