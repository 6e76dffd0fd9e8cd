"""Tab "Dress": somebody in a picture wears something else, by words or by a picture of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

import igo
from igo.errors import SettingsError
from igo.page import parts, zones
from igo.page.painting import Work
from igo.page.stage import PAINTING, seeded

if TYPE_CHECKING:
    from igo.images import Picture
    from igo.page.stage import Stage
    from igo.page.studio import Studio

WORDS, PICTURE = "words", "a picture of it"
ADDS, TAKES = "is painted too", "is taken away"
MISSING = "there is no picture of somebody; upload one, or take or paste it"
PARTS = ["auto", "upper", "lower", "dress"]


def build(studio: Studio, stage: Stage) -> Any:
    """The tab's form. Returns its picture of somebody."""
    person = parts.upload("Somebody", elem_id="dress-person")
    how = gr.Radio([WORDS, PICTURE], value=WORDS, label="The new garment by", elem_id="dress-how")
    with gr.Group() as by_words, gr.Row():
        target = gr.Textbox("t-shirt", label="What to replace", elem_id="dress-target")
        to = gr.Textbox("a red hoodie", label="What it becomes", elem_id="dress-to")
    with gr.Column(visible=False) as by_picture:
        garment = parts.upload("Garment", elem_id="dress-garment")
        part = gr.Dropdown(PARTS, value="auto", label="It takes the place of")
    with gr.Accordion("The zone that is painted", open=False, elem_id="dress-zone"):
        about = gr.Markdown(
            "Find it, and add to it or take away from it with the brush; or draw it. Outside of it nothing changes. "
            "If you do neither, it is found when you paint.",
            elem_classes="igo-help",
        )
        with gr.Row():
            find = gr.Button("Find it", elem_id="dress-find")
            draw = gr.Button("Draw it", elem_id="dress-draw")
        with gr.Column(visible=False) as drawing:
            brush = gr.Radio([ADDS, TAKES], value=ADDS, label="What you draw", elem_id="dress-brush")
            editor, found_zone = zones.editor(), gr.State(None)
    button = gr.Button("Dress", variant="primary", elem_id="dress-paint")
    with gr.Accordion("More settings", open=False):
        candidates = gr.Slider(1, 4, 1, step=1, label="Candidates", info="So many are painted; the best one is taken.")
        prompt = parts.prompt_field()
        negative = parts.negative_field()
        with gr.Row():
            steps, seed = parts.steps_field(), parts.seed_field()
        guidance = parts.guidance_field()

    def chain(how: str, target: str, to: str, garment: Picture | None, part: str, candidates: int) -> igo.Chain:
        if how == WORDS:
            styling = studio.step(
                "virtual-styling", target=target, to=to, candidates=candidates, mask_model=studio.mask_model
            )
            return studio.chain(styling)
        if garment is None:
            raise SettingsError("there is no picture of a garment; upload one, or say it by words")
        settings = {"model": studio.tryon_model, "parser": studio.parser, "candidates": candidates, "part": part}
        return studio.alone(studio.step("try-on", **settings))

    def asked(
        person: Picture | None = None,
        how: str = WORDS,
        target: str = "t-shirt",
        to: str = "a red hoodie",
        garment: Picture | None = None,
        part: str = "auto",
        zone: dict[str, Any] | None = None,
        brush: str = ADDS,
        found: Any = None,
        candidates: int = 1,
        prompt: str = "",
        negative_prompt: str = "",
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int | None = None,
    ) -> Work:
        if person is None:
            raise SettingsError(MISSING)
        made = chain(how, target, to, garment, part, int(candidates))
        references = {"garment": garment} if how == PICTURE and garment is not None else {}
        drawn = zones.edited(found, zones.drawn(zone, person.image.size), brush != TAKES)
        layers = {} if drawn is None else {"mask": drawn}
        settings = parts.settings_of(
            negative_prompt, num_inference_steps=num_inference_steps, guidance_scale=guidance_scale
        )
        made.check(layers, references)

        def run(seed: int, observers: Sequence[object]) -> igo.Look:
            pictures: dict[str, Any] = {"image": person, "layers": layers, "references": references, "strength": 0}
            return made.run(prompt or "", seed=seed, observers=observers, **pictures, **settings)

        title = f"{target} → {to}" if how == WORDS else "a garment put on"
        return Work(title, run, seeded(seed), person.on_white())

    def found(
        person: Picture | None, how: str, target: str, to: str, garment: Picture | None, part: str
    ) -> tuple[Any, ...]:
        if person is None:
            raise SettingsError(MISSING)
        references = {} if garment is None else {"garment": garment}
        mask = chain(how, target, to, garment, part, 1).layer("mask", person, references)
        return zones.shown(person, mask), mask, gr.Column(visible=True)

    def blank(person: Picture | None) -> tuple[Any, ...]:
        if person is None:
            raise SettingsError(MISSING)
        return zones.shown(person, None), None, gr.Column(visible=True)

    how.change(
        lambda how: (gr.Group(visible=how == WORDS), gr.Column(visible=how == PICTURE)),
        how,
        [by_words, by_picture],
        **parts.QUIET,
    )
    asking = [person, how, target, to, garment, part]
    zone = [editor, found_zone, drawing]
    find.click(
        parts.plainly(found),
        asking,
        zone,
        api_visibility="private",
        concurrency_id=PAINTING,
        concurrency_limit=1,
        show_progress="full",
        show_progress_on=about,
    )
    draw.click(parts.plainly(blank), person, zone, **parts.QUIET)
    person.change(lambda: (None, None, gr.Column(visible=False)), None, zone, **parts.QUIET)
    stage.on(
        button,
        asked,
        [*asking, editor, brush, found_zone, candidates, prompt, negative, steps, guidance, seed],
        "dress",
        "Change what somebody wears, by words or by a picture of a garment.",
    )
    return person
