"""Exhibits drawn on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from automix_search.report.gallery.exhibits import Exhibit, Picture

SIDE = 128
"""Shorter side of a picture on the sheet, in pixels, at least."""
GAP, TITLE, LINE, COLUMNS = 10, 170, 15, 2
INK, PALE, PAPER = (20, 20, 20), (110, 110, 110), (255, 255, 255)


def draw_sheet(exhibits: Sequence[Exhibit]) -> Image.Image:
    """All exhibits on one sheet, in two columns: the title on the left, then the pictures, their text below."""
    zoom = max(1, -(-SIDE // min(exhibits[0].pictures[0].pixels.shape[1:])))
    rows = [_row(exhibit, zoom) for exhibit in exhibits]
    column = -(-len(rows) // COLUMNS)
    width, height = rows[0].width + 2 * GAP, rows[0].height + GAP
    sheet = Image.new("RGB", (width * min(COLUMNS, len(rows)), height * column + GAP), PAPER)
    for number, row in enumerate(rows):
        sheet.paste(row, (number // column * width + GAP, number % column * height + GAP))
    return sheet


def _row(exhibit: Exhibit, zoom: int) -> Image.Image:
    pictures = [_picture(picture, zoom) for picture in exhibit.pictures]
    width, height = pictures[0].size
    row = Image.new("RGB", (TITLE + len(pictures) * (width + GAP), height), PAPER)
    draw = ImageDraw.Draw(row)
    draw.text((0, 4), exhibit.title, INK, ImageFont.load_default(17))
    for number, line in enumerate(_wrapped(exhibit.remark)):
        draw.text((0, 28 + number * LINE), line, PALE, ImageFont.load_default(12))
    for number, picture in enumerate(pictures):
        row.paste(picture, (TITLE + number * (width + GAP), 0))
    return row


def _picture(picture: Picture, zoom: int) -> Image.Image:
    image = _image(picture.pixels)
    image = image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)
    framed = Image.new("RGB", (image.width, image.height + 2 * LINE + 4), PAPER)
    framed.paste(image)
    draw = ImageDraw.Draw(framed)
    for number, line in enumerate(picture.lines):
        draw.text((0, image.height + 1 + number * LINE), line, PALE, ImageFont.load_default(12))
    return framed


def _image(pixels: Tensor) -> Image.Image:
    """A picture of one or three channels, as RGB; of other numbers the first is shown in grey."""
    shown = pixels if len(pixels) == 3 else pixels[:1].expand(3, -1, -1)
    levels = (shown.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(levels.numpy()))


def _wrapped(text: str, length: int = 26) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > length:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
