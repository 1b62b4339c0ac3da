"""How the best score grew with the compute that was spent."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go

from automix_search.report.page.figures import canvas, frame, plain, unit_of
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BASELINE, PALE, TRIAL
from automix_search.report.page.parts import Chart, Section
from automix_search.report.wording import duration, number


@dataclass(frozen=True)
class Moment:
    """A training of the search that came to its end.

    Attributes:
        spent_s: Seconds of all trainings until then.
        name: The candidate.
        baseline: Whether it is a baseline.
        value: Its validation score.
    """

    spent_s: float
    name: str
    baseline: bool
    value: float


def incumbent(material: Material) -> Section | None:
    """The best validation score over compute; None before the first one."""
    moments = moments_of(material)
    if not moments:
        return None
    best = leads(material, moments)
    unit, size = unit_of(max(moments[-1].spent_s, 1e-9))
    metric = plain(material.objective.metric)
    figure = canvas(f"compute spent, {unit} of training", f"valid {metric}")
    for baseline in (False, True):
        figure.add_trace(_dots([each for each in moments if each.baseline == baseline], baseline, size))
    ends = [*(each.spent_s / size for each in best), moments[-1].spent_s / size]
    values = [each.value for each in best]
    figure.add_trace(
        go.Scatter(
            x=ends, y=[*values, values[-1]], mode="lines", name="best so far", hoverinfo="skip",
            line={"shape": "hv", "color": TRIAL, "width": 2.5},
        )
    )  # fmt: skip
    figure.update_yaxes(range=frame([each.value for each in moments], material.objective))
    last = best[-1]
    return Section(
        "incumbent",
        "Best score over compute",
        [
            Chart(
                f"Best valid {material.objective.metric} against compute",
                figure,
                f"Compute counts every training, failed and stopped ones too. {last.name} took the lead last, with "
                f"{number(last.value)} after {duration(last.spent_s)} of {duration(moments[-1].spent_s)}. These scores "
                "are of one seed, and the best of many: they promise too much. The worst may lie below the frame.",
            )
        ],
    )


def moments_of(material: Material) -> list[Moment]:
    """Baselines and trials that came to their end, in that order."""
    spent, found = 0.0, list[Moment]()
    for event in material.events:
        spent += event.get("seconds", 0.0)
        record = material.records.get(str(event.get("job")))
        if event["event"] == "finished" and record is not None and record.stage in ("baseline", "search"):
            found.append(Moment(spent, record.candidate, record.stage == "baseline", event["value"]))
    return found


def leads(material: Material, moments: list[Moment]) -> list[Moment]:
    """Those that were the best until then."""
    best: list[Moment] = []
    for moment in moments:
        if not best or material.objective.better(moment.value, best[-1].value):
            best.append(moment)
    return best


def _dots(moments: list[Moment], baseline: bool, size: float) -> go.Scatter:
    return go.Scatter(
        x=[each.spent_s / size for each in moments],
        y=[each.value for each in moments],
        text=[plain(each.name) for each in moments],
        mode="markers",
        name="baselines" if baseline else "trials",
        marker={
            "color": BASELINE if baseline else PALE,
            "size": 7,
            "symbol": "diamond" if baseline else "circle",
        },
        hovertemplate="%{text}: %{y:.4f}<extra></extra>",
    )
