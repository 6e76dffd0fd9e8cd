"""Schedulers by name, with options, against plain diffusers; and that none remembers what ran before."""

import subprocess
import sys

import diffusers
import pytest
import torch
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers
from PIL import Image

import igo
from igo.errors import SettingsError
from igo.painting import samplers, schedulers
from igo.painting.diffusion import Diffusion
from igo.painting.job import Job
from igo.records import provenance

PROMPT, SIZE, STEPS = "a red hoodie", (32, 32), 4
HERE = [name for name in samplers.NOISE if schedulers.find_spec(samplers.NEEDS.get(name, "torch"))]


pytestmark = [
    # diffusers gives tensors to numpy's functions
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def loaded(tiny_checkpoint):
    return diffusers.StableDiffusionPipeline.from_pretrained(tiny_checkpoint)


@pytest.fixture(scope="module")
def bare(loaded):
    """A pipeline whose scheduler's configuration says nothing but its betas."""
    pipeline = diffusers.StableDiffusionPipeline(**loaded.components, requires_safety_checker=False)
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    pipeline.scheduler = diffusers.EulerDiscreteScheduler(**betas)
    return pipeline


def with_scheduler(pipeline, name, **options):
    with schedulers.silently():  # the configuration is bare on purpose
        made = diffusers.StableDiffusionPipeline(**pipeline.components, requires_safety_checker=False)
        made.scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config)
    made.set_progress_bar_config(disable=True)
    schedulers.set_scheduler(made, samplers.choose(name, options))
    return made


def job(task="text2img", **settings):
    photo = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    mask = Image.new("L", SIZE)
    mask.paste(255, (4, 4, 20, 28))
    inputs = {"text2img": {}, "img2img": {"image": photo, "strength": 0.7}, "inpaint": {"image": photo, "mask": mask}}
    return Job(PROMPT, "", *SIZE, STEPS, 5.0, (7,), **{**inputs[task], **settings})


@pytest.mark.parametrize("name", [None, *HERE])
def test_a_request_has_the_same_bytes_whatever_ran_before(bare, name):
    diffusion = Diffusion(with_scheduler(bare, name), torch.device("cpu"))
    first = diffusion.paint(job()).images
    if name == "IPNDMScheduler":
        with pytest.raises(SettingsError, match=r"IPNDMScheduler can't be used by .*Img2ImgPipeline \(.*'add_noise'\)"):
            diffusion.paint(job("img2img"))
    else:
        diffusion.paint(job("img2img"))
    assert diffusion.paint(job()).images == first


@pytest.mark.parametrize("name", ["DDIMScheduler", "DDPMScheduler", "PNDMScheduler"])
def test_the_order_of_tasks_changes_none_of_them(bare, name):
    tasks = ("text2img", "img2img", "inpaint")
    alone = {task: Diffusion(with_scheduler(bare, name), torch.device("cpu")).paint(job(task)).images for task in tasks}
    diffusion = Diffusion(with_scheduler(bare, name), torch.device("cpu"))
    for task in (*reversed(tasks), "img2img"):
        assert diffusion.paint(job(task)).images == alone[task], task


@pytest.mark.parametrize("name", ["DDIMScheduler", "DDPMScheduler", "PNDMScheduler"])
def test_a_scheduler_is_what_the_pipeline_would_have_been_loaded_with(bare, name):
    """Whose constructor knows that latents aren't clipped, and where their steps begin."""
    made = with_scheduler(bare, name).scheduler
    assert made.config.get("clip_sample", False) is False
    assert made.config.steps_offset == 1
    assert with_scheduler(bare, "DDIM", clip_sample=True).scheduler.config.clip_sample is True


