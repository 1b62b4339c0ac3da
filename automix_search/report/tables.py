"""The leaderboard as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from automix_search.report.candidates import what_it_does
from automix_search.report.wording import NOTHING, duration, number, score
from automix_search.training.base import Objective
from automix_search.tuning.budget import ONE_CORE, Share
from automix_search.tuning.leaderboard import Row

WIDE = 100
"""Columns of a terminal from which seeds and states get columns of their own."""

STYLES = {"failed": "red", "pruned": "yellow", "interrupted": "yellow"}


def leaderboard_table(
    rows: Iterable[Row],
    objective: Objective,
    *,
    methods: Iterable[type] = (),
    width: int = WIDE,
    share: Share = ONE_CORE,
) -> Table:
    """Candidates as they rank; a `*` marks the baselines.

    Args:
        rows: What is shown.
        objective: What was optimised.
        methods: Classes of the user's own that policies name.
        width: Columns of the terminal; a narrow one gets fewer columns of the table.
        share: What a training had of the machine while it ran.
    """
    wide, own, rows = width >= WIDE, tuple(methods), list(rows)
    further = tuple(each.metric for each in objective.also)
    costly = wide and any(row.step_factor is not None for row in rows)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("name", no_wrap=True)
    table.add_column("what it does", overflow="fold")
    for heading in ("search", *further, "valid", "test"):
        table.add_column(heading, justify="right", no_wrap=True)
    if wide:
        for heading in ("seeds", *(("step", "peak", share.unit) if costly else ())):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("state", no_wrap=True)
    for row in rows:
        table.add_row(
            *_cells(row, own, wide, further, share if costly else None),
            style="bold" if row.rank == 1 else STYLES.get(row.state, ""),
        )
    arrow = "higher" if objective.direction == "max" else "lower"
    table.caption = Text(
        f"* baseline · {objective.metric}, {arrow} is better · ± standard error"
        + (" · seeds: valid+test" if wide else "")
        + (" · ◆ Pareto front" if further else "")
        + (f" · step: its time over that of `none` · {share.unit}: time of the training" if costly else ""),
        style="dim",
    )
    table.caption_justify = "left"
    return table


def _cells(
    row: Row, methods: tuple[type, ...], wide: bool, further: tuple[str, ...], share: Share | None
) -> list[Text]:
    does = what_it_does(row.record.asked, methods)
    if not wide and row.state != "finished":
        does = f"{state(row)} · {does}"
    seen = [number(row.values.get(metric)) for metric in further]
    place = f"{row.rank} ◆" if row.distance is not None else str(row.rank)
    cells = [place, name(row), does, number(row.search), *seen, score(row.valid), score(row.test)]
    if wide:
        cells += [seeds(row), *(costs(row, share) if share else ()), state(row)]
    return [Text(cell) for cell in cells]


def name(row: Row) -> str:
    """A candidate's name, baselines with a `*`."""
    return f"{row.name}*" if row.baseline else row.name


def state(row: Row) -> str:
    """How its training in the search ended."""
    match row.state:
        case "asked":
            return "running"
        case "pruned":
            return f"pruned at {row.epochs}"
        case _:
            return row.state


def seeds(row: Row) -> str:
    """On how many seeds it raced and was confirmed: `4+5`."""
    numbers = [str(len(found.seeds)) for found in (row.valid, row.test) if found]
    return "+".join(numbers) or NOTHING


def costs(row: Row, share: Share) -> tuple[str, str, str]:
    """Time of a step as a multiple of that of `none`, memory at its peak, and what the training took of the machine."""
    time = NOTHING if row.step_factor is None else f"×{row.step_factor:.2f}"
    memory = NOTHING if row.peak_memory_mb is None else f"{row.peak_memory_mb / 1000:.1f} GB"
    return time, memory, duration(row.seconds * share.many)


def shortened(rows: Sequence[Row], best: int) -> list[Row]:
    """The best few rows, and all baselines."""
    return [row for row in rows if row.rank <= best or row.baseline]
