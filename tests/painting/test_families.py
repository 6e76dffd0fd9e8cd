"""Families beside Stable Diffusion 1.5 and XL: what their pipelines are given, and what is said of the rest."""

import pytest
import torch
from PIL import Image

import igo
from igo.errors import SettingsError
from igo.painting import families, samplers, schedulers
from igo.painting.diffusion import Diffusion
from igo.painting.job import Job
from tests.builders import tiny
from tests.builders.families import FAMILIES, make_flux

SIZE = (32, 32)
TEXT = "a red hoodie"


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory):
    """Each family's pipeline, made when it is asked for."""
    made = {}

    def make(family):
        if family not in made:
            made[family] = FAMILIES[family](tmp_path_factory.mktemp(family))
        return made[family]

    return make


@pytest.fixture
def asked(monkeypatch):
    """What pipelines were called with."""
    calls = []

    def watch(pipeline):
        call = type(pipeline).__call__

        def told(self, *given, **named):
            calls.append(named)
            return call(self, *given, **named)

        told.__wrapped__ = call  # whose signature it has
        monkeypatch.setattr(type(pipeline), "__call__", told)
        return calls

    return watch


def paint(pipeline, prompt=TEXT, negative_prompt="", guidance=4.0, **settings):
    job = Job(prompt, negative_prompt, *SIZE, 2, guidance, (7,), **settings)
    return Diffusion(pipeline, torch.device("cpu")).paint(job)


def plain(pipeline, prompt=TEXT, **settings):
    generator = torch.Generator("cpu").manual_seed(7)
    given = {"width": 32, "height": 32, "num_inference_steps": 2, "generator": generator}
    return pipeline(prompt, **{**given, **settings}).images[0]


GUIDED = {
    "flux": {"guidance_scale": 4.0},
    "sd3": {"guidance_scale": 4.0},
    "qwen-image": {"true_cfg_scale": 4.0, "negative_prompt": " "},
    "z-image": {"guidance_scale": 4.0},
    "pixart": {"guidance_scale": 4.0},
    "sana": {"guidance_scale": 4.0},
    "lcm": {"guidance_scale": 4.0},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_request_is_what_plain_diffusers_paints(pipelines, family):
    pipeline = pipelines(family)
    assert paint(pipeline).images == (plain(pipeline, **GUIDED[family]),)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_guidance_has_a_part_in_the_picture(pipelines, family):
    assert paint(pipelines(family), guidance=2.0).images != paint(pipelines(family), guidance=9.0).images


@pytest.mark.parametrize("family", FAMILIES)
def test_a_negative_prompt_has_a_part_in_the_picture_or_a_note(pipelines, family):
    without, told = paint(pipelines(family)), paint(pipelines(family), negative_prompt="blue jeans")
    acted = without.images != told.images
    assert acted is (family not in ("flux", "lcm"))
    assert told.report["negative_prompt"] == ("blue jeans" if acted else "")
    assert told.report.get("note", "") == (
        "" if acted else f"the negative prompt does nothing with {kind(pipelines(family))}"
    )


def kind(pipeline):
    return type(pipeline).__name__


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"lcm"}))
def test_weights_never_reach_a_model_that_reads_them_as_words(pipelines, family, asked):
    pipeline = pipelines(family)
    calls = asked(pipeline)
    painted = paint(pipeline, "a (red hoodie:1.2) BREAK in the [street]", "(blue:1.3) jeans")
    assert calls[0]["prompt"] == ["a red hoodie in the street"]
    assert calls[0].get("negative_prompt", ["blue jeans"]) == ["blue jeans"]
    assert painted.images == paint(pipeline, "a red hoodie in the street", "blue jeans").images
    assert "weights such as (red hoodie:1.2) do nothing" in painted.report["note"]
    assert painted.report["prompt"] == "a red hoodie in the street"
    assert not {"emphasis", "clip_skip", "tokens"} & painted.report.keys()


def test_text_as_it_is_stays_as_it_is(pipelines, asked):
    calls = asked(pipelines("flux"))
    painted = paint(pipelines("flux"), "a (red hoodie:1.2)", emphasis="off")
    assert calls[0]["prompt"] == ["a (red hoodie:1.2)"]
    assert "note" not in painted.report


def test_flux_that_is_told_no_guidance_is_guided_by_true_cfg(tmp_path, asked):
    pipeline = make_flux(tmp_path, guidance_embeds=False)
    without, told = paint(pipeline), paint(pipeline, negative_prompt="blue jeans")
    assert without.images != told.images
    assert told.images == (plain(pipeline, true_cfg_scale=4.0, negative_prompt="blue jeans"),)
    calls = asked(pipeline)
    few = paint(pipeline, negative_prompt="blue jeans", guidance=0.0)
    assert "negative_prompt" not in calls[0]
    assert few.report["note"] == "the negative prompt does nothing at a guidance of 0"


def test_a_negative_prompt_without_guidance_is_noted(tmp_path):
    pipeline = tiny.make_pipeline(tmp_path)
    assert paint(pipeline, negative_prompt="blue", guidance=1.0).report["note"] == (
        "the negative prompt does nothing at a guidance of 1"
    )
    assert "note" not in paint(pipeline, negative_prompt="blue").report


def test_clip_skip_that_does_nothing_is_noted(pipelines):
    assert "clip_skip does nothing with FluxPipeline" in paint(pipelines("flux"), clip_skip=1).report["note"]


def test_a_strength_that_does_nothing_is_noted_where_it_was_asked_for(tmp_path):
    pipeline = make_flux(tmp_path, kind="FluxKontextPipeline")
    job = Job(TEXT, "", *SIZE, 2, 4.0, (7,), image=Image.new("RGB", SIZE), strength=0.5)
    assert families.unheard(pipeline, job) == []
    asked_for = Job(**{**vars(job), "explicit": ("strength",)})
    assert families.unheard(pipeline, asked_for) == [
        "the strength does nothing with FluxKontextPipeline, which changes what its prompt says"
    ]


