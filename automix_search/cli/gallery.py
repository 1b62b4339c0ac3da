"""`automix-search gallery`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automix_search.cli.output import console

if TYPE_CHECKING:
    from PIL.Image import Image

    from automix_search.data import Splits
    from automix_search.families import Spec


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
    sheet = draw_sheet(list(exhibits(_splits(data), kinds, pairs, seed)))
    write_atomically(output, _png(sheet))
    console().print(f"{output}: {sheet.width} x {sheet.height} pixels", markup=False)


def _splits(name: str) -> Splits:
    """The data set of this kind, or that of the trainer of this name or file."""
    from pydantic import TypeAdapter

    from automix_search.data import DATASETS, AbstractDataSource, DataSource
    from automix_search.errors import InputError
    from automix_search.presets import find_preset
    from automix_search.training.recipe import load_recipe

    ready = [kind for kind, source in DATASETS.kinds().items() if not _asks_for_more(source)]
    if name in ready:
        return TypeAdapter[AbstractDataSource](DataSource).validate_python({"kind": name}).load()
    try:
        recipe = load_recipe(find_preset("trainer", name).document())
    except InputError as error:
        raise InputError(f"{error}\n`--data` also takes a data set: {', '.join(sorted(ready))}") from None
    if recipe.data is None:
        raise InputError(f"the trainer `{name}` names no data set")
    return recipe.data.load()


def _asks_for_more(source: type[Spec]) -> bool:
    return any(field.is_required() for field in source.model_fields.values())


def _png(sheet: Image) -> bytes:
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
