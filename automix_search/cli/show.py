"""`automix-search show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_search.cli.data_argument import splits_of
from automix_search.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from automix_search.policy import Policy
    from automix_search.policy.learned_file import LearnedFile


def show(
    policy: Annotated[Path, typer.Argument(help="A policy file, as a search or `export` wrote it.")],
    data: Annotated[
        str, typer.Option(help="Pictures to show it on: a data set by name, or a trainer, whose data it is.")
    ] = "photos",
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the picture.")] = Path(
        "learned.png"
    ),
    seed: Annotated[int, typer.Option(help="Of the pictures and of all draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Draw what a policy has learned: its numbers over the training, and real pictures as it augments them.

    Example: automix-search show runs/demo/policy.yaml -o learned.png
    """
    from automix_search.documents import write_atomically
    from automix_search.policy import load_policy
    from automix_search.policy.summary import summary
    from automix_search.report.learned import augmented, draw_learned

    chosen = load_policy(policy)
    file = _learned(chosen, policy)
    if as_json:
        print_json(file.history)
        return
    pictures = augmented(chosen, splits_of(data), seed)
    write_atomically(output, draw_learned(summary(chosen), file.history, pictures))
    console().print(_table(file.history))
    note = "" if pictures else " (without pictures: it needs the model that is trained)"
    console().print(f"{output}: how it went over the training{note}", markup=False)


def _learned(policy: Policy, path: Path) -> LearnedFile:
    """What the policy has learned.

    Raises:
        InputError: It learns nothing, or has not learned yet.
    """
    from automix_search.errors import InputError
    from automix_search.policy.learned_file import read_learned

    if policy.learned is None:
        raise InputError(
            f"{path} has no learned part; `automix-search gallery` shows methods that do not learn"
        )
    if policy.learned.weights is None:
        raise InputError(f"{path} has learned nothing yet: it names no `weights`")
    return read_learned(policy.learned.weights)


def _table(history: list[dict[str, Any]]) -> Table:
    """Each number at the start, in the middle and at the end."""
    from rich.table import Table

    from automix_search.report.learned import groups

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("", "", "start", "middle", "end"):
        table.add_column(heading, justify="right" if heading else "left")
    for name in groups(history):
        moments = [moment[name] for moment in history if moment.get(name)]
        chosen = (moments[0], moments[len(moments) // 2], moments[-1])
        for label in chosen[-1]:
            table.add_row(name, label, *(f"{moment.get(label, float('nan')):.3g}" for moment in chosen))
            name = ""
    return table
