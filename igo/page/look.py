"""Tab "Look": a picture from words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import gradio as gr

import igo
from igo.errors import SettingsError
from igo.page import parts, telling
from igo.page.painting import Work
from igo.page.stage import seeded

if TYPE_CHECKING:
    from igo.page.stage import Stage
    from igo.page.studio import Studio

EXAMPLE = "fashion photo of a korean woman in a (red:1.2) hoodie and blue jeans, street background"


def build(studio: Studio, stage: Stage) -> None:
    """The tab's form."""
    prompt = gr.Textbox(
        EXAMPLE, label="Prompt", lines=3, info="Words in brackets count for more: (red:1.3).", elem_id="look-prompt"
    )
    button = gr.Button("Paint", variant="primary", elem_id="look-paint")
    with gr.Accordion("How the prompt is read", open=False):
        aloud = gr.HTML(elem_id="look-tokens")
        read = gr.Button("Read it aloud", elem_id="look-read")
    with gr.Accordion("More settings", open=False):
        negative = parts.negative_field()
        with gr.Row():
            width = parts.number("Width in pixels", "the checkpoint's own")
            height = parts.number("Height in pixels", "the checkpoint's own")
        with gr.Row():
            steps, seed = parts.steps_field(), parts.seed_field()
        guidance = parts.guidance_field()
        count = gr.Slider(1, 4, 1, step=1, label="Pictures")

    def asked(
        prompt: str = EXAMPLE,
        negative_prompt: str = "",
        width: int | None = None,
        height: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        num_images: int = 1,
        seed: int | None = None,
    ) -> Work:
        if not (prompt or "").strip():
            raise SettingsError("the prompt is empty; expected words that say what to paint")
        settings = parts.settings_of(
            negative_prompt,
            prompt,
            num_images=int(num_images),
            width=width,
            height=height,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
        )
        chain = studio.chain()

        def run(seed: int, observers: Sequence[object]) -> igo.Look:
            return chain.run(prompt, seed=seed, observers=observers, **settings)

        return Work(prompt, run, seeded(seed))

    def reading(prompt: str = EXAMPLE, negative_prompt: str = "") -> str:
        from igo.painting.prompts.reading import read

        return telling.read_aloud(read(prompt, negative_prompt or "", studio.checkpoint, studio.preset))

    stage.on(
        button,
        asked,
        [prompt, negative, width, height, steps, guidance, count, seed],
        "look",
        "Paint pictures from words. Returns status, pictures, and files with their records.",
    )
    read.click(
        parts.plainly(reading),
        [prompt, negative],
        aloud,
        api_name="prompt",
        show_progress="minimal",
        api_description="How a prompt is read: HTML with tokens and weights.",
    )
