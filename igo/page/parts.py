"""Parts of the page: gradio's components, made to read what people upload as IGO reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from html import escape
from typing import Any

import gradio as gr

import igo
from igo.errors import CancelledError, IGOError
from igo.page.files import uploaded

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


def given(**settings: Any) -> dict[str, Any]:
    """The settings whose fields aren't empty."""
    return {name: value for name, value in settings.items() if value is not None}


def settings_of(negative_prompt: str, prompt: str = "", **settings: Any) -> dict[str, Any]:
    """What a form asks of a request beside its ``prompt``. Raises ``SettingsError`` for what can't be meant, before it
    waits for its turn."""
    found = given(negative_prompt=negative_prompt or "", **settings)
    igo.Request(prompt=prompt, **found)
    return found


def seed_field() -> gr.Number:
    return gr.Number(label="Seed", info="The same seed paints the same picture. Empty: a new one.", precision=0)


def steps_field() -> gr.Number:
    return gr.Number(
        label="Denoising steps", info="Empty: as many as the checkpoint is used to.", precision=0, minimum=1
    )


def guidance_field() -> gr.Number:
    return gr.Number(label="Guidance", info="How closely to follow the prompt. Empty: the checkpoint's own.", minimum=0)


def negative_field() -> gr.Textbox:
    return gr.Textbox("", label="Not in the picture", info="What shall not be there.")
