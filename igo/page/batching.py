"""Tab "Batch": a table, or a zip of pictures, painted row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from igo.errors import PlanError
from igo.page import cards, parts, telling
from igo.page.batches import Batch, Followed, unpacked
from igo.page.painting import Progress

if TYPE_CHECKING:
    from igo.page.stage import Stage
    from igo.page.studio import Studio


def build(studio: Studio, stage: Stage, steps: gr.State) -> None:
    """The tab's form. ``steps`` are the cards of the tab Chain."""
    running: dict[str, Batch] = {}  # by session
    gr.Markdown(
        "A zip of pictures, or a table of what to paint (CSV, JSONL, TOML or Parquet, as `igo batch` takes it), alone "
        "or in a zip with the pictures that it names.",
        elem_classes="igo-help",
    )
    upload = gr.File(label="Zip or table", type="filepath", elem_id="batch-file")
    prompt = gr.Textbox("", label="Prompt", info="For a zip without a table: of each picture.", elem_id="batch-prompt")
    with gr.Accordion("The chain that each row is painted by", open=False):
        chain = gr.Textbox(
            studio.chain().to_toml(),
            label="Chain (TOML)",
            lines=8,
            elem_id="batch-chain",
        )
        take = gr.Button("Take the steps of the tab Chain", elem_id="batch-take")
    start = gr.Button("Paint the batch", variant="primary", elem_id="batch-start")
    stop = gr.Button("Stop after this row", elem_id="batch-stop")
    status = gr.HTML(elem_classes="igo-status", elem_id="batch-status")
    result = gr.File(label="Download: pictures and results.jsonl", interactive=False, elem_id="batch-result")

    def painted(upload: str | None, prompt: str, chain: str, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        if upload is None:
            raise PlanError("there is no batch; upload a zip or a table")
        made = cards.chain_of(cards.read(chain), studio.runtime)
        batch = unpacked(Path(upload), stage.folder.parent / "batches", prompt, made)
        running[request.session_hash] = batch
        news = Followed(0, len(batch.plan), 0, 0)
        try:
            for news in batch.follow(stage.painter):
                now = Progress(news.seconds, "rows", news.done, news.total, news.left)
                yield telling.told(now) + telling.said(news.last), gr.skip()
        finally:
            running.pop(request.session_hash, None)
        words = f"{news.done} of {news.total} rows, {news.failed} of them failed."
        yield (
            telling.said(words) + telling.said(news.last if news.failed else ""),
            str(batch.packed()),
        )

    def stopped(request: gr.Request) -> str:
        batch = running.get(request.session_hash)
        if batch is None:
            return telling.said("No batch of yours is painted just now.")
        batch.ended.set()
        return telling.said("It stops after this row.")

    def taken(steps: list[cards.Card]) -> str:
        return cards.chain_of(steps, studio.runtime).to_toml()

    parts.painting(
        start,
        painted,
        [upload, prompt, chain],
        [status, result],
        api_name="batch",
        api_description="Paint a table, or a zip of pictures, by a chain. Returns status and a zip.",
        concurrency_id="batches",
    )
    stop.click(parts.plainly(stopped), None, status, queue=False, **parts.QUIET)
    take.click(parts.plainly(taken), steps, chain, **parts.QUIET)