@pytest.mark.parametrize("family", ["flux", "sd3", "qwen-image", "z-image", "lcm"])
def test_pictures_are_changed_too(pipelines, family):
    photo = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    painted = paint(pipelines(family), image=photo, strength=0.6)
    assert painted.images[0].size == SIZE
    assert painted.report["strength"] == 0.6


@pytest.mark.parametrize(
    ("family", "name", "cls"),
    [
        ("flux", "Euler", "FlowMatchEulerDiscreteScheduler"),
        ("sd3", "heun", "FlowMatchHeunDiscreteScheduler"),
        ("qwen-image", "euler simple", "FlowMatchEulerDiscreteScheduler"),
        ("flux", "DPM++ 2M", "DPMSolverMultistepScheduler"),
        ("sana", "UniPC", "UniPCMultistepScheduler"),
        ("z-image", "LCM", "FlowMatchLCMScheduler"),
        ("pixart", "Euler a", "EulerAncestralDiscreteScheduler"),
    ],
)
def test_names_of_schedulers_mean_what_fits_the_family(tmp_path, family, name, cls):
    pipeline = FAMILIES[family](tmp_path)
    schedulers.set_scheduler(pipeline, samplers.choose(name, {}))
    painted = paint(pipeline)
    assert painted.report["scheduler"] == cls
    assert any(low < high for low, high in painted.images[0].getextrema())


@pytest.mark.parametrize(
    ("family", "name", "message"),
    [
        (
            "flux",
            "Euler a",
            "EulerAncestralDiscreteScheduler can't be used with this checkpoint, which predicts a",
        ),
        ("sd3", "DPM++ 2M Karras", "DPMSolverMultistepScheduler takes no use_karras_sigmas with this checkpoint"),
    ],
)
def test_schedulers_for_another_kind_of_model_are_refused(pipelines, family, name, message):
    with pytest.raises(SettingsError, match=message):
        schedulers.set_scheduler(pipelines(family), samplers.choose(name, {}))


@pytest.mark.parametrize(("family", "name"), [("flux", "heun"), ("qwen-image", "DPM++ 2M"), ("lcm", "Euler")])
def test_what_a_pipeline_cant_do_with_a_scheduler_is_told_as_that(tmp_path, family, name):
    pipeline = FAMILIES[family](tmp_path)
    schedulers.set_scheduler(pipeline, samplers.choose(name, {}))
    with pytest.raises(SettingsError, match=r"Scheduler can't be used by \w+Pipeline \(.*\); choose another scheduler"):
        paint(pipeline)


def test_a_family_without_a_task_says_so(pipelines):
    with pytest.raises(
        igo.errors.CheckpointError, match="a SanaPipeline can't paint from a picture, only from text alone"
    ):
        paint(pipelines("sana"), image=Image.new("RGB", SIZE))


@pytest.mark.parametrize(
    ("family", "name", "expected"),
    [
        ("flux", "flux-dev", (256, 256, 28, 3.5)),
        ("sd3", "sd3", (32, 32, 28, 7.0)),
        ("sd3", "stabilityai/stable-diffusion-3.5-large-turbo", (32, 32, 4, 0.0)),
        ("sd3", "stabilityai/stable-diffusion-3.5-medium", (32, 32, 40, 4.5)),
        ("qwen-image", "mine", (1328, 1328, 50, 4.0)),
        ("z-image", "Tongyi-MAI/Z-Image", (1024, 1024, 50, 5.0)),
        ("z-image", "Tongyi-MAI/Z-Image-Turbo", (1024, 1024, 9, 0.0)),
        ("pixart", "mine", (256, 256, 20, 4.5)),
        ("sana", "mine", (1024, 1024, 20, 4.5)),
        ("lcm", "mine", (32, 32, 4, 8.5)),
        ("lcm", "my-musinsaigo", (512, 768, 50, 7.0)),
    ],
)
def test_what_a_family_draws_best_is_its_default(pipelines, family, name, expected):
    assert families.defaults_of(pipelines(family), name) == families.Defaults(*expected)


def test_flux_schnell_is_known_by_its_parts(tmp_path):
    assert families.defaults_of(make_flux(tmp_path, guidance_embeds=False), "mine") == families.Defaults(
        256, 256, 4, 0.0
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mine", (32, 32, 50, 5.0)),
        ("stabilityai/sdxl-turbo", (512, 512, 1, 0.0)),
        ("youngmki/musinsaigo-3.0", (768, 1024, 50, 7.0)),
        ("/cache/models--youngmki--musinsaigo-2.0/snapshots/123", (768, 1024, 50, 7.0)),
    ],
)
def test_xl_has_its_own(tmp_path, name, expected):
    assert families.defaults_of(tiny.make_xl_pipeline(tmp_path), name) == families.Defaults(*expected)


def test_musinsaigo_is_a_size_for_stable_diffusion_alone(pipelines):
    assert families.defaults_of(pipelines("flux"), "musinsaigo-9.0").width == 256


def test_a_folder_of_another_family_goes_through_the_same_door(pipelines, tmp_path):
    pipelines("sd3").save_pretrained(tmp_path)
    chain = igo.Chain(igo.TextToImage(str(tmp_path)), runtime=igo.Runtime("cpu", "float32"))
    look = chain.run("a (red:1.2) hoodie", negative_prompt="blue", num_inference_steps=2, seed=7)
    assert look.image == plain(pipelines("sd3"), negative_prompt="blue", guidance_scale=7.0)
    assert look[0].told["guidance_scale"] == 7.0
