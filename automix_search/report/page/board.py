"""The leaderboard: every candidate with intervals, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from scipy import stats

from automix_search.policy import Score
from automix_search.report.candidates import what_it_does
from automix_search.report.page.figures import better_is, canvas, plain
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BASELINE, TRIAL
from automix_search.report.page.parts import Cell, Chart, Column, Paragraph, Part, Section, Table
from automix_search.report.tables import state
from automix_search.report.wording import NOTHING, duration, number
from automix_search.tuning.leaderboard import Row

CONFIDENCE = 0.95
COLUMNS = (
    "name",
    "rank",
    "test",
    "valid",
    "search",
    "seeds",
    "step",
    "peak MB",
    "spent",
    "state",
    "what it does",
)
WORDS = {"name", "what it does", "state"}


def board(material: Material) -> Section | None:
    """All candidates; None before there is one."""
    if not material.rows:
        return None
    metric, way = material.objective.metric, better_is(material.objective)
    table = Table(
        f"All candidates, best first, baselines marked with *. {metric}, {way} is better; [] hold the mean with "
        f"{CONFIDENCE:.0%} by a t-distribution over the seeds, each candidate for itself; search is the score "
        "that the search saw. step: time of a training step over that of `none`. spent: time of all its trainings.",
        [Column(title, numeric=title not in WORDS) for title in COLUMNS],
        [_cells(row, material) for row in material.rows],
        frozenset(place for place, row in enumerate(material.rows) if row.baseline),
        sortable=True,
    )
    chart = _chart(material)
    parts: list[Part] = [] if chart is None else [chart]
    if chart is None:
        parts.append(Paragraph("No candidate is confirmed on fresh seeds yet: scores are of one seed each."))
    return Section("leaderboard", "Leaderboard", [*parts, table])


def interval_of(score: Score | None) -> tuple[float, float] | None:
    """Where the mean lies with 95%; None with a single seed."""
    if score is None or score.standard_error is None:
        return None
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(score.seeds) - 1)) * score.standard_error
    return score.mean - reach, score.mean + reach


def _cells(row: Row, material: Material) -> list[Cell]:
    seconds, seeds = material.seconds(row.name), len(row.valid.seeds) if row.valid else 0
    return [
        Cell(f"{row.name}*" if row.baseline else row.name),
        Cell(str(row.rank), row.rank),
        _scored(row.test),
        _scored(row.valid),
        Cell(number(row.search), row.search),
        Cell(str(seeds) if seeds else NOTHING, seeds),
        Cell(NOTHING if row.step_factor is None else f"×{row.step_factor:.2f}", row.step_factor),
        Cell(NOTHING if row.peak_memory_mb is None else f"{row.peak_memory_mb:,.0f}", row.peak_memory_mb),
        Cell(duration(seconds) if seconds else NOTHING, seconds),
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


def _chart(material: Material) -> Chart | None:
    rows = [row for row in material.rows if row.test is not None]
    if not rows:
        return None
    figure = canvas(f"test {plain(material.objective.metric)}", "", height=110 + 30 * len(rows))
    for name, colour, baseline in (("trials", TRIAL, False), ("baselines", BASELINE, True)):
        chosen = [row for row in rows if row.baseline == baseline]
        if chosen:
            figure.add_traces([_seeds(chosen, colour, material), _means(chosen, name, colour)])
    order = [plain(row.name) for row in rows]
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=order[::-1])
    return Chart(
        "Test scores of those that were confirmed",
        figure,
        f"Rings are single seeds, dots their means, lines the {CONFIDENCE:.0%} intervals of the means. All "
        "were trained on the same seeds, so two means differ less by luck than their intervals overlap: a comparison "
        "goes seed by seed.",
    )


def _seeds(rows: Sequence[Row], colour: str, material: Material) -> go.Scatter:
    metric = f"test_{material.objective.metric}"
    points = [
        (value, plain(row.name), seed)
        for row in rows
        for seed, value in material.over_seeds(row.name, metric).items()
    ]
    values, names, seeds = zip(*points, strict=True) if points else ((), (), ())
    return go.Scatter(
        x=values,
        y=names,
        text=seeds,
        mode="markers",
        marker={"color": colour, "size": 7, "symbol": "circle-open"},
        hovertemplate="%{y}, seed %{text}: %{x:.4f}<extra></extra>",
        showlegend=False,
    )


def _means(rows: Sequence[Row], name: str, colour: str) -> go.Scatter:
    scores = [row.test for row in rows if row.test is not None]
    reaches = [(interval[1] - score.mean) if (interval := interval_of(score)) else 0.0 for score in scores]
    return go.Scatter(
        x=[score.mean for score in scores],
        y=[plain(row.name) for row in rows],
        error_x={"type": "data", "array": reaches, "color": colour, "thickness": 2, "width": 5},
        mode="markers",
        name=name,
        marker={"color": colour, "size": 11},
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
