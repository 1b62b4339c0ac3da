"""Scores over seeds: validation in the race, test in the confirmation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from scipy import stats

from automix_search.policy import Score
from automix_search.report.page.figures import canvas, plain
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BASELINE, TRIAL
from automix_search.report.page.parts import Chart
from automix_search.tuning.leaderboard import Row
from automix_search.tuning.scores import raced, tested

CONFIDENCE = 0.95
READ = f"Rings are single seeds, dots their means, lines the {CONFIDENCE:.0%} intervals of the means."

Values = Mapping[str, Mapping[int, float]]


def interval_of(score: Score | None) -> tuple[float, float] | None:
    """Where the mean lies with 95%; None with a single seed."""
    if score is None or score.standard_error is None:
        return None
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(score.seeds) - 1)) * score.standard_error
    return score.mean - reach, score.mean + reach


def race_chart(material: Material) -> Chart | None:
    """Validation scores of those that raced; None where nothing has raced."""
    scores = {row.name: row.valid for row in material.rows if row.valid is not None}
    caption = (
        f"{READ} Who could not win any more was given no further seeds. The best trial was chosen by these."
    )
    return _chart(
        material, "valid", scores, raced(material.records.values(), material.objective.metric), caption
    )


def test_chart(material: Material) -> Chart | None:
    """Test scores of the best trial and the baselines; None where nothing is confirmed."""
    scores = {row.name: row.test for row in material.rows if row.test is not None}
    caption = (
        f"{READ} All were trained on the same fresh seeds, so that two means differ less by luck than their intervals "
        "overlap: the verdict compares seed by seed."
    )
    return _chart(
        material, "test", scores, tested(material.records.values(), material.objective.metric), caption
    )


def _chart(
    material: Material, split: str, scores: Mapping[str, Score], values: Values, caption: str
) -> Chart | None:
    if not scores:
        return None
    metric = material.objective.metric
    figure = canvas(f"{split} {plain(metric)}", "", height=110 + 30 * len(scores))
    rows = [row for row in material.rows if row.name in scores]
    for name, colour, baseline in (("trials", TRIAL, False), ("baselines", BASELINE, True)):
        chosen = [row for row in rows if row.baseline == baseline]
        if chosen:
            figure.add_trace(_seeds(chosen, values, colour))
            figure.add_trace(_means({row.name: scores[row.name] for row in chosen}, name, colour))
    order = [plain(row.name) for row in rows]
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=order[::-1])
    where = "in the race" if split == "valid" else "on fresh seeds"
    return Chart(f"{split.capitalize()} {metric} {where}", figure, caption)


def _seeds(rows: Sequence[Row], values: Values, colour: str) -> go.Scatter:
    points = [
        (value, plain(row.name), seed) for row in rows for seed, value in values.get(row.name, {}).items()
    ]
    return go.Scatter(
        x=[value for value, _, _ in points],
        y=[name for _, name, _ in points],
        text=[seed for _, _, seed in points],
        mode="markers",
        marker={"color": colour, "size": 7, "symbol": "circle-open"},
        hovertemplate="%{y}, seed %{text}: %{x:.4f}<extra></extra>",
        showlegend=False,
    )


def _means(scores: Mapping[str, Score], name: str, colour: str) -> go.Scatter:
    intervals = [interval_of(score) or (score.mean, score.mean) for score in scores.values()]
    reaches = [(high - low) / 2 for low, high in intervals]
    return go.Scatter(
        x=[score.mean for score in scores.values()],
        y=[plain(candidate) for candidate in scores],
        error_x={"type": "data", "array": reaches, "color": colour, "thickness": 2, "width": 5},
        mode="markers",
        name=name,
        marker={"color": colour, "size": 11},
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
