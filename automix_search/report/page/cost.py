"""Where the compute went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import plotly.graph_objects as go

from automix_search.report.page.figures import canvas, unit_of
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BAD, BASELINE, GOOD, PALE, RACE, SCALE, TRIAL
from automix_search.report.page.parts import Cell, Chart, Column, Section, Table
from automix_search.report.wording import duration
from automix_search.tuning.ledger import Record

COLOURS = {
    "baselines": BASELINE,
    "members of the population": SCALE[2],
    "trials to their end": TRIAL,
    "trials stopped early": PALE,
    "failed": BAD,
    "cut off": SCALE[0],
    "race": RACE,
    "confirmation": GOOD,
}
"""What compute goes to, in the order of a search."""
STAGES = {
    "baseline": "baselines",
    "population": "members of the population",
    "race": "race",
    "confirm": "confirmation",
}


def cost(material: Material) -> Section | None:
    """Seconds of training by what they were for; None before a training is over."""
    spent = spent_s(material)
    total = sum(spent.values())
    if not total:
        return None
    unit, size = unit_of(total)
    figure = canvas(f"{unit} of training", "", height=210, barmode="stack")
    figure.update_layout(legend={"traceorder": "normal"})
    for name, seconds in spent.items():
        figure.add_trace(
            go.Bar(
                x=[seconds / size], y=["spent"], orientation="h", name=name,
                marker={"color": COLOURS.get(name, PALE)}, hovertemplate=f"{name}: %{{x:.3g}} {unit}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_yaxes(visible=False)
    rows = [
        [Cell(name), Cell(duration(seconds)), Cell(f"{seconds / total:.0%}")]
        for name, seconds in spent.items()
    ]
    wall = duration(material.status.elapsed_s)
    chart = Chart(
        "Time of trainings by what they were for",
        figure,
        f"{duration(total)} of training in all, {_compute(total, material)}. On the clock: {wall}.",
    )
    columns = [Column("for", numeric=False), Column("time of training"), Column("part")]
    return Section("cost", "Where the compute went", [chart, Table("The same in numbers.", columns, rows)])


def spent_s(material: Material) -> dict[str, float]:
    """Seconds of all trainings that are over, by what they were for."""
    found = Counter[str]()
    for event in material.events:
        record = material.records.get(str(event.get("job")))
        if record is not None and event.get("seconds"):
            found[_purpose(event, record)] += event["seconds"]
    order = [*COLOURS, *found]
    return {name: found[name] for name in dict.fromkeys(order) if found[name]}


def _purpose(event: Mapping[str, object], record: Record) -> str:
    if event["event"] == "failed":
        return "failed"
    if event["event"] == "interrupted":
        return "cut off"
    if record.stage == "search":
        return "trials stopped early" if event["event"] == "pruned" else "trials to their end"
    return STAGES[record.stage]


def _compute(seconds: float, material: Material) -> str:
    """What so many seconds of training are in hours of cores or GPUs."""
    unit, many = str(material.share["unit"]), float(material.share["many"])
    on = f"{many:g} {'GPU' if unit == 'gpu' else 'core'}{'' if many == 1 else 's'}"
    return f"{seconds * many / 3600:.3g} {unit.upper()}-hours, each training on {on}"
