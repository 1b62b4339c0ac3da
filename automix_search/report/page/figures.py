"""What all figures of the page share."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from automix_search.report.page.palette import PALE
from automix_search.training.base import Objective

UNITS = (("hours", 3600.0, 3 * 3600.0), ("minutes", 60.0, 600.0), ("seconds", 1.0, 0.0))


def canvas(x: str, y: str, *, height: int = 380, **layout: Any) -> go.Figure:
    """An empty figure with titles of its axes; colours of paper, ink and grid are the page's own."""
    figure = go.Figure()
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 56, "r": 16, "t": 12, "b": 48},
        dragmode=False,
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": x}, "automargin": True},
        yaxis={"title": {"text": y}, "automargin": True},
    )
    figure.update_layout(**layout)
    return figure


def plain(text: object) -> str:
    """Text of a run's, such that Plotly, which knows some tags, shows it as it is."""
    return html.escape(str(text), quote=False)


def unit_of(seconds: float) -> tuple[str, float]:
    """A unit that suits so many seconds, and how many of them it has."""
    return next((name, size) for name, size, least in UNITS if seconds >= least)


def better_is(objective: Objective) -> str:
    """Which way is better, in a word."""
    return "higher" if objective.direction == "max" else "lower"


def frame(values: Sequence[float], objective: Objective, clipped: float = 0.1) -> list[float]:
    """Ends of an axis on which the good values have room: the worst part of all values is left out."""
    ordered = sorted(values, reverse=objective.direction == "min")
    worst, best = ordered[int(clipped * (len(ordered) - 1))], ordered[-1]
    pad = 0.06 * (best - worst) or 0.05 * abs(best) or 0.05
    return sorted((worst - pad, best + pad))


def upright(figure: go.Figure, x: float) -> None:
    """A thin upright line through the whole figure."""
    figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line={"color": PALE, "width": 1})
