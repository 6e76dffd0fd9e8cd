"""Parts of the page: gradio's components, made to read what people upload as IGO reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from html import escape
from typing import Any

import gradio as gr

import igo
from igo.chains.settings import given
from igo.errors import CancelledError, IGOError
from igo.page.cards import numeral
from igo.page.files import uploaded

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Of what the page does beside painting."""
SOURCES = ["upload", "webcam", "clipboard"]


def upload(label: str, **settings: Any) -> gr.Image:
    """A picture by upload, camera or paste. Handlers get an ``igo.images.Picture``, or None where there is none.

    The file is read as it was sent: gradio would decode it before anybody has looked at its size. In the component
    itself, not in a class of our own: beside the module of such a one gradio would write a file.
    """
    component = gr.Image(
        label=label, sources=SOURCES, type="filepath", image_mode=None, height=320, buttons=["fullscreen"], **settings
    )

    def preprocess(payload: Any) -> Any:
        if payload is None or payload.path is None:
            return None
        with in_one_line():
            return uploaded(payload.path, label)

    component.preprocess = preprocess
    return component


class in_one_line:  # noqa: N801  (a context manager)
    """What IGO raises on purpose is shown as a line; so is a fault of ours, which says that it is one."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CancelledError):
            raise gr.Error("cancelled", print_exception=False) from error
        if isinstance(error, IGOError):
            raise gr.Error(escape(str(error), quote=False), duration=None, print_exception=False) from error
        if isinstance(error, Exception) and not isinstance(error, gr.Error):
            text = escape(f"{type(error).__name__}: {' '.join(str(error).split())}")
            raise gr.Error(f"internal error, please report it ({text})", duration=None) from error


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose errors are one line."""

    @wraps(function)
    def run(*values: Any) -> Any:
        with in_one_line():
            return function(*values)

    return run


def plainly_each(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The same of one that yields."""

    @wraps(function)
    def run(*values: Any) -> Iterator[Any]:
        with in_one_line():
            yield from function(*values)

    return run


def settings_of(negative_prompt: str, prompt: str = "", **settings: Any) -> dict[str, Any]:
    """What a form asks of a request beside its ``prompt``. Raises ``SettingsError`` for what can't be meant, before it
    waits for its turn."""
    found = given(negative_prompt=negative_prompt or "", **settings)
    igo.Request(prompt=prompt, **found)
    return found


def number(label: str, empty: str, **settings: Any) -> gr.Textbox:
    """A number that may be left out; ``empty`` says what it then is. Handlers get a number, None, or what else was
    typed, to be refused by whoever knows what was expected.

    gradio's own field makes a 0 of what is left out, as soon as somebody looks at it.
    """
    component = gr.Textbox(
        label=label,
        placeholder=empty,
        max_lines=1,
        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
        **settings,
    )
    component.preprocess = numeral
    component.api_info = lambda: {"type": "number"}
    return component


def seed_field() -> gr.Textbox:
    return number("Seed", "a new one each time")


def steps_field() -> gr.Textbox:
    return number("Denoising steps", "the checkpoint's own")


def guidance_field() -> gr.Textbox:
    return number("Guidance: how closely to follow the prompt", "the checkpoint's own")


def negative_field() -> gr.Textbox:
    return gr.Textbox("", label="Not in the picture", placeholder="what shall not be there")


def prompt_field(**settings: Any) -> gr.Textbox:
    return gr.Textbox("", label="What the whole picture shows", placeholder="may stay empty", **settings)


WAITING = """() => {
  delete document.body.dataset.cancelled;
  document.querySelectorAll('.toast-close').forEach(close => close.click());
  const status = document.querySelector('#SHOWN'), top = status.getBoundingClientRect().top;
  if (top < 0 || top > innerHeight / 2) (status.closest('#stage') || status).scrollIntoView();
  return "<p role='status'>Waiting for its turn.</p><progress aria-label='progress'></progress>";
}"""
CANCELLING = "() => { document.body.dataset.cancelled = 'status'; return []; }"
FAILED = """() => document.body.dataset.cancelled === 'SHOWN' ? "<p role='status'>Cancelled.</p>"
  : "<p role='status'>Nothing was painted; the message says why.</p>\""""
"""What was cancelled ends as what fails does, and after what it still had to tell."""


def painting(
    button: gr.Button, function: Callable[..., Iterator[Any]], inputs: list[Any], outputs: list[Any], **settings: Any
) -> Any:
    """The event of a click that paints. The browser itself says in the first output, a status, that it was heard, and
    that it failed if it does; messages of what failed before go. In this order: it does one after the other."""
    status = outputs[0]
    button.click(None, None, status, js=WAITING.replace("SHOWN", status.elem_id), **QUIET)
    event = button.click(
        plainly_each(function),
        inputs,
        outputs,
        concurrency_limit=1,
        show_progress="minimal",
        show_progress_on=status,
        **settings,
    )
    event.failure(None, None, status, js=FAILED.replace("SHOWN", status.elem_id), **QUIET)
    return event
