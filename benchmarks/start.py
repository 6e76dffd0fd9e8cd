"""What a command takes from the shell to the file, most of which is imports: CPU seconds, of this tree and another.

    python -m benchmarks.start [--against ../before] [--pairs 5] [--commands generate style upscale]

Each command runs in a process of its own, with one thread, on a picture of `mini`'s size and with one step, so that
nearly all is start. ``--against`` names a clone of the repository at an older commit; pairs alternate, and the ratio is
the median over them. CPU time, which a busy machine changes less than the clock.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from igo.testing import draw_figure

COMMANDS = {
    "generate": ["generate", "a woman in a red coat", "--steps", "1"],
    "style": ["style", "photo.png", "hoodie", "a red coat", "--steps", "1"],
    "upscale": ["upscale", "photo.png", "2"],
}
HERE = Path(__file__).parent.parent


def seconds(tree: Path, arguments: list[str], folder: str) -> float:
    """CPU seconds of ``igo`` as it is in ``tree``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = [sys.executable, "-c", "import igo.cli; igo.cli.main()", *arguments, "--quiet", "-o", "made.png"]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    subprocess.run(run, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.start", description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="a clone at another commit")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--commands", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, load {os.getloadavg()[0]:.1f}")
    trees = [HERE, *([options.against.resolve()] if options.against else [])]
    with tempfile.TemporaryDirectory() as folder:
        draw_figure(3, top="hoodie", top_color="red").image.save(Path(folder, "photo.png"))
        for name in options.commands:
            pairs = [[seconds(tree, COMMANDS[name], folder) for tree in trees] for _ in range(options.pairs)]
            here, *other = (statistics.median(column) for column in zip(*pairs, strict=True))
            told = f"{name}: {here:.2f} s"
            if other:
                told += f", of {other[0]:.2f} s: {statistics.median(one / two for one, two in pairs):.0%}"
            print(told, flush=True)


if __name__ == "__main__":
    main()
