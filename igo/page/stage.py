"""Where pictures are painted, shown, compared, handed out and remembered: one place for all tabs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from inspect import Parameter, Signature, signature
from pathlib import Path
from time import monotonic
from typing import Any

import gradio as gr

import igo
from igo.chains.chain import drawn_seed
from igo.errors import SettingsError
from igo.page import telling
from igo.page.files import MANY, keep, pair
from igo.page.painting import Painter, Progress, Work
from igo.page.parts import CANCELLING, QUIET, painting, plainly

PAINTING = "painting"
"""The queue of whatever needs models: one at a time, in the order in which people asked."""

NOTHING = "nothing has been painted in this session; ask for a picture first"


@dataclass(frozen=True)
class Shown:
    """A look of this session, and how to paint it again."""

    work: Work
    files: tuple[Path, ...]
    small: Path
    digests: tuple[str, ...]


class Stage:
    """Made within the page's blocks. ``folder`` is where finished pictures are kept, ``opened`` the event of somebody
    who opens the page."""

    def __init__(self, painter: Painter, folder: Path, opened: Any) -> None:
        self.painter, self.folder, self.opened = painter, folder, opened
        self.shown = gr.State(None)
        self.history = gr.State([])
        self.events: list[Any] = []
        self.cancel = gr.Button("Cancel", size="md", elem_id="cancel")
        self.status = gr.HTML(
            telling.said("What you ask for is painted here."), elem_classes="igo-status", elem_id="status"
        )
        self.result = gr.Gallery(
            label="Result",
            preview=True,
            selected_index=0,
            height=520,
            object_fit="contain",
            format="png",
            interactive=False,
            buttons=["download", "fullscreen"],
            elem_id="result",
        )
        with gr.Row(elem_id="actions"):
            self.another = gr.Button("Another seed", min_width=90, size="md", elem_id="another")
            self.again = gr.Button("Paint it again", min_width=90, size="md", elem_id="again")
            self.onward = gr.Button("Go on with it", min_width=90, size="md", elem_id="onward")
        self.slider = gr.ImageSlider(
            label="Before and after", visible=False, interactive=False, buttons=["fullscreen"], elem_id="slider"
        )
        self.downloads = gr.File(
            label="Download, each PNG with the record of how it was painted",
            interactive=False,
            elem_id="downloads",
        )
        self.past = gr.Gallery(
            label="This session: choose one to see it again",
            columns=6,
            object_fit="cover",
            format="png",
            interactive=False,
            allow_preview=False,
            buttons=[],
            visible=False,
            elem_id="past",
        )

    @property
    def outputs(self) -> list[Any]:
        """What a painting changes."""
        return [self.status, self.result, self.slider, self.downloads, self.past, self.shown, self.history]

    def on(self, button: gr.Button, asked: Callable[..., Work], inputs: list[Any], api_name: str, about: str) -> None:
        """Paint what ``asked`` makes of the inputs when the button is pressed, and by the API under ``api_name``."""

        def paint(*values: Any) -> Iterator[tuple[Any, ...]]:
            yield from self.painted(asked(*values[:-1]), values[-1])

        told = signature(asked)
        history = Parameter("history", Parameter.POSITIONAL_OR_KEYWORD, default=None)
        named = told.replace(parameters=[*told.parameters.values(), history], return_annotation=Signature.empty)
        paint.__signature__ = named  # type: ignore[attr-defined]  # by which gradio names the API's parameters
        self._paint(button, paint, [*inputs, self.history], api_name=api_name, api_description=about)

    def ready(self, pictures: list[Any]) -> None:
        """Wire the stage's own buttons, when every tab has said what it paints. ``pictures`` are what the tabs change,
        which a result may become."""
        for button, change in ((self.another, _reseeded), (self.again, lambda work: work)):
            self._paint(button, self._repeating(change), [self.shown, self.history], api_visibility="private")
        self.cancel.click(
            lambda: telling.said("Cancelled."),
            None,
            self.status,
            cancels=self.events,
            js=CANCELLING,
            queue=False,
            api_visibility="private",
        )
        self.onward.click(plainly(_onward(len(pictures))), self.shown, pictures, **QUIET)
        self.past.select(plainly(self._chosen), self.history, self.outputs, **QUIET)

    def _paint(
        self, button: gr.Button, function: Callable[..., Iterator[Any]], inputs: list[Any], **settings: Any
    ) -> None:
        """What a click paints, in its turn."""
        event = painting(button, function, inputs, self.outputs, concurrency_id=PAINTING, **settings)
        self.events.append(event)

    def painted(self, work: Work, history: list[Shown], before: Shown | None = None) -> Iterator[tuple[Any, ...]]:
        """What the outputs show while ``work`` is painted, and then. ``before`` is the look that it shall be again."""
        began = monotonic()
        for news in self.painter.paint(work):
            if isinstance(news, Progress):
                yield telling.told(news), *[gr.skip()] * 6
                continue
            from igo.images import digest

            files, small = keep(news, self.folder)
            shown = Shown(work, tuple(files), small, tuple(digest(frame.image) for frame in news))
            note = ""
            if before is not None and before.work.seed == work.seed:
                same = before.digests == shown.digests
                note = "The same picture, byte for byte." if same else "Not the same picture as before."
            history = [shown, *(one for one in history if one.files[0].exists())][:MANY]
            yield (
                telling.finished(news, monotonic() - began, note),
                *self._views(shown, history, news.image),
                shown,
                history,
            )

    def _views(self, shown: Shown, history: list[Shown], after: Any) -> tuple[Any, ...]:
        both = pair(shown.work.before, after)
        return (
            [str(path) for path in shown.files],
            gr.ImageSlider(value=both, visible=both is not None),
            [str(path) for path in shown.files],
            gr.Gallery(value=[(str(one.small), one.work.title) for one in history], visible=True, selected_index=None),
        )

    def _repeating(self, change: Callable[[Work], Work]) -> Callable[..., Iterator[tuple[Any, ...]]]:
        def repeat(shown: Shown | None, history: list[Shown]) -> Iterator[tuple[Any, ...]]:
            if shown is None:
                raise SettingsError(NOTHING)
            yield from self.painted(change(shown.work), history, shown)

        return repeat

    def _chosen(self, history: list[Shown], event: gr.SelectData) -> tuple[Any, ...]:
        """A look of the session, shown again; the buttons then are about it."""
        from igo.images import read_image

        shown = history[event.index]
        if not shown.files[0].exists():
            raise SettingsError("that is too long ago, and its files are gone; ask for it once more")
        words = f"{shown.work.title}, seed {shown.work.seed}. 'Paint it again' replays it."
        return telling.said(words), *self._views(shown, history, read_image(shown.files[0]).image), shown, history


def _onward(count: int) -> Callable[[Shown | None], list[str]]:
    def onward(shown: Shown | None) -> list[str]:
        """The first picture of the look, for all tabs that change one."""
        if shown is None or not shown.files[0].exists():
            raise SettingsError(NOTHING)
        gr.Info("It is the picture now that Dress, Extend, Enlarge and Chain begin with.", duration=5)
        return [str(shown.files[0])] * count

    return onward


def _reseeded(work: Work) -> Work:
    return replace(work, seed=drawn_seed())


def seeded(seed: int | None) -> int:
    """The seed that was asked for, or a new one. Raises ``SettingsError``."""
    return drawn_seed() if seed is None else int(igo.Request(seed=seed).seed or 0)
