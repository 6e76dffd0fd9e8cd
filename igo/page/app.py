"""The page put together, and opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from igo.page.files import AGE, MAX_BYTES
from igo.page.painting import Painter
from igo.page.theme import CSS, theme

if TYPE_CHECKING:
    from igo.page.studio import Studio

WAITING = 400
"""How many may wait for their turn; more are told that the queue is full."""
SESSIONS = 200
"""Sessions whose history is remembered; of more, the oldest are forgotten."""
SWEEP = 600
"""Seconds after which gradio looks at its files again."""


def build(studio: Studio, folder: Path) -> Any:
    """The page as gradio's blocks. ``folder`` holds what is uploaded and painted, until it is ``AGE`` old.

    gradio sends nothing to anybody: its analytics are switched off before it is imported.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import gradio as gr

    from igo.page import batching, chaining, dress, extend, look
    from igo.page.stage import Stage

    with gr.Blocks(title="IGO", analytics_enabled=False, delete_cache=(SWEEP, AGE), fill_width=True) as blocks:
        gr.Markdown("# IGO\nChange what people in pictures wear.", elem_id="title")
        with gr.Row():
            forms = gr.Column(scale=5, min_width=320)
            with gr.Column(scale=6, min_width=320, elem_id="stage"):
                stage = Stage(Painter(), folder / "looks", blocks.load)
        with forms, gr.Tabs():
            with gr.Tab("Dress"):
                pictures = [dress.build(studio, stage)]
            with gr.Tab("Look"):
                look.build(studio, stage)
            with gr.Tab("Extend"):
                pictures.append(extend.build_extend(studio, stage))
            with gr.Tab("Enlarge"):
                pictures.append(extend.build_enlarge(studio, stage))
            with gr.Tab("Chain"):
                picture, steps = chaining.build(studio, stage)
            with gr.Tab("Batch"):
                batching.build(studio, stage, steps)
        pictures.append(picture)
        stage.ready(pictures)
    return blocks.queue(max_size=WAITING, default_concurrency_limit=8)


def launch(
    blocks: Any, host: str = "127.0.0.1", port: int | None = None, share: bool = False, wait: bool = True
) -> str:
    """Open the page and return its address; with ``wait`` only when it is closed. Raises ``OSError`` for a port that is
    taken."""
    _, address, _ = blocks.launch(
        server_name=host,
        server_port=port,
        share=share,
        quiet=True,
        prevent_thread_lock=True,
        show_error=True,
        max_file_size=MAX_BYTES,
        state_session_capacity=SESSIONS,
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        footer_links=["api", "settings"],
        theme=theme(),
        css=CSS,
    )
    if wait:
        blocks.block_thread()
    return str(address)
