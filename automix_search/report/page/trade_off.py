"""What a score costs: the Pareto front of score and cost, or of all objectives where there are several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from automix_search.evidence import front as pareto_front
from automix_search.report.page.figures import better_is, canvas, frame, plain
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BASELINE, GOOD, PALE
from automix_search.report.page.parts import Chart, Section
from automix_search.report.wording import number
from automix_search.training.base import Objective
from automix_search.tuning.leaderboard import Row


@dataclass(frozen=True)
class Point:
    """A candidate by cost, or another objective, and validation score."""

    row: Row
    cost: float
    score: float


def trade_off(material: Material) -> Section | None:
    """The Pareto front: of all objectives, or of score and cost where there is one; None where fewer than two do."""
    finished = [row for row in material.rows if row.state == "finished" and row.search is not None]
    if material.objective.also:
        charts = [_of_goals(finished, material.objective, goal) for goal in material.objective.also]
        title = "Several objectives"
    else:
        charts, title = [_of_cost(finished, material.objective)], "Score against cost"
    drawn = [chart for chart in charts if chart is not None]
    return Section("trade-off", title, drawn) if drawn else None


def _of_goals(rows: Sequence[Row], objective: Objective, goal: Objective) -> Chart | None:
    """The first objective against a further one, with the front of all objectives."""
    points = [
        Point(row, row.values[goal.metric], row.values[objective.metric])
        for row in rows
        if {goal.metric, objective.metric} <= row.values.keys()
    ]
    best = sorted((point for point in points if point.row.distance is not None), key=lambda point: point.cost)
    if len(points) < 2 or not best:
        return None
    goals = objective.all
    figure = _drawn(
        points, best, f"{goal.metric}, {better_is(goal)} is better", objective, joined=len(goals) == 2
    )
    knee = min(best, key=lambda point: point.row.distance or 0.0)
    said = (
        f"Green: nothing is as good in all {len(goals)} objectives and better in one, as far as one seed can tell. "
        f"{knee.row.name} lies nearest to what is best in each: {number(knee.score)} and {number(knee.cost)}."
    )
    return Chart(f"Valid {objective.metric} against {goal.metric}", figure, said)


def _of_cost(rows: Sequence[Row], objective: Objective) -> Chart | None:
    """The score against what a step costs, or the whole training where that is not known."""
    by_step = [Point(row, row.step_factor, row.search or 0.0) for row in rows if row.step_factor]
    points = by_step or [Point(row, row.seconds, row.search or 0.0) for row in rows if row.seconds]
    if len(points) < 2:
        return None
    axis = "time of a training step, over that of none" if by_step else "seconds of its training"
    best = front(points, objective)
    cheapest, dearest = best[0], best[-1]
    said = "Green: nothing is both cheaper and better, as far as one seed can tell. "
    if cheapest is dearest:
        said += f"{cheapest.row.name} alone is both the cheapest and the best."
    else:
        said += (
            f"From {cheapest.row.name}, {number(cheapest.score)}, to {dearest.row.name}, {number(dearest.score)}, at "
            f"{dearest.cost / cheapest.cost:.2f} times the cost."
        )
    figure = _drawn(points, best, axis, objective)
    return Chart(f"Valid {objective.metric} against cost", figure, said)


def front(points: Sequence[Point], objective: Objective) -> list[Point]:
    """Those that nothing beats in cost and score, the cheapest first."""
    pairs = [(point.cost, point.score) for point in points]
    places = pareto_front(pairs, ("min", objective.direction))
    return sorted((points[place] for place in places), key=lambda point: point.cost)


def _drawn(
    points: Sequence[Point], best: Sequence[Point], axis: str, objective: Objective, *, joined: bool = True
) -> go.Figure:
    figure = canvas(plain(axis), f"valid {plain(objective.metric)}", height=420)
    chosen = {point.row.name for point in best}
    for name, colour, symbol, baseline in (
        ("trials", PALE, "circle", False),
        ("baselines", BASELINE, "diamond", True),
    ):
        beaten = [
            point for point in points if point.row.baseline == baseline and point.row.name not in chosen
        ]
        if beaten:
            figure.add_trace(_dots(beaten, name, colour, symbol))
    figure.add_trace(_front(best, joined))
    figure.update_yaxes(range=frame([point.score for point in points], objective))
    return figure


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


def _front(points: Sequence[Point], joined: bool) -> go.Scatter:
    return go.Scatter(
        x=[point.cost for point in points],
        y=[point.score for point in points],
        text=[plain(f"{point.row.name}*" if point.row.baseline else point.row.name) for point in points],
        mode="lines+markers+text" if joined else "markers+text",
        textposition="bottom right",
        name="on the front",
        line={"color": GOOD, "width": 2, "shape": "hv"},
        marker={"size": 10},
        hovertemplate="%{text}: %{y:.4f} at %{x:.3g}<extra></extra>",
    )
