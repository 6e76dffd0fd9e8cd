"""mini/body: where bodies lie in drawings, learned from mini/parser, which knows their parts already."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import SegformerForSemanticSegmentation

from igo.mini.fittings import drawn_bodies
from igo.mini.triplets import SIZE
from igo.mini.tryon import FIRST
from igo.networks.bodies import OUTPUTS
from igo.training.loop.effort import Effort, digest
from igo.training.loop.hardware import processes
from igo.training.loop.loop import TrainingReport
from igo.training.tasks.bodies import BodyTask
from igo.training.tasks.parser import export_parser
from igo.training.tasks.preprocessing import Preprocessing


def build_bodies(parser: Path) -> Any:
    """A parser that says where on a body its cells lie in place of what people wear there; at first, all as if somebody
    filled the picture."""
    model = SegformerForSemanticSegmentation.from_pretrained(parser, dtype=torch.float32)
    head = nn.Conv2d(int(model.config.decoder_hidden_size), len(OUTPUTS), 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)  # type: ignore[arg-type]  # which it has
    model.decode_head.classifier = head
    model.config.id2label = dict(enumerate(OUTPUTS))
    model.config.label2id = {name: value for value, name in enumerate(OUTPUTS)}
    return model


def train_bodies(parser: Path, work: Path, out: Path, effort: Effort, held_out: int, triplets: int) -> TrainingReport:
    """Learn from the triplets that mini/tryon learns from, and write a transformers folder to ``out``."""
    torch.manual_seed(effort.seed)
    data = drawn_bodies(work / "triplets", triplets, FIRST, os.cpu_count() or 1)
    model, preprocessing = build_bodies(parser), Preprocessing(SIZE)
    task = BodyTask(model, preprocessing, *data.hold_out(held_out))
    report = replace(effort, optimizer="muon").train(task, work / "body", digest(data))
    if processes().is_main_process:
        export_parser(model, preprocessing, out)
    return report
