"""`automix-search gallery`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automix_search.cli.data_argument import splits_of
from automix_search.cli.output import console

if TYPE_CHECKING:
    from PIL.Image import Image


def gallery(
    data: Annotated[
        str,
        typer.Option(
            help="A data set by name (photos, digits, mnist_5k, ...), or a trainer, whose data it is."
        ),
    ] = "photos",
    methods: Annotated[str, typer.Option(help="Kinds to show, with commas between them; all if empty.")] = "",
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the picture.")] = Path(
        "gallery.png"
    ),
    pairs: Annotated[int, typer.Option(min=1, max=8, help="Pairs of pictures.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the pictures and of all draws.")] = 0,
) -> None:
    """Draw every mixing method and every transform on the same real pictures, with shares and labels.

    Methods that look into a model see a small one, trained for a moment on the same pictures.

    Example: automix-search gallery --methods cutmix,fmix -o gallery.png
    """
    from automix_search.documents import write_atomically
    from automix_search.report.gallery import draw_sheet, exhibits

    kinds = [kind.strip() for kind in methods.split(",") if kind.strip()]
    sheet = draw_sheet(list(exhibits(splits_of(data), kinds, pairs, seed)))
    write_atomically(output, _png(sheet))
    console().print(f"{output}: {sheet.width} x {sheet.height} pixels", markup=False)


def _png(sheet: Image) -> bytes:
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
