"""What a score costs: candidates by the time of their training step, and those that none beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from automix_search.evidence import front as pareto_front
from automix_search.report.page.figures import canvas, frame, plain
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BASELINE, GOOD, PALE
from automix_search.report.page.parts import Chart, Section
from automix_search.report.wording import number
from automix_search.training.base import Objective
from automix_search.tuning.leaderboard import Row


@dataclass(frozen=True)
class Point:
    """A candidate by cost and validation score."""

    row: Row
    cost: float
    score: float


def trade_off(material: Material) -> Section | None:
    """The front of score and cost; None where fewer than two trainings of the search have both."""
    finished = [row for row in material.rows if row.state == "finished" and row.search is not None]
    by_step = [Point(row, row.step_factor, row.search or 0.0) for row in finished if row.step_factor]
    points = by_step or [
        Point(row, row.record.seconds, row.search or 0.0) for row in finished if row.record.seconds
    ]
    if len(points) < 2:
        return None
    axis = "time of a training step, over that of none" if by_step else "seconds of its training"
    best = front(points, material.objective)
    figure = canvas(axis, f"valid {plain(material.objective.metric)}", height=420)
    chosen = {point.row.name for point in best}
    for name, colour, symbol, group in (
        ("trials", PALE, "circle", [each for each in points if not each.row.baseline]),
        ("baselines", BASELINE, "diamond", [each for each in points if each.row.baseline]),
    ):
        beaten = [each for each in group if each.row.name not in chosen]
        if beaten:
            figure.add_trace(_dots(beaten, name, colour, symbol))
    figure.add_trace(_front(best))
    figure.update_yaxes(range=frame([point.score for point in points], material.objective))
    cheapest, dearest = best[0], best[-1]
    said = "Green: nothing is both cheaper and better, as far as one seed can tell. "
    if cheapest is dearest:
        said += f"{cheapest.row.name} alone is both the cheapest and the best."
    else:
        said += (
            f"From {cheapest.row.name}, {number(cheapest.score)}, to {dearest.row.name}, {number(dearest.score)}, at "
            f"{dearest.cost / cheapest.cost:.2f} times the cost."
        )
    title = f"Valid {material.objective.metric} against cost"
    return Section("trade-off", "Score against cost", [Chart(title, figure, said)])


def front(points: Sequence[Point], objective: Objective) -> list[Point]:
    """Those that nothing beats in cost and score, the cheapest first."""
    pairs = [(point.cost, point.score) for point in points]
    places = pareto_front(pairs, ("min", objective.direction))
    return sorted((points[place] for place in places), key=lambda point: point.cost)


def _dots(points: Sequence[Point], name: str, colour: str, symbol: str) -> go.Scatter:
    return go.Scatter(
        x=[point.cost for point in points],
        y=[point.score for point in points],
        text=[plain(point.row.name) for point in points],
        mode="markers",
        name=name,
        marker={"color": colour, "size": 8, "symbol": symbol},
        hovertemplate="%{text}: %{y:.4f} at %{x:.3g}<extra></extra>",
    )


def _front(points: Sequence[Point]) -> go.Scatter:
    return go.Scatter(
        x=[point.cost for point in points],
        y=[point.score for point in points],
        text=[plain(f"{point.row.name}*" if point.row.baseline else point.row.name) for point in points],
        mode="lines+markers+text",
        textposition="bottom right",
        name="not beaten in both",
        line={"color": GOOD, "width": 2, "shape": "hv"},
        marker={"size": 10},
        hovertemplate="%{text}: %{y:.4f} at %{x:.3g}<extra></extra>",
    )
