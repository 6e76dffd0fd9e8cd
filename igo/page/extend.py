"""Tabs "Extend" and "Enlarge": more of a picture, and more pixels of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

import igo
from igo.errors import SettingsError
from igo.page import parts
from igo.page.painting import Work
from igo.page.stage import seeded

if TYPE_CHECKING:
    from igo.images import Picture
    from igo.page.stage import Stage
    from igo.page.studio import Studio

SHAPES = ["3:4", "4:3", "1:1", "9:16", "16:9", "2:3", "3:2"]
ANCHORS = ["center", "top", "bottom", "left", "right"]
MISSING = "there is no picture; upload one, or take or paste it"


def build_extend(studio: Studio, stage: Stage) -> Any:
    """The form of "Extend". Returns its picture."""
    picture = parts.upload("Picture", elem_id="extend-picture")
    with gr.Row():
        to = gr.Dropdown(
            SHAPES,
            value="3:4",
            allow_custom_value=True,
            label="Shape (3:4) or size (1024x1536)",
        )
        anchor = gr.Dropdown(ANCHORS, value="center", label="Where the picture stands")
    prompt = parts.prompt_field(elem_id="extend-prompt")
    button = gr.Button("Extend", variant="primary", elem_id="extend-paint")
    with gr.Accordion("More settings", open=False):
        negative = parts.negative_field()
        with gr.Row():
            steps, seed = parts.steps_field(), parts.seed_field()
        guidance = parts.guidance_field()

    def asked(
        picture: Picture | None = None,
        to: str = "3:4",
        anchor: str = "center",
        prompt: str = "",
        negative_prompt: str = "",
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int | None = None,
    ) -> Work:
        if picture is None:
            raise SettingsError(MISSING)
        chain = studio.chain(before=[studio.step("outpainting", to=to, anchor=anchor)])
        settings = parts.settings_of(
            negative_prompt, num_inference_steps=num_inference_steps, guidance_scale=guidance_scale
        )

        def run(seed: int, observers: Sequence[object]) -> igo.Look:
            return chain.run(prompt or "", image=picture, seed=seed, observers=observers, **settings)

        return Work(f"extended to {to}", run, seeded(seed), picture.on_white())

    stage.on(
        button,
        asked,
        [picture, to, anchor, prompt, negative, steps, guidance, seed],
        "extend",
        "Continue a picture beyond its sides.",
    )
    return picture


def build_enlarge(studio: Studio, stage: Stage) -> Any:
    """The form of "Enlarge". Returns its picture."""
    picture = parts.upload("Picture", elem_id="enlarge-picture")
    scale = gr.Slider(1.5, 8, 4, step=0.5, label="How many times larger", elem_id="enlarge-scale")
    strength = gr.Slider(
        0, 1, 1, step=0.05, label="Strength", info="How much of the result is the network's; less keeps grain."
    )
    button = gr.Button("Enlarge", variant="primary", elem_id="enlarge-paint")

    def asked(picture: Picture | None = None, scale: float = 4, strength: float = 1) -> Work:
        if picture is None:
            raise SettingsError(MISSING)
        chain = studio.alone(studio.step("upscaling", scale=float(scale), strength=float(strength)))

        def run(seed: int, observers: Sequence[object]) -> igo.Look:
            return chain.run(image=picture, seed=seed, observers=observers)

        return Work(f"enlarged ×{scale:g}", run, 0, picture.on_white())

    stage.on(button, asked, [picture, scale, strength], "enlarge", "Enlarge a picture.")
    return picture