@pytest.mark.parametrize(
    ("name", "task"),
    [*((name, "text2img") for name in HERE), ("DDIMScheduler", "inpaint"), ("PNDMScheduler", "inpaint")],
)
def test_schedulers_paint_what_plain_diffusers_paints(loaded, name, task):
    kind = {"text2img": diffusers.StableDiffusionPipeline, "inpaint": diffusers.StableDiffusionInpaintPipeline}[task]
    wanted, given = job(task), {}
    if task == "inpaint":
        given = {"image": wanted.image, "mask_image": wanted.mask, "strength": 1.0}
    scheduler = getattr(diffusers, name).from_config(loaded.scheduler.config)
    with schedulers.silently():
        plain = kind(**{**loaded.components, "scheduler": scheduler}, requires_safety_checker=False)
    plain.set_progress_bar_config(disable=True)
    settings = {"num_inference_steps": STEPS, "guidance_scale": 5.0, "width": 32, "height": 32}
    expected = plain(PROMPT, generator=torch.Generator("cpu").manual_seed(7), **settings, **given).images[0]
    diffusion = Diffusion(with_scheduler(loaded, name), torch.device("cpu"))
    assert diffusion.paint(wanted).images == (expected,)


def test_every_scheduler_that_diffusers_counts_among_its_own_is_listed():
    assert {one.name for one in KarrasDiffusionSchedulers} <= set(samplers.NOISE)
    assert all(hasattr(diffusers, name) for name in (*samplers.NOISE, *samplers.FLOW))


