"""Which classes gain and which lose: recall of the best trial minus that of the best baseline, seed by seed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from automix_search.evidence import PairedDifference, paired_difference
from automix_search.report.page.figures import canvas, plain, upright
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BAD, GOOD, PALE
from automix_search.report.page.parts import Chart, Section
from automix_search.report.page.score_charts import CONFIDENCE
from automix_search.report.page.winner import own_data
from automix_search.report.wording import count
from automix_search.training.classification import RECALL
from automix_search.tuning.ledger import Record
from automix_search.tuning.scores import scores_of

RECALLS = f"test_{RECALL}"
MOST_SHOWN = 40


@dataclass(frozen=True)
class Effect:
    """What a policy does to one class.

    Attributes:
        name: The class.
        difference: Of recall, seed by seed.
    """

    name: str
    difference: PairedDifference

    @property
    def gain(self) -> float:
        """Mean difference of recall over the seeds."""
        return self.difference.gain

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the gain, for this class alone; None with a single seed."""
        return self.difference.interval(1 - CONFIDENCE)

    @property
    def colour(self) -> str:
        """Whether the interval is clear of zero, and on which side."""
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return PALE
        return GOOD if self.gain > 0 else BAD


def classes(material: Material) -> Section | None:
    """The effect on each class; None where the trainer does not tell recalls or nothing is confirmed."""
    confirmed = [row for row in material.rows if row.test is not None]
    trial = next((row.name for row in confirmed if not row.baseline), None)
    baseline = next((row.name for row in confirmed if row.baseline), None)
    if trial is None or baseline is None:
        return None
    data = own_data(material)
    names = () if data is None else data.info.class_names
    effects = effects_of(material.records.values(), trial, baseline, names)
    if not effects:
        return None
    chart = _chart(shortened(effects), f"Recall of {trial} minus that of {baseline}, by class")
    return Section("classes", "Class by class", [chart])


def effects_of(
    records: Collection[Record], trial: str, baseline: str, names: Sequence[str] = ()
) -> list[Effect]:
    """The effect on every class that both were scored on, the largest gain first.

    Args:
        records: All trainings.
        trial: Whose recalls.
        baseline: What they are compared with, seed by seed.
        names: Of the classes; their numbers stand for them where these are missing.
    """
    told = {name for record in records if record.asked["test"] for name in _last(record)}
    found = []
    for metric in sorted(name for name in told if name.startswith(RECALLS)):
        recalls = scores_of(records, "confirm", metric)
        own, other = recalls.get(trial, {}), recalls.get(baseline, {})
        if own.keys() & other.keys():
            label = int(metric.removeprefix(RECALLS))
            name = names[label] if label < len(names) else f"class {label}"
            found.append(Effect(name, paired_difference(own, other)))
    return sorted(found, key=lambda effect: -effect.gain)


def _last(record: Record) -> Mapping[str, float]:
    return record.metrics[-1] if record.metrics else {}


def shortened(effects: Sequence[Effect]) -> list[Effect]:
    """All classes, or those with the largest gains and losses where there are many."""
    half = MOST_SHOWN // 2
    return list(effects) if len(effects) <= MOST_SHOWN else [*effects[:half], *effects[-half:]]


def _chart(effects: Sequence[Effect], title: str) -> Chart:
    figure = canvas(
        "difference of recall on the test split", "", height=110 + 24 * len(effects), showlegend=False
    )
    upright(figure, 0.0)
    figure.add_traces([_dot(effect) for effect in effects])
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    reach = max(abs(end) for effect in effects for end in (effect.gain, *(effect.interval or ())))
    shown = min(1.05 * reach, 1.0) or 1.0
    figure.update_xaxes(range=[-shown, shown])
    clear = sum(effect.colour != PALE for effect in effects)
    seeds = max(effect.difference.seeds for effect in effects)
    return Chart(
        title,
        figure,
        f"Means over {count(seeds, 'paired seed')}; lines are {CONFIDENCE:.0%} intervals, each for one class alone: "
        f"about one class in twenty is clear of zero by luck. Here {clear} of {len(effects)} are.",
    )


def _dot(effect: Effect) -> go.Scatter:
    bars = None
    if effect.interval is not None:
        reach = effect.interval[1] - effect.gain
        bars = {"type": "data", "array": [reach], "color": effect.colour, "thickness": 2, "width": 4}
    return go.Scatter(
        x=[effect.gain],
        y=[plain(effect.name)],
        error_x=bars,
        mode="markers",
        marker={"color": effect.colour, "size": 9},
        hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
    )
