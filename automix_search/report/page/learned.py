"""What the winning policy learned, over its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from automix_search.errors import InputError
from automix_search.policy.learned_file import read_learned
from automix_search.report.learned import MOST_LINES, History, groups
from automix_search.report.page.figures import canvas, plain
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BASELINE, DASHES, SCALE, TRIAL
from automix_search.report.page.parts import Chart, Section
from automix_search.report.page.winner import policy_of


def learned(material: Material) -> Section | None:
    """A figure for each group of numbers that the policy told; None where it learned nothing."""
    policy = policy_of(material)
    if policy is None or policy.learned is None or policy.learned.weights is None:
        return None
    try:
        history = read_learned(policy.learned.weights).history
    except InputError:
        return None
    charts = [chart_of(name, history) for name in groups(history)]
    return Section("learned", "What the policy learned", charts) if charts else None


def chart_of(name: str, history: History) -> Chart:
    """One group of numbers over the progress of the training: lines, or a map where there are many."""
    moments = [moment for moment in history if moment.get(name)]
    labels = list(moments[-1][name])
    progress = [float(moment["progress"]) for moment in moments]
    rows = {label: [_number(moment[name], label) for moment in moments] for label in labels}
    first, last = ({label: row[end] for label, row in rows.items()} for end in (0, -1))
    moved = max(labels, key=lambda label: abs((last[label] or 0.0) - (first[label] or 0.0)))
    caption = (
        f"From the start of the training, 0, to its end, 1. {moved} moved most: from {_told(first[moved])} to "
        f"{_told(last[moved])}."
    )
    return Chart(name, _lines(progress, rows) if len(labels) <= MOST_LINES else _map(progress, rows), caption)


def _lines(progress: list[float], rows: Mapping[str, list[float | None]]) -> go.Figure:
    figure = canvas("progress", "")
    for place, (label, row) in enumerate(rows.items()):
        line = {"color": (TRIAL, BASELINE)[place % 2], "dash": DASHES[place // 2], "width": 2}
        figure.add_trace(go.Scatter(x=progress, y=row, mode="lines+markers", name=plain(label), line=line))
    return figure


def _map(progress: list[float], rows: Mapping[str, list[float | None]]) -> go.Figure:
    figure = canvas("progress", "", height=140 + 20 * len(rows))
    names = [plain(label) for label in rows]
    colours = [[place / (len(SCALE) - 1), colour] for place, colour in enumerate(SCALE)]
    figure.add_trace(
        go.Heatmap(
            x=progress, y=names, z=list(rows.values()), colorscale=colours, colorbar={"thickness": 12},
            hovertemplate="%{y} at %{x:.2f}: %{z:.3g}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    return figure


def _number(group: Mapping[str, Any], label: str) -> float | None:
    return float(group[label]) if label in group else None


def _told(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.3g}"