@pytest.mark.parametrize(
    ("name", "cls", "options"),
    [
        (
            "DPM++ 2M Karras",
            "DPMSolverMultistepScheduler",
            {"use_karras_sigmas": True, "algorithm_type": "dpmsolver++"},
        ),
        ("dpmpp_2m karras", "DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
        ("DPM++ 2M SDE Karras", "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
        ("dpmpp_2m_sde_gpu", "DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
        ("Euler a", "EulerAncestralDiscreteScheduler", {}),
        ("euler_ancestral", "EulerAncestralDiscreteScheduler", {}),
        ("euler", "EulerDiscreteScheduler", {"use_karras_sigmas": False}),
        ("EULER SGM uniform", "EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
        ("k_euler", "EulerDiscreteScheduler", {}),
        ("DDIM", "DDIMScheduler", {}),
        ("uni_pc", "UniPCMultistepScheduler", {}),
        ("LCM", "LCMScheduler", {}),
        ("plms", "PNDMScheduler", {"skip_prk_steps": True}),
        ("dpm_2_ancestral", "KDPM2AncestralDiscreteScheduler", {}),
        ("HeunDiscrete", "HeunDiscreteScheduler", {}),
        ("tcdscheduler", "TCDScheduler", {}),
    ],
)
def test_names_that_people_use(bare, name, cls, options):
    made = with_scheduler(bare, name).scheduler
    assert type(made).__name__ == cls
    assert {key: made.config[key] for key in options} == options


def test_a_schedule_type_in_a_name_replaces_the_checkpoints_own(bare):
    pipeline = with_scheduler(bare, "Euler Karras")
    assert with_scheduler(pipeline, "DPM++ 2M").scheduler.config.use_karras_sigmas is True
    made = with_scheduler(pipeline, "DPM++ 2M Exponential").scheduler.config
    assert (made.use_karras_sigmas, made.use_exponential_sigmas) == (False, True)
    assert with_scheduler(pipeline, "DPM++ 2M", use_exponential_sigmas=True).scheduler.config.use_karras_sigmas is False


def test_options_without_a_name_go_to_the_checkpoints_own_scheduler(bare):
    made = with_scheduler(bare, None, timestep_spacing="trailing").scheduler
    assert (type(made).__name__, made.config.timestep_spacing) == ("EulerDiscreteScheduler", "trailing")
    with pytest.raises(SettingsError, match="EulerDiscreteScheduler has no option 'solver_order'"):
        with_scheduler(bare, None, solver_order=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"scheduler": "DPM++ 2M Karas"},
            r"there is no scheduler 'DPM\+\+ 2M Karas'; did you mean 'DPM\+\+ 2M Karras'\?",
        ),
        ({"scheduler": "Eulr a"}, "there is no scheduler 'Eulr a'; did you mean 'Euler a'"),
        ({"scheduler": "what"}, "there is no scheduler 'what'; choose one of: Euler, Euler a, "),
        ({"scheduler": "DDIM Karras"}, "DDIMScheduler has no schedule type Karras"),
        (
            {"scheduler": "Euler", "scheduler_config": {"use_karas_sigmas": True}},
            "EulerDiscreteScheduler has no option 'use_karas_sigmas'; did you mean 'use_karras_sigmas'",
        ),
        (
            {"scheduler": "Euler", "scheduler_config": {"use_karras_sigmas": "yes"}},
            "the scheduler's use_karras_sigmas is 'yes'; expected a valid boolean",
        ),
        (
            {"scheduler": "Euler", "scheduler_config": {"timestep_spacing": "even"}},
            "the scheduler's timestep_spacing is 'even'; expected 'linspace', 'leading' or 'trailing'",
        ),
        ({"scheduler_config": {"timesteps": 3}}, "no scheduler has an option 'timesteps'; did you mean 'timestep_"),
        (
            {"scheduler": "Euler", "scheduler_config": {"use_karras_sigmas": True, "use_beta_sigmas": True}},
            "use_karras_sigmas and use_beta_sigmas exclude each other",
        ),
    ],
)
def test_what_is_wrong_is_refused_when_the_step_is_made(settings, message):
    with pytest.raises(SettingsError, match=message):
        igo.TextToImage(**settings)


def test_names_and_options_are_checked_without_importing_what_paints():
    lines = (
        "import sys, igo; igo.TextToImage(scheduler='Euler a', scheduler_config={'timestep_spacing': 'trailing'})",
        "assert not {'torch', 'diffusers'} & set(sys.modules)",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


def test_a_scheduler_for_another_kind_of_model_is_refused(bare):
    with pytest.raises(SettingsError, match=r"FlowMatchEulerDiscreteScheduler can't be used .* which predicts noise"):
        with_scheduler(bare, "FlowMatchEulerDiscreteScheduler")


def test_it_is_refused_before_weights_are_read(tiny_checkpoint, monkeypatch):
    monkeypatch.setattr(
        "igo.painting.checkpoints.checkpoint.load_pipeline", lambda *_: pytest.fail("weights were read")
    )
    for name, options in (("FlowMatchEulerDiscreteScheduler", {}), (None, {"use_karras_sigmas": True})):
        base = igo.TextToImage(str(tiny_checkpoint), scheduler=name, scheduler_config=options)
        with pytest.raises(SettingsError, match=r"which predicts noise|DDIMScheduler has no option"):
            igo.Chain(base).run("a", seed=1)


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(schedulers, "find_spec", lambda name: None)
    for choice in (samplers.Choice("DPMSolverSDEScheduler"), samplers.Choice(None, {"use_beta_sigmas": True})):
        with pytest.raises(SettingsError, match=r"needs the package (torchsde|scipy); pip install"):
            schedulers.check(choice)


def test_options_that_diffusers_refuses_are_one_line(bare):
    choice = samplers.choose("DPM++ 2M", {"beta_schedule": "spiral"})
    with pytest.raises(SettingsError, match=r"^DPMSolverMultistepScheduler can't be made: spiral is not implemented"):
        schedulers.check(choice)


def test_options_are_settings_of_a_chain_file(tiny_checkpoint):
    base = igo.TextToImage(str(tiny_checkpoint), scheduler="Euler", scheduler_config={"use_karras_sigmas": True})
    chain = igo.Chain(base)
    again = igo.chains.config.parse_chain(chain.to_toml()).chain
    assert again.describe() == chain.describe()
    look = again.run("a", seed=1, num_inference_steps=2)
    assert look[0].history[0].report["sampler"] == "Euler"
    assert "Sampler: Euler, Schedule type: Karras, CFG scale" in provenance.parameters(look.request, look[0])
    assert hash(base) == hash(igo.TextToImage(str(tiny_checkpoint), scheduler="Euler"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DPM++ 2M Karras", ("DPM++ 2M", "Karras")),
        ("DPM++ 2M SDE", ("DPM++ 2M SDE", "Uniform")),
        ("Euler SGM Uniform", ("Euler", "SGM Uniform")),
        ("Euler a", ("Euler a", None)),
        ("DDIM", ("DDIM", None)),
        ("PLMS", ("PLMS", None)),
        ("EDMEulerScheduler", ("EDMEulerScheduler", None)),
    ],
)
def test_a_scheduler_is_told_as_the_web_ui_calls_it(bare, name, expected):
    assert samplers.spoken(with_scheduler(bare, name).scheduler) == expected
