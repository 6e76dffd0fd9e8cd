"""Tab "Chain": steps as cards, with a form each, and the same as a chain file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

import igo
from igo.errors import IGOError
from igo.page import cards as made_of
from igo.page import parts
from igo.page.cards import Card, Field
from igo.page.painting import Work
from igo.page.parts import QUIET
from igo.page.stage import seeded

if TYPE_CHECKING:
    from igo.images import Picture
    from igo.page.stage import Stage
    from igo.page.studio import Studio


def build(studio: Studio, stage: Stage) -> tuple[Any, gr.State]:
    """The tab's form. Returns its picture, and its cards."""
    cards = gr.State(made_of.cards_of(studio.chain()))  # of which each session gets a copy
    version = gr.State(0)  # of the cards' number and order: forms are drawn anew when it changes
    with gr.Row():
        use = gr.Dropdown(made_of.offered(), value="upscaling", label="Another step", elem_id="chain-use", scale=3)
        add = gr.Button("Add it", elem_id="chain-add", scale=1)

    def draw(steps: list[Card]) -> None:
        _drawn(steps, cards, version)

    gr.render(cards, triggers=[version.change, stage.opened], show_progress="hidden")(draw)
    prompt = gr.Textbox("", label="Prompt", lines=2, elem_id="chain-prompt")
    button = gr.Button("Paint by the chain", variant="primary", elem_id="chain-paint")
    with gr.Accordion("Pictures and seed", open=False):
        picture = parts.upload("Picture to start from", elem_id="chain-picture")
        with gr.Row():
            reference = parts.upload("Picture to go by")
            name = gr.Textbox("garment", label="What steps call it")
        seed = parts.seed_field()
    with gr.Accordion("As a chain file (TOML)", open=False, elem_id="chain-toml"):
        text = gr.Textbox("", label="TOML", lines=10, elem_id="chain-text", buttons=["copy"])
        with gr.Row():
            write = gr.Button("Write the cards here", elem_id="chain-write")
            read = gr.Button("Read them from here", elem_id="chain-read")

    def added(cards: list[Card], use: str, version: int) -> int:
        cards.append(Card(use))
        return version + 1

    def replaced(cards: list[Card], text: str, version: int) -> int:
        cards[:] = made_of.read(text)
        return version + 1

    def judged(cards: list[Card], version: int) -> int:
        """Let the forms say what is wrong with them, when somebody paints by them."""
        wrong = [card for card in cards if made_of.wrong(card)]
        for card in wrong:
            card.asked = True
        return version + bool(wrong)

    def asked(
        cards: list[Card],
        prompt: str = "",
        picture: Picture | None = None,
        reference: Picture | None = None,
        name: str = "garment",
        seed: int | None = None,
    ) -> Work:
        chain = made_of.chain_of(cards, studio.runtime)
        references = {} if reference is None else {name: reference}
        chain.check((), references)

        def run(seed: int, observers: Sequence[object]) -> igo.Look:
            return chain.run(prompt or "", image=picture, references=references, seed=seed, observers=observers)

        before = None if picture is None else picture.on_white()
        return Work(" + ".join(card.use for card in cards), run, seeded(seed), before)

    add.click(parts.plainly(added), [cards, use, version], version, **QUIET)
    read.click(parts.plainly(replaced), [cards, text, version], version, **QUIET)
    write.click(parts.plainly(lambda cards: made_of.chain_of(cards, studio.runtime).to_toml()), cards, text, **QUIET)
    button.click(judged, [cards, version], version, **QUIET)
    stage.on(
        button,
        asked,
        [cards, prompt, picture, reference, name, seed],
        "chain",
        "Paint by the chain that the page begins with.",
    )
    return picture, cards


def _drawn(cards: list[Card], cards_state: gr.State, version_state: gr.State) -> None:
    """All cards, which forms change where they lie; a new version tells that they are others, or in another order."""
    for index, card in enumerate(cards):
        wrong = made_of.wrong(card) if card.asked else {}
        with gr.Accordion(
            f"{index + 1}. {card.use}", open=bool(wrong) or index == len(cards) - 1, key=(card.number, index)
        ):
            try:
                words, form = made_of.described(card.use), made_of.fields_of(card.use)
            except IGOError as error:
                words, form = str(error), ()
            gr.Markdown(words.split("\n\n")[0], elem_classes="igo-help")
            if "" in wrong:
                gr.Markdown(_warned(wrong[""]), elem_classes="igo-help")
            for one in form:
                _field(card, one, wrong.get(one.setting.name, ""))
            with gr.Row():
                moves = {"Up": index - 1, "Down": index + 1, "Remove": None}
                for word, to in moves.items():
                    move = gr.Button(word, size="sm", min_width=80)
                    move.click(_moving(card, to), [cards_state, version_state], version_state, **QUIET)


def _field(card: Card, field: Field, problem: str) -> None:
    """A setting in a form, whose mistakes are told where it stands."""
    value, about = field.shown(card), field.help
    shared: dict[str, Any] = {
        "label": field.setting.name.replace("_", " "),
        "info": _warned(problem) or about,
        "interactive": True,
        "key": (card.number, field.setting.name),
    }
    component: Any
    if field.kind == "choice":
        component = gr.Dropdown(list(field.choices), value=value, **shared)
    elif field.kind == "switch":
        component = gr.Checkbox(value=bool(value), **shared)
    else:
        component = gr.Textbox(value=value, placeholder="as TOML" if field.kind == "toml" else "", **shared)

    def put(value: Any) -> Any:
        return type(component)(info=_warned(made_of.changed(card, field, value)) or about)

    if field.kind in ("choice", "switch"):
        component.input(put, component, component, **QUIET)
        return
    component.blur(put, component, component, **QUIET)
    component.input(  # each letter, so that a click that paints finds what was typed before it
        lambda value: made_of.changed(card, field, value) and None,
        component,
        None,
        trigger_mode="always_last",
        **QUIET,
    )


def _warned(problem: str) -> str:
    return f"⚠ {problem}" if problem else ""


def _moving(card: Card, to: int | None) -> Callable[[list[Card], int], int]:
    def move(cards: list[Card], version: int) -> int:
        """Put the card elsewhere, or take it away."""
        cards[:] = [one for one in cards if one is not card]
        if to is not None:
            cards.insert(max(0, to), card)
        return version + 1

    return move
