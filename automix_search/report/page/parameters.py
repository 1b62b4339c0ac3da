"""Which parameters were tried, and how they scored: parallel coordinates for each branch of the space.

Plotly's own need WebGL and one scale for all trials. These are plain lines, one axis a parameter, with a lane below for
parameters that a trial does not have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from automix_search.ranges import Scalar
from automix_search.report.page.branches import Branch, branches_of
from automix_search.report.page.figures import better_is, canvas, plain
from automix_search.report.page.material import Material
from automix_search.report.page.palette import PALE, SCALE
from automix_search.report.page.parts import Chart, Fold, Paragraph, Part, Section
from automix_search.report.wording import count, number
from automix_search.spaces.holes import ChoiceHole, Hole
from automix_search.tuning.ledger import Record

LANE = -0.14
"""Where a line passes an axis whose parameter its trial does not have."""
FEWEST, MOST_TRIALS, MOST_LABELS = 2, 400, 20
AXIS_PX = 100


def parameters(material: Material) -> Section | None:
    """A figure for each branch with at least two trials; None where there is nothing to search."""
    if not material.holes:
        return None
    drawn = [branch for branch in branches_of(material) if len(branch.records) >= FEWEST]
    if not drawn:
        return Section(
            "parameters", "Parameters", [Paragraph("Fewer than two trials have come to their end.")]
        )
    charts = [_chart(branch, material) for branch in drawn]
    parts: list[Part] = [charts[0]]
    parts += [
        Fold(f"{branch.name}, {count(len(branch.records), 'trial')}", [chart])
        for branch, chart in zip(drawn[1:], charts[1:], strict=True)
    ]
    return Section("parameters", "Parameters", parts)


def _chart(branch: Branch, material: Material) -> Chart:
    objective = material.objective
    sign = 1.0 if objective.direction == "max" else -1.0
    ranked = sorted(branch.records, key=lambda record: sign * (record.value or 0.0))[-MOST_TRIALS:]
    scores = [record.value or 0.0 for record in ranked]
    low, high = min(scores), max(scores)
    last = len(branch.holes)
    figure = canvas("", "", height=460, showlegend=False, margin={"l": 24, "r": 64, "t": 16, "b": 72})
    axes = [*(name.replace(".", ".\n") for name in branch.names), f"valid\n{objective.metric}"]
    figure.update_xaxes(
        tickvals=list(range(last + 1)), ticktext=[plain(name).replace("\n", "<br>") for name in axes], tickangle=0,
        range=[-0.4, last + 0.6], showgrid=False, zeroline=False,
    )  # fmt: skip
    figure.update_yaxes(visible=False, range=[LANE - 0.08, 1.06])
    for group, colour in enumerate(SCALE):
        members = [record for place, record in enumerate(ranked) if _group(place, len(ranked)) == group]
        if members:
            figure.add_trace(_lines(members, branch, (low, high), colour))
    for place, hole in enumerate(branch.holes):
        _label_axis(figure, place, hole)
    _axis_line(figure, last)
    for at, value in ((0.0, low), (1.0, high)):
        _tick(figure, last, at, number(value))
    return Chart(branch.title, figure, _caption(branch, material), width=AXIS_PX * (last + 2))


def _group(place: int, many: int) -> int:
    """Which of the colours the trial at a place has, the worst at 0; the best trial has the strongest."""
    return len(SCALE) - 1 - (many - 1 - place) * len(SCALE) // many


def _caption(branch: Branch, material: Material) -> str:
    said = (
        f"Each line is one of {count(len(branch.records), 'trial')} that came to their end; the better it scored, the "
        f"more its colour stands out. {material.objective.metric}: {better_is(material.objective)} is better."
    )
    names = {hole.name for hole in branch.holes}
    if any(names - record.asked["params"].keys() for record in branch.records):
        said += " A line runs in the lane below where its trial has no such parameter."
    stopped = len(branch.stopped)
    return said + (f" {count(stopped, 'trial')} stopped early are left out." if stopped else "")


def _lines(members: Sequence[Record], branch: Branch, ends: tuple[float, float], colour: str) -> go.Scatter:
    low, high = ends
    x: list[float | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for record in members:
        params = record.asked["params"]
        score = ((record.value or 0.0) - low) / (high - low) if high > low else 0.5
        x += [*range(len(branch.holes) + 1), None]
        y += [*(height_of(hole, params) for hole in branch.holes), score, None]
        told = [
            f"{name} = {_value(params, hole)}" for name, hole in zip(branch.names, branch.holes, strict=True)
        ]
        text += [plain(f"{record.name}: {each}") for each in (*told, number(record.value), "")]
    return go.Scatter(
        x=x, y=y, text=text, mode="lines+markers", line={"color": colour, "width": 1.8}, marker={"size": 4},
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _value(params: dict[str, Scalar], hole: Hole) -> str:
    if hole.name not in params:
        return "none here"
    value = params[hole.name]
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def height_of(hole: Hole, params: dict[str, Scalar]) -> float:
    """How high on its axis, 0 to 1, the value of a parameter lies; in the logarithm where its range is; or the lane."""
    if hole.name not in params:
        return LANE
    value = params[hole.name]
    if isinstance(hole, ChoiceHole):
        return hole.position(value) / (len(hole.labels) - 1) if len(hole.labels) > 1 else 0.5
    assert isinstance(value, int | float)
    low, high = hole.low, hole.high
    if hole.log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low) if high > low else 0.5


def _label_axis(figure: go.Figure, place: int, hole: Hole) -> None:
    _axis_line(figure, place)
    if isinstance(hole, ChoiceHole):
        skipped = -(-len(hole.labels) // MOST_LABELS)
        for label in hole.labels[::skipped]:
            told = "null" if label is None else str(label)
            _tick(figure, place, height_of(hole, {hole.name: label}), told)
        return
    for end in (hole.low, hole.high):
        _tick(figure, place, height_of(hole, {hole.name: end}), f"{end:g}")


def _axis_line(figure: go.Figure, place: int) -> None:
    figure.add_shape(type="line", x0=place, x1=place, y0=LANE, y1=1, line={"color": PALE, "width": 1})


def _tick(figure: go.Figure, place: int, height: float, text: str) -> None:
    figure.add_annotation(
        x=place, y=height, text=plain(text), showarrow=False, xanchor="left", xshift=5, font={"size": 11},
    )  # fmt: skip
