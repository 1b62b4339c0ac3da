"""The first section: what came out, in words, and how far each comparison is from settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from automix_search.report.page.figures import canvas, plain, upright
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BAD, BAND, GOOD, PALE, TRIAL
from automix_search.report.page.parts import Cell, Chart, Code, Column, Paragraph, Part, Section, Table
from automix_search.report.verdict import verdict as in_words
from automix_search.report.wording import NOTHING, count, duration, number

COLOURS = {"better": GOOD, "worse": BAD, "equal": TRIAL, "undecided": PALE}

Comparisons = Sequence[Mapping[str, Any]]


def verdict(material: Material) -> Section:
    """The answer; what is known so far where there is none yet."""
    found = material.verdict
    if found is None:
        said = in_words(material.rows, material.objective).splitlines()
        state = [] if material.events else ["The search has not begun yet."]
        first, *others = [*state, *said]
        return Section("verdict", "Verdict", [Paragraph(first, strong=True), *map(Paragraph, others)])
    parts: list[Part] = [Paragraph(str(found["sentence"]), strong=True)]
    if found["comparisons"]:
        parts += [_forest(found), _table(found)]
    parts.append(_scores(found))
    return Section("verdict", "Verdict", [*parts, *_to_settle(found.get("to_settle"))])


def _forest(found: Mapping[str, Any]) -> Chart:
    comparisons: Comparisons = found["comparisons"]
    margin, metric, candidate = found["margin"], found["metric"], found["candidate"]
    figure = canvas(f"gain in {plain(metric)}", "", height=110 + 44 * len(comparisons), showlegend=False)
    if margin:
        figure.add_shape(
            type="rect", x0=-margin, x1=margin, y0=0, y1=1, yref="paper", layer="below",
            fillcolor=BAND, line={"width": 0},
        )  # fmt: skip
    upright(figure, 0.0)
    for compared in comparisons:
        figure.add_trace(_interval(compared, f"{compared['against']}"))
    figure.update_yaxes(autorange="reversed", type="category")
    level = f"{found['confidence']:.0%}"
    shaded = f" The shaded band, ± {number(margin)}, is what counts as equal in practice." if margin else ""
    return Chart(
        f"{candidate} against each baseline",
        figure,
        f"Each dot is how much better {candidate} is than the baseline beside it, on the test split; its line is the "
        f"{level} interval. Right of zero {candidate} is better.{shaded}",
    )


def _interval(compared: Mapping[str, Any], name: str) -> go.Scatter:
    gain, (low, high) = compared["gain"], compared["interval"] or (None, None)
    colour = COLOURS.get(compared["answer"], PALE)
    bars = None
    if low is not None and high is not None:
        bars = {"type": "data", "symmetric": False, "array": [high - gain], "arrayminus": [gain - low]}
        bars |= {"color": colour, "thickness": 2, "width": 6}
    return go.Scatter(
        x=[gain],
        y=[plain(name)],
        error_x=bars,
        mode="markers",
        marker={"color": colour, "size": 11},
        hovertemplate=f"{plain(name)}: {plain(compared['answer'])}, %{{x:.4f}}<extra></extra>",
    )


def _table(found: Mapping[str, Any]) -> Table:
    columns = ("against", "answer", "gain", "interval", "p", "p (Holm)", "effect size", "seeds")
    rows = [
        [
            Cell(str(compared["against"])),
            Cell(str(compared["answer"])),
            Cell(number(compared["gain"])),
            Cell(_between(compared["interval"])),
            Cell(_short(compared["p"])),
            Cell(_short(compared["p_holm"])),
            Cell(_short(compared["effect_size"])),
            Cell(str(compared["seeds"])),
        ]
        for compared in found["comparisons"]
    ]
    words = {"against", "answer"}
    return Table(
        f"The comparisons of {found['candidate']}, over paired seeds; p after Holm allows for their number.",
        [Column(title, numeric=title not in words) for title in columns],
        rows,
    )


def _scores(found: Mapping[str, Any]) -> Table:
    chances = found.get("chance_of_best") or {}
    rows = [
        [
            Cell(str(name)),
            Cell(number(score["mean"])),
            Cell(number(score["standard_error"])),
            Cell(str(len(score["values"]))),
            Cell(f"{chances[name]:.0%}" if name in chances else NOTHING),
        ]
        for name, score in found["scores"].items()
    ]
    columns = ("name", "mean", "standard error", "seeds", "chance of being the best")
    caption = f"{found['metric']} on the test split, {_better(found)} is better."
    return Table(caption, [Column(title, numeric=title != "name") for title in columns], rows)


def _better(found: Mapping[str, Any]) -> str:
    """Which way is better, in a word, as a verdict says."""
    return "higher" if found["direction"] == "max" else "lower"


def _to_settle(wanted: Mapping[str, Any] | None) -> list[Part]:
    if wanted is None:
        return []
    said = (
        f"What could settle it: {count(wanted['seeds'], 'seed')}, which is {count(wanted['trainings'], 'training')}, "
        f"about {duration(wanted['seconds'])}."
    )
    return [Paragraph(said), Code("to settle it", str(wanted["command"]))]


def _between(interval: Sequence[float] | None) -> str:
    return NOTHING if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def _short(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3g}"
