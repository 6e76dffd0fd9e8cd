"""Photographs of 12 megapixels and more, changed in a mask: is all else the same, and what does their size cost?

    python -m benchmarks.large_photos [--megapixels 12]

The photographs lie in scikit-image's wheel (``pip install 'igo[benchmarks]'``) and are enlarged to odd sizes. Each is
changed in three zones, one of them in a corner and one soft, by `mini` at its own 20 steps; outside, every byte is
compared with the file's. Baseline: a picture of `mini`'s own size changed in the same zones, so that what is left is
what size costs beside the painting: reading, cutting out, scaling, matching colours, blending, checking. CPU time.
"""

import argparse
import statistics
import time
from io import BytesIO
from math import ceil, sqrt

import numpy as np
from PIL import Image, ImageFilter

import igo
from benchmarks.upscaling import photos
from igo.cli import options
from igo.embedded import NATIVE_SIZE
from igo.images import read_image

ZONES = {"middle": (0.3, 0.3, 0.7, 0.7), "corner": (0.75, 0.8, 1.0, 1.0), "soft": (0.1, 0.1, 0.4, 0.35)}
"""Left, top, right and bottom as shares of the picture."""
PROMPT = "fashion photo of a woman in a red coat, street background"


def enlarged(photo: Image.Image, megapixels: float) -> Image.Image:
    """A photo enlarged to odd sides and at least so many megapixels; as it is if it has them."""
    factor = max(1.0, sqrt(megapixels * 1e6 / (photo.width * photo.height)))
    width, height = (ceil(side * factor) | 1 for side in photo.size)
    return photo.resize((width, height), Image.Resampling.LANCZOS)


def mask_of(zone: str, size: tuple[int, int]) -> Image.Image:
    """The mask of one of ``ZONES`` for a picture of ``size``."""
    mask = Image.new("L", size)
    left, top, right, bottom = ZONES[zone]
    mask.paste(255, (int(left * size[0]), int(top * size[1]), int(right * size[0]), int(bottom * size[1])))
    return mask.filter(ImageFilter.BoxBlur(max(size) // 50)) if zone == "soft" else mask


def changed(chain: igo.Chain, data: bytes, mask: Image.Image) -> tuple[float, bool]:
    """CPU seconds for a change of the picture in the file ``data``, and whether it is there, and nowhere else."""
    began = time.process_time()
    look = chain.run(PROMPT, image=data, layers={"mask": mask}, seed=7)
    seconds = time.process_time() - began
    differs = (np.asarray(look.image) != np.asarray(read_image(data).image)).any(2)
    zone = np.asarray(mask) > 0
    return seconds, bool(differs[zone].any() and not differs[~zone].any())


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.large_photos", description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=12, help="at least so many (12)")
    megapixels = parser.parse_args().megapixels
    found = photos()
    if not found:
        raise SystemExit("error: there are no photographs; pip install 'igo[benchmarks]'")
    options.without_advice()
    chain = igo.Chain(igo.TextToImage("mini"))
    changed(chain, _jpeg(Image.new("RGB", NATIVE_SIZE)), mask_of("middle", NATIVE_SIZE))  # loads the model
    times, exact = [], []
    for name, pixels in found:
        photo = Image.fromarray(pixels)
        large, small = enlarged(photo, megapixels), photo.resize(NATIVE_SIZE)
        for zone in ZONES:
            seconds, kept = changed(chain, _jpeg(large), mask_of(zone, large.size))
            baseline, small_kept = changed(chain, _jpeg(small), mask_of(zone, NATIVE_SIZE))
            times.append((seconds, baseline))
            exact += [kept, small_kept]
            print(
                f"{name}, {large.width}x{large.height}, {zone}: {seconds:.2f} s, small {baseline:.2f} s, exact {kept}"
            )
    print(f"changed in the zone alone  {sum(exact)} of {len(exact)} pictures")
    print(f"large                      {statistics.median(large for large, _ in times):.2f} s of CPU (median)")
    print(f"of mini's own size         {statistics.median(small for _, small in times):.2f} s of CPU (median)")
    print(f"what size costs            {statistics.median(large - small for large, small in times):.2f} s (median)")
    if not all(exact):
        raise SystemExit("error: something changed outside of a zone, or nothing in it")


def _jpeg(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
