"""Learning curves of all baselines and trials, to where each ended."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from automix_search.report.page.figures import canvas, frame, plain
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BAD, BASELINE, DASHES, PALE, TRIAL
from automix_search.report.page.parts import Chart, Section
from automix_search.report.wording import count
from automix_search.tuning.ledger import Record

MOST_CURVES = 300
"""So many trials of a kind are drawn; of more, every second, third, ... one."""

KINDS = {
    "finished": ("trials, to their end", TRIAL, "solid", 0.65),
    "pruned": ("stopped early", PALE, "solid", 0.8),
    "failed": ("failed", BAD, "dot", 1.0),
    "asked": ("running", PALE, "dot", 1.0),
    "interrupted": ("cut off", PALE, "dot", 1.0),
}
"""Name, colour, dash and opacity of the curves of trials, by their state."""


def curves(material: Material) -> Section | None:
    """The validation score by epoch; None before the first epoch is over."""
    records = [
        record for record in material.records.values() if record.stage in ("baseline", "search", "population")
    ]
    metric = material.objective.metric
    values = [point[metric] for record in records for point in record.metrics if metric in point]
    if not values:
        return None
    figure = canvas("epoch", f"valid {plain(metric)}", height=440)
    for state, (name, colour, dash, opacity) in KINDS.items():
        chosen = [record for record in records if record.stage != "baseline" and record.state == state]
        if any(record.metrics for record in chosen):
            line = {"color": colour, "width": 1.2, "dash": dash}
            figure.add_trace(_lines(chosen, metric, name=name, line=line, opacity=opacity))
    figure.add_trace(_ends(records, metric))
    for place, record in enumerate(record for record in records if record.stage == "baseline"):
        line = {"color": BASELINE, "width": 2.2, "dash": DASHES[place % len(DASHES)]}
        figure.add_trace(_lines([record], metric, name=f"{plain(record.candidate)}*", line=line))
    figure.update_yaxes(range=frame(values, material.objective, 0.15))
    figure.update_xaxes(dtick=-(-max(record.epochs for record in records) // 8))
    return Section(
        "curves",
        "Learning curves",
        [Chart(f"Valid {metric} by epoch, of every training", figure, _caption(records))],
    )


def _caption(records: Sequence[Record]) -> str:
    silent = [record for record in records if record.state == "failed" and not record.metrics]
    said = (
        "Each line is a training of the search; baselines (*) are the thick ones. A line ends where its training was "
        "stopped; a cross is a training that failed. The first epochs may lie outside the frame."
    )
    if silent:
        said += f" {count(len(silent), 'training')} failed before an epoch was over, and cannot be seen."
    stage = {record.stage for record in records}
    return said + (" Members of the population are among the lines." if "population" in stage else "")


def _lines(records: Sequence[Record], metric: str, **style: object) -> go.Scatter:
    """One trace for many curves, with a gap between each two."""
    step = -(-len(records) // MOST_CURVES)
    x: list[float | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for record in records[::step]:
        points = [point for point in record.metrics if metric in point]
        x += [*(point["epoch"] for point in points), None]
        y += [*(point[metric] for point in points), None]
        text += [plain(record.name)] * (len(points) + 1)
    return go.Scatter(
        x=x, y=y, text=text, mode="lines", hovertemplate="%{text}, epoch %{x}: %{y:.4f}<extra></extra>", **style
    )  # fmt: skip


def _ends(records: Sequence[Record], metric: str) -> go.Scatter:
    """Where trainings were stopped or failed, and where one-epoch trainings are all there is."""
    ended = [record for record in records if record.metrics and metric in record.metrics[-1]]
    chosen = [record for record in ended if record.state in ("pruned", "failed") or len(record.metrics) == 1]
    failed = np.array([record.state == "failed" for record in chosen], dtype=bool)
    return go.Scatter(
        x=[record.metrics[-1]["epoch"] for record in chosen],
        y=[record.metrics[-1][metric] for record in chosen],
        text=[plain(f"{record.name} {record.state} {record.reason}") for record in chosen],
        mode="markers",
        showlegend=False,
        marker={
            "color": np.where(failed, BAD, PALE).tolist(),
            "symbol": np.where(failed, "x", "circle").tolist(),
            "size": np.where(failed, 9, 5).tolist(),
        },
        hovertemplate="%{text}, epoch %{x}: %{y:.4f}<extra></extra>",
    )
