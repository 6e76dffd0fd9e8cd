"""What a lookbook saves over garments tried on one by one: ``igo style --each`` beside ``igo style``, on `mini`.

    python -m benchmarks.lookbook [--garments 12] [--width 1200] [--rounds 3] [--photo FILE]

Baseline: the same command for each garment alone, in the same process, so that Python and torch are loaded already and
the saving is not theirs. The two run in turn; times are CPU time, the ratio is the median over rounds. The pictures are
checked to be equal, byte for byte. Without a photo it is a drawing of the width that is asked for.
"""

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from igo import cli
from igo.images import read_image
from igo.wardrobe import COLORS, draw, phrase, sample

SEED = 107_000_000
"""Of the figure that is drawn; nothing here is trained on one that high."""
GARMENTS = ("hoodie", "shirt", "sweater", "jacket")


def garments(count: int) -> list[str]:
    """``count`` of them, of all kinds and colours in turn."""
    colors = list(COLORS)
    return [phrase(GARMENTS[k % len(GARMENTS)], colors[k % len(colors)]) for k in range(count)]


def style(*arguments: object) -> None:
    """``igo style photo.png t-shirt ...`` in this process. Raises ``SystemExit`` if it fails."""
    with redirect_stdout(StringIO()):
        code = cli.run_command(["style", "photo.png", "t-shirt", "--seed", "7", "-q", *map(str, arguments)])
    if code:
        raise SystemExit(code)


def as_lookbook(looks: Sequence[str]) -> list[Image.Image]:
    """All garments by one command."""
    Path("garments.txt").write_text("\n".join(looks), "utf-8")
    style("--each", "garments.txt", "-o", "book.png")
    return [read_image(f"book-{number}.png").image for number in range(1, len(looks) + 1)]


def one_by_one(looks: Sequence[str]) -> list[Image.Image]:
    """Each garment by a command of its own."""
    for number, garment in enumerate(looks, 1):
        style(garment, "-o", f"alone-{number}.png")
    return [read_image(f"alone-{number}.png").image for number in range(1, len(looks) + 1)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.lookbook", description=__doc__.splitlines()[0])
    parser.add_argument("--garments", type=int, default=12, help="how many, at least 2 (12)")
    parser.add_argument("--width", type=int, default=1200, help="of the drawing in pixels (1200)")
    parser.add_argument("--rounds", type=int, default=3, help="how many pairs to time (3)")
    parser.add_argument("--photo", type=Path, help="in place of a drawing: a photo with a t-shirt in it")
    chosen = parser.parse_args()
    looks = garments(max(2, chosen.garments))
    figure = sample(SEED, top="t-shirt", bottom="jeans")
    photo = (
        read_image(chosen.photo).image
        if chosen.photo
        else Image.fromarray(draw(figure, chosen.width, chosen.width * 3 // 2).image)
    )
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        photo.save("photo.png")
        times: list[tuple[float, float]] = []
        for _ in range(chosen.rounds + 1):  # the first warms up
            pair, pictures = [], []
            for way in (as_lookbook, one_by_one):
                began = time.process_time()
                pictures.append(way(looks))
                pair.append(time.process_time() - began)
            assert pictures[0] == pictures[1], "the two paint different pictures"
            times.append((pair[0], pair[1]))
        os.chdir("/")
    ratios = [together / alone for together, alone in times[1:]]
    print(f"{len(looks)} garments, a picture of {photo.width}x{photo.height}, the same pictures byte for byte")
    print(f"one by one           {statistics.median(alone for _, alone in times[1:]):.2f} s of CPU")
    print(f"lookbook             {statistics.median(together for together, _ in times[1:]):.2f} s of CPU")
    print(f"lookbook/one by one  {statistics.median(ratios):.3f} (median; {min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
