"""The leaderboard: every candidate with intervals, and what it cost."""

from __future__ import annotations

from automix_search.policy import Score
from automix_search.report.candidates import what_it_does
from automix_search.report.page.figures import better_is
from automix_search.report.page.material import Material
from automix_search.report.page.parts import Cell, Column, Paragraph, Section, Table
from automix_search.report.page.score_charts import CONFIDENCE, interval_of, race_chart, test_chart
from automix_search.report.tables import seeds, state
from automix_search.report.wording import NOTHING, duration, number
from automix_search.tuning.leaderboard import Row

NUMBERS = ("rank", "test", "valid", "search", "seeds", "step", "peak MB")


def board(material: Material) -> Section | None:
    """All candidates; None before there is one."""
    if not material.rows:
        return None
    metric, way = material.objective.metric, better_is(material.objective)
    spent = f"{str(material.share['unit']).upper()} time"
    numbers = [Column(title) for title in (*NUMBERS, spent)]
    table = Table(
        f"All candidates, best first, baselines marked with *; {metric}, {way} is better. search: the score that the "
        f"search saw. valid: in the race. test: in the confirmation. [] hold a mean with {CONFIDENCE:.0%}, each "
        "candidate for itself. seeds: valid+test. step: time of a training step over that of `none`. "
        f"{spent}: of all its trainings.",
        [Column("name", numeric=False), *numbers, Column("state", False), Column("what it does", False)],
        [_cells(row, material) for row in material.rows],
        frozenset(place for place, row in enumerate(material.rows) if row.baseline),
        sortable=True,
    )
    charts = [chart for chart in (race_chart(material), test_chart(material)) if chart is not None]
    alone = [] if charts else [Paragraph("Nothing has raced or been confirmed: scores are of one seed each.")]
    return Section("leaderboard", "Leaderboard", [*alone, *charts, table])


def _cells(row: Row, material: Material) -> list[Cell]:
    spent_s = material.compute_s(row.name)
    trained = sum(len(score.seeds) for score in (row.valid, row.test) if score)
    return [
        Cell(f"{row.name}*" if row.baseline else row.name),
        Cell(str(row.rank), row.rank),
        _scored(row.test),
        _scored(row.valid),
        Cell(number(row.search), row.search),
        Cell(seeds(row), trained),
        Cell(NOTHING if row.step_factor is None else f"×{row.step_factor:.2f}", row.step_factor),
        Cell(NOTHING if row.peak_memory_mb is None else f"{row.peak_memory_mb:,.0f}", row.peak_memory_mb),
        Cell(duration(spent_s) if spent_s else NOTHING, spent_s),
        Cell(state(row) if row.state != "failed" else f"failed: {row.record.reason}"),
        Cell(what_it_does(row.record.asked)),
    ]


def _scored(score: Score | None) -> Cell:
    """A mean with its interval, sorted by the mean."""
    if score is None:
        return Cell(NOTHING)
    interval = interval_of(score)
    told = "" if interval is None else f" [{number(interval[0])}, {number(interval[1])}]"
    return Cell(number(score.mean) + told, score.mean)
