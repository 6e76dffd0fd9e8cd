"""Contact sheets: pictures side by side with a line of text below each group."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

MARGIN = 12
WIDEST = 4
"""Times its height that a picture is wide at most; a wider one is shown less high."""
PAPER, INK, RED = (255, 255, 255), (40, 40, 40), (225, 20, 60)


def contact_sheet(
    groups: Sequence[Sequence[Image.Image]],
    captions: Sequence[str],
    columns: int = 3,
    height: int = 384,
    lines: int = 1,
) -> Image.Image:
    """All groups of pictures on one RGB sheet, ``columns`` groups in a row, each picture ``height`` pixels high.

    Captions are shortened to ``lines`` lines of the width of their group.
    """
    rows = [[_scaled(image, height) for image in group] for group in groups]
    widths = [sum(image.width for image in group) + MARGIN // 3 * (len(group) - 1) for group in rows]
    cell_width, text_height = max(widths) + MARGIN, height // 16
    cell_height = height + lines * text_height + 2 * MARGIN
    columns = min(columns, len(rows))
    sheet = Image.new("RGB", (columns * cell_width + MARGIN, -(-len(rows) // columns) * cell_height + MARGIN), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(text_height * 0.8)
    for index, (group, caption) in enumerate(zip(rows, captions, strict=True)):
        left = MARGIN + index % columns * cell_width
        top = MARGIN + index // columns * cell_height
        for line, text in enumerate(_wrapped(caption, font, widths[index], lines)):
            draw.text((left, top + height + MARGIN // 3 + line * text_height), text, INK, font)
        for image in group:
            sheet.paste(image, (left, top))
            left += image.width + MARGIN // 3
    return sheet


def tinted(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """An RGB picture with a mask (mode L or 1, of its size) in red over it, and the rest paler."""
    red, pale = (Image.blend(picture, Image.new("RGB", picture.size, ink), 0.55) for ink in (RED, PAPER))
    return Image.composite(red, pale, mask)


def _scaled(image: Image.Image, height: int) -> Image.Image:
    """The picture so high, or of a ribbon as much as ``WIDEST`` times that is wide."""
    scale = min(height / image.height, WIDEST * height / image.width)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int, lines: int) -> list[str]:
    """The text on at most so many lines, broken between words, the last one shortened."""
    done: list[str] = []
    words = text.split(" ")
    while words and len(done) < lines - 1:
        fit = 1
        while fit < len(words) and font.getlength(" ".join(words[: fit + 1])) <= width:
            fit += 1
        done.append(_shortened(" ".join(words[:fit]), font, width))
        words = words[fit:]
    return [*done, _shortened(" ".join(words), font, width)]


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
