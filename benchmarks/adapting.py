"""What an adapter's training costs: ``python -m benchmarks.adapting``.

Speed: IGO's loop (progress, logs, checkpoints, moving average, cached latents and captions) against a bare PyTorch loop
over the same module and batches, in one process, in turns. Memory: the largest resident size of a process that trains
an adapter against one that trains all of the denoiser, above that of a process that has loaded the same and trains
nothing.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from igo import wardrobe
from igo.embedded import NATIVE_SIZE
from igo.mini.pictures import balanced_figures
from igo.training.adapters.adapt import Adaptation, load_adaptable, train_lora
from igo.training.adapters.lora import LoraSettings, add_lora
from igo.training.data.folders import CaptionedSet
from igo.training.finetune import load_base, train_base
from igo.training.loop.effort import Effort
from igo.training.loop.ema import EMA
from igo.training.loop.loop import LoopSettings, step_generator, train
from igo.training.tasks.conditioning import Conditions, TextConditioner, tokenize
from igo.training.tasks.diffusion import DiffusionTask
from igo.training.tasks.encoding import encoded
from igo.wardrobe import draw

PICTURES, SEED = 8, 301
KINDS = ("loaded", "lora", "full")


def pictures() -> CaptionedSet:
    """Drawn figures with their captions."""
    figures = balanced_figures(PICTURES, SEED)
    drawn = torch.stack([torch.from_numpy(draw(figure, *NATIVE_SIZE).image) for figure in figures])
    return CaptionedSet(drawn, [wardrobe.captions(figure) for figure in figures])


def speed(pairs: int, steps: int, batch_size: int) -> list[float]:
    """Of each pair of runs, the bare loop's seconds over IGO's."""
    pipeline = load_adaptable("mini").pipeline
    with tempfile.TemporaryDirectory() as folder:
        latents = encoded(pipeline, pictures(), Path(folder))
        add_lora(pipeline, LoraSettings(), text=False)
        every = torch.cat([tokenize(pipeline, [""]), latents.tokens.flatten(0, 1)])
        conditions = Conditions.of(TextConditioner(pipeline), torch.unique(every, dim=0))
        task = DiffusionTask(pipeline, latents, text_rate=0, conditions=conditions)
        settings = LoopSettings(steps=10**6, batch_size=batch_size, learning_rate=1e-4)
        _bare(task, settings, 2)
        ratios = []
        for pair in range(pairs):
            seconds = {}
            for kind in ("bare", "igo") if pair % 2 else ("igo", "bare"):
                began = time.perf_counter()
                if kind == "bare":
                    _bare(task, settings, steps)
                else:
                    train(task, settings, Path(folder) / str(pair), halt_at=steps, quiet=True)
                seconds[kind] = time.perf_counter() - began
            ratios.append(seconds["bare"] / seconds["igo"])
    return ratios


def _bare(task: DiffusionTask, settings: LoopSettings, steps: int) -> None:
    """As short as a training loop can be: forward, backward, clipping, AdamW, moving average."""
    groups = task.parameter_groups()
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    learning = [parameter for parameter in task.module.parameters() if parameter.requires_grad]
    ema = EMA(task.module, settings.ema_decay)
    for step in range(steps):
        generator = step_generator(torch.device("cpu"), settings.seed, step, 0)
        task.module(**task.batch(settings.batch_size, generator))["loss"].backward()
        torch.nn.utils.clip_grad_norm_(learning, settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        ema.update(step)


def resident(kind: str) -> int:
    """The largest resident size in bytes of a process that does ``kind`` of ``KINDS``."""
    command = [sys.executable, "-m", "benchmarks.adapting", "--only", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def only(kind: str) -> None:
    """Do it, and print this process's largest resident size in bytes."""
    effort = Effort(steps=3, batch_size=1, quiet=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kind == "lora":
            train_lora(
                load_adaptable("mini"), [pictures()], folder / "a.safetensors", folder / "w", effort, Adaptation()
            )
        elif kind == "full":
            train_base(load_base("mini"), pictures(), folder / "out", folder / "w", effort, text_rate=0)
        else:
            encoded(load_base("mini").pipeline, pictures(), folder)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.adapting", description="What an adapter's training costs.")
    parser.add_argument("--pairs", type=int, default=6, help="pairs of runs for the speed")
    parser.add_argument("--steps", type=int, default=20, help="steps of a run")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--only", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        only(arguments.only)
        return
    sizes = {kind: resident(kind) for kind in KINDS}
    ratios = speed(arguments.pairs, arguments.steps, arguments.batch_size)
    table = Table(title="training an adapter of mini")
    for column in ("measure", "value"):
        table.add_column(column)
    shown = f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    table.add_row("speed, bare loop / IGO", shown)
    above = {kind: sizes[kind] - sizes["loaded"] for kind in ("lora", "full")}
    table.add_row("memory above the loaded checkpoint, adapter / all", f"{above['lora'] / max(above['full'], 1):.3f}")
    for kind, size in sizes.items():
        table.add_row(f"largest resident size, {kind}", f"{size / 2**20:.0f} MiB")
    Console().print(table)


if __name__ == "__main__":
    main()
