"""How often a photograph is taken for a drawing, and a drawing for a photograph (``igo.images.is_photograph``).

    python -m benchmarks.photographs [--drawings 60] [--paintings 12] [FILE ...]

The photographs lie in scikit-image's wheel (``pip install 'igo[benchmarks]'``); more can be named. Drawings are
`igo.wardrobe`'s, paintings `mini`'s. Each is tried as it is, as a JPEG of three qualities, and at several sizes.
"""

import argparse
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image

import igo
from benchmarks.upscaling import photos
from igo.images import is_photograph, read_image
from igo.wardrobe import captions, draw, sample

QUALITIES = (90, 60, 40)
SIDES = (128, 192, 256, 512, 1024)
FIRST = 90_000
"""The first seed of the drawings, far from those on which the rule was fitted."""


def variants(image: Image.Image, scales: tuple[float, ...]) -> Iterator[Image.Image]:
    """The picture as it is, as a JPEG, and at other sizes."""
    yield image
    for quality in QUALITIES:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)
        yield Image.open(file).convert("RGB")
    for scale in scales:
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        yield image.resize(size, Image.Resampling.LANCZOS)


def share(images: list[Image.Image], wanted: bool) -> str:
    wrong = sum(is_photograph(image) != wanted for image in images)
    return f"{wrong} of {len(images)} wrong ({wrong / len(images):.1%})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.photographs", description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", type=int, default=60)
    parser.add_argument("--paintings", type=int, default=12)
    parser.add_argument("files", nargs="*", type=Path, help="photographs of your own")
    chosen = parser.parse_args()
    own = (0.5, 1.5, 2.0, 4.0)
    chain = igo.Chain(igo.TextToImage("mini"))
    figures = [sample(FIRST + number) for number in range(chosen.drawings)]
    drawings = [Image.fromarray(draw(figure, 128, 192).image) for figure in figures]
    paintings = [
        chain.run(captions(figure)[0], seed=number, num_inference_steps=8).image
        for number, figure in enumerate(figures[: chosen.paintings])
    ]
    taken = [*(Image.fromarray(pixels) for _, pixels in photos()), *(read_image(file).image for file in chosen.files)]
    print("drawings:   ", share([one for image in drawings for one in variants(image, own)], False))
    print("paintings:  ", share([one for image in paintings for one in variants(image, own)], False))
    sized = [
        one
        for image in taken
        for one in variants(image, tuple(side / max(image.size) for side in SIDES if side < max(image.size)))
    ]
    print("photographs:", share(sized, True))


if __name__ == "__main__":
    main()
