"""Whether early epochs ranked as the last one did: what early stopping took for granted, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from pydantic import TypeAdapter

from automix_search.evidence.fidelity import CONFIDENCE, FAIR_TAU
from automix_search.report.fidelity import fidelity_told
from automix_search.report.page.figures import canvas
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BAND, BASELINE, PALE, TRIAL
from automix_search.report.page.parts import Chart, Paragraph, Part, Section
from automix_search.report.wording import count
from automix_search.tuning.fidelity_audit import audit_of
from automix_search.tuning.stopping import AbstractStopping, Stopping


def fidelity(material: Material) -> Section | None:
    """The audit; None where no training was, or where another rule than `asha` stopped them."""
    rule: AbstractStopping = TypeAdapter[AbstractStopping](Stopping).validate_python(
        material.launch["scheduler"]
    )
    audit = audit_of(material.records, material.objective, rule)
    if audit is None:
        return None
    parts: list[Part] = [Paragraph(fidelity_told(audit))]
    if any(rung["tau"] is not None for rung in audit["rungs"]):
        parts.append(_chart(audit, material.objective.metric))
    return Section("fidelity", "Could trainings be judged early?", parts)


def _chart(audit: Mapping[str, Any], metric: str) -> Chart:
    rungs = [rung for rung in audit["rungs"] if rung["tau"] is not None]
    figure = canvas("epoch", "Kendall's tau with the end", height=340)
    figure.add_shape(
        type="rect",
        x0=0,
        x1=1,
        xref="paper",
        y0=FAIR_TAU,
        y1=1,
        layer="below",
        fillcolor=BAND,
        line={"width": 0},
    )
    figure.add_trace(_rungs(rungs))
    marks = {
        "assumed": (audit["assumed"]["first_epoch"], BASELINE),
        "found": (audit["found"]["first_epoch"], TRIAL),
    }
    for name, (epoch, colour) in marks.items():
        if epoch is not None and epoch < audit["epochs"]:
            figure.add_trace(
                _mark(f"first rung {name}", epoch, colour, "dot" if name == "assumed" else "solid")
            )
    figure.update_xaxes(range=[0, audit["epochs"] + 0.5], dtick=-(-audit["epochs"] // 8))
    figure.update_yaxes(range=[-1.05, 1.05])
    return Chart(
        "How an early ranking agrees with the last one",
        figure,
        f"{count(audit['curves'], 'training')} that ran to the end, ranked by {metric} at an epoch and at the last: "
        "tau is 1 where the two rankings are the same, and 0 where they have nothing to do with each other. Lines: "
        f"{CONFIDENCE:.0%} intervals. Shaded, from {FAIR_TAU:g} on: good enough to stop by.",
    )


def _rungs(rungs: list[Mapping[str, Any]]) -> go.Scatter:
    return go.Scatter(
        x=[rung["epoch"] for rung in rungs],
        y=[rung["tau"] for rung in rungs],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [rung["interval"][1] - rung["tau"] for rung in rungs],
            "arrayminus": [rung["tau"] - rung["interval"][0] for rung in rungs],
            "color": PALE,
            "width": 5,
        },
        mode="markers",
        name="agreement",
        marker={"color": PALE, "size": 9},
        hovertemplate="epoch %{x}: tau %{y:.2f}<extra></extra>",
    )


def _mark(name: str, epoch: int, colour: str, dash: str) -> go.Scatter:
    """An upright line with a name in the legend."""
    return go.Scatter(
        x=[epoch, epoch],
        y=[-1.05, 1.05],
        mode="lines",
        name=name,
        line={"color": colour, "dash": dash, "width": 2},
        hoverinfo="name",
    )
