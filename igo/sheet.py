"""Contact sheets: pictures side by side with a line of text below each group."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

MARGIN = 12
PAPER, INK = (255, 255, 255), (40, 40, 40)


def contact_sheet(
    groups: Sequence[Sequence[Image.Image]],
    captions: Sequence[str],
    columns: int = 3,
    height: int = 384,
) -> Image.Image:
    """All groups of pictures on one RGB sheet, ``columns`` groups in a row, each picture ``height`` pixels high.

    Captions are shortened to the width of their group.
    """
    rows = [[_scaled(image, height) for image in group] for group in groups]
    widths = [sum(image.width for image in group) + MARGIN // 3 * (len(group) - 1) for group in rows]
    cell_width, text_height = max(widths) + MARGIN, height // 16
    cell_height = height + text_height + 2 * MARGIN
    columns = min(columns, len(rows))
    lines = -(-len(rows) // columns)
    sheet = Image.new("RGB", (columns * cell_width + MARGIN, lines * cell_height + MARGIN), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(text_height * 0.8)
    for index, (group, caption) in enumerate(zip(rows, captions, strict=True)):
        left = MARGIN + index % columns * cell_width
        top = MARGIN + index // columns * cell_height
        draw.text((left, top + height + MARGIN // 3), _shortened(caption, font, widths[index]), INK, font)
        for image in group:
            sheet.paste(image, (left, top))
            left += image.width + MARGIN // 3
    return sheet


def _scaled(image: Image.Image, height: int) -> Image.Image:
    width = max(1, round(image.width * height / image.height))
    return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
