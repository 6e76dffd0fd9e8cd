"""Contact sheets."""

import torch
from PIL import Image
from torch import Tensor


def sheet(pictures: Tensor, columns: int, gap: int = 2) -> Image.Image:
    """Lay N×H×W×3 uint8 pictures out row by row on white, ``gap`` pixels apart."""
    count, height, width, _ = pictures.shape
    rows = -(-count // columns)
    canvas = torch.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, dtype=torch.uint8)
    for index, picture in enumerate(pictures):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        canvas[top : top + height, left : left + width] = picture
    return Image.fromarray(canvas.numpy())
