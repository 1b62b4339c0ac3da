"""Which classes gain and which lose: recall of the best trial minus that of the best baseline, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import plotly.graph_objects as go
from scipy import stats

from automix_search.report.page.board import CONFIDENCE
from automix_search.report.page.figures import canvas, plain, upright
from automix_search.report.page.material import Material
from automix_search.report.page.palette import BAD, GOOD, PALE
from automix_search.report.page.parts import Chart, Section
from automix_search.report.page.winner import own_data
from automix_search.report.wording import count
from automix_search.training.classification import MOST_CLASSES, RECALL

MOST_SHOWN = 40


@dataclass(frozen=True)
class Effect:
    """What a policy does to one class.

    Attributes:
        name: The class.
        gain: Mean difference of recall over the seeds.
        reach: Half of its interval; None with a single seed.
    """

    name: str
    gain: float
    reach: float | None

    @property
    def colour(self) -> str:
        """Whether the interval is clear of zero, and on which side."""
        if self.reach is None or abs(self.gain) <= self.reach:
            return PALE
        return GOOD if self.gain > 0 else BAD


def classes(material: Material) -> Section | None:
    """The effect on each class; None where the trainer does not tell recalls or nothing is confirmed."""
    confirmed = [row for row in material.rows if row.test is not None]
    trial = next((row.name for row in confirmed if not row.baseline), None)
    baseline = next((row.name for row in confirmed if row.baseline), None)
    if trial is None or baseline is None:
        return None
    if material.verdict is not None and any(row.name == material.verdict["candidate"] for row in confirmed):
        trial = str(material.verdict["candidate"])
    data = own_data(material)
    effects, seeds = effects_of(material, trial, baseline, () if data is None else data.info.class_names)
    if not effects:
        return None
    chart = _chart(shortened(effects), f"Recall of {trial} minus that of {baseline}, by class", seeds)
    return Section("classes", "Class by class", [chart])


def effects_of(
    material: Material, trial: str, baseline: str, names: Sequence[str] = ()
) -> tuple[list[Effect], int]:
    """The effect on every class that both were scored on, the largest gain first, and the number of seeds."""
    found, most = list[Effect](), 0
    for place in range(MOST_CLASSES):
        own, other = (material.over_seeds(name, f"test_{RECALL}{place}") for name in (trial, baseline))
        gains = [own[seed] - other[seed] for seed in own if seed in other]
        if gains:
            name = names[place] if place < len(names) else f"class {place}"
            found.append(Effect(name, fmean(gains), _reach(gains)))
            most = max(most, len(gains))
    return sorted(found, key=lambda effect: -effect.gain), most


def _reach(gains: Sequence[float]) -> float | None:
    if len(gains) < 2:
        return None
    error = stdev(gains) / math.sqrt(len(gains))
    return float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(gains) - 1)) * error


def shortened(effects: Sequence[Effect]) -> list[Effect]:
    """All classes, or those with the largest gains and losses where there are many."""
    half = MOST_SHOWN // 2
    return list(effects) if len(effects) <= MOST_SHOWN else [*effects[:half], *effects[-half:]]


def _chart(effects: Sequence[Effect], title: str, seeds: int) -> Chart:
    figure = canvas(
        "difference of recall on the test split", "", height=110 + 24 * len(effects), showlegend=False
    )
    upright(figure, 0.0)
    for effect in effects:
        bars = None
        if effect.reach is not None:
            bars = {
                "type": "data",
                "array": [effect.reach],
                "color": effect.colour,
                "thickness": 2,
                "width": 4,
            }
        figure.add_trace(
            go.Scatter(
                x=[effect.gain], y=[plain(effect.name)], error_x=bars, mode="markers",
                marker={"color": effect.colour, "size": 9}, hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    clear = sum(effect.colour != PALE for effect in effects)
    return Chart(
        title,
        figure,
        f"Means over {count(seeds, 'paired seed')}; lines are {CONFIDENCE:.0%} intervals, each for one class alone: "
        f"about one class in twenty is clear of zero by luck. Here {clear} of {len(effects)} are.",
    )
