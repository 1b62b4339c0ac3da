"""The first section: what came out, in words, and how far each comparison is from settled."""

from __future__ import annotations

import plotly.graph_objects as go

from automix_search.evidence import Comparison, Verdict
from automix_search.report.page.figures import canvas, plain, upright
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BAD, BAND, GOOD, PALE, TRIAL
from automix_search.report.page.parts import Cell, Chart, Column, Paragraph, Part, Section, Table
from automix_search.report.verdict import verdict_told
from automix_search.report.wording import NOTHING, interval, number, percent, signed

COLOURS = {"better": GOOD, "worse": BAD, "equal": TRIAL, "undecided": PALE}
WORDS = {"against", "answer", "name"}


def verdict(material: Material) -> Section:
    """The answer; what is known so far where there is none yet."""
    found = material.verdict
    said = verdict_told(material.rows, material.objective, found, material.run.path).splitlines()
    first, *others = said if material.events else ["The search has not begun yet."]
    parts: list[Part] = [Paragraph(first, strong=True), *map(Paragraph, others)]
    if found is not None:
        parts += [_forest(found), _comparisons(found), _scores(found)]
    return Section("verdict", "Verdict", parts)


def _forest(found: Verdict) -> Chart:
    margin, candidate = found.margin, found.candidate
    height = 110 + 44 * len(found.comparisons)
    figure = canvas(f"gain in test {plain(found.metric)}", "", height=height, showlegend=False)
    figure.add_shape(
        type="rect",
        x0=-margin,
        x1=margin,
        y0=0,
        y1=1,
        yref="paper",
        layer="below",
        fillcolor=BAND,
        line={"width": 0},
    )
    upright(figure, 0.0)
    figure.add_traces([_interval(compared) for compared in found.comparisons])
    figure.update_yaxes(autorange="reversed", type="category")
    levels = sorted({percent(compared.confidence) for compared in found.comparisons})
    return Chart(
        f"{candidate} against each baseline",
        figure,
        f"Dots: how much better {candidate} is than the baseline beside it, on the test split; right of zero it is "
        f"better. Lines: {' or '.join(levels)} intervals, such that the answers hold together with "
        f"{percent(found.confidence)}. The shaded band, ± {number(margin)}, is what does not matter.",
    )


def _interval(compared: Comparison) -> go.Scatter:
    gain, colour, name = compared.gain, COLOURS[compared.answer], plain(compared.against)
    bars = None
    if compared.interval is not None:
        low, high = compared.interval
        bars = {"type": "data", "symmetric": False, "array": [high - gain], "arrayminus": [gain - low]}
        bars |= {"color": colour, "thickness": 2, "width": 6}
    return go.Scatter(
        x=[gain],
        y=[name],
        error_x=bars,
        mode="markers",
        marker={"color": colour, "size": 11},
        hovertemplate=f"{name}: {compared.answer}, %{{x:+.4f}}<extra></extra>",
    )


def _comparisons(found: Verdict) -> Table:
    columns = ("against", "answer", "gain", "interval", "p", "p, Holm", "effect size", "seeds")
    rows = [
        [
            Cell(compared.against),
            Cell(compared.answer),
            Cell(signed(compared.gain)),
            Cell(NOTHING if compared.interval is None else interval(compared.interval)),
            Cell(_short(compared.p)),
            Cell(_short(compared.p_holm)),
            Cell(_short(compared.effect_size)),
            Cell(str(compared.seeds)),
        ]
        for compared in found.comparisons
    ]
    return Table(
        f"{found.candidate} against each baseline over paired seeds. Effect size: the gain in standard deviations of "
        "the differences. p by the paired t test; after Holm it allows for the number of comparisons.",
        [Column(title, numeric=title not in WORDS) for title in columns],
        rows,
    )


def _scores(found: Verdict) -> Table:
    chances = found.chance_of_best or {}
    rows = [
        [
            Cell(name),
            Cell(number(score.mean)),
            Cell(number(score.standard_error)),
            Cell(str(len(score.values))),
            Cell(percent(round(chances[name], 3)) if name in chances else NOTHING),
        ]
        for name, score in found.scores.items()
    ]
    columns = ("name", "mean", "standard error", "seeds", "chance of being the best")
    way = "higher" if found.direction == "max" else "lower"
    return Table(
        f"Test {found.metric}, {way} is better.",
        [Column(title, numeric=title not in WORDS) for title in columns],
        rows,
    )


def _short(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3g}"
