"""Which parameters mattered, for each branch of the space, and how much of that chance alone would show."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

import optuna
import plotly.graph_objects as go
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from automix_search.report.page.branches import Branch, branches_of
from automix_search.report.page.figures import canvas, plain
from automix_search.report.page.material import Material
from automix_search.report.page.palette import PALE, TRIAL
from automix_search.report.page.parts import Chart, Fold, Paragraph, Part, Section
from automix_search.report.wording import count
from automix_search.spaces.holes import ChoiceHole, Hole

FEWEST = 20
"""Trials that have a parameter, below which nothing is said of it."""
TOP = 0.25
"""Part of the trials that count as good."""
SHUFFLES = 40


@dataclass(frozen=True)
class Weight:
    """How much a parameter mattered.

    Attributes:
        hole: The parameter.
        found: Its importance among the trials that have it.
        chance: What 19 of 20 shuffles of the same scores stay below.
    """

    hole: Hole
    found: float
    chance: float


def importance(material: Material) -> Section | None:
    """A figure for each branch with trials enough, and a line for the rest; None where there is nothing to search."""
    if not material.holes:
        return None
    parts: list[Part] = []
    thin: list[str] = []
    for branch in branches_of(material):
        weights = weigh(branch, larger_is_better=material.objective.direction == "max")
        if weights:
            chart = _chart(branch, weights)
            parts.append(chart if branch.choice is None else Fold(branch.name, [chart]))
        elif branch.records:
            thin.append(f"{branch.name} ({len(branch.records)})")
    if thin:
        parts.append(
            Paragraph(f"Too few trials to say what mattered, fewer than {FEWEST}, with {', '.join(thin)}.")
        )
    return Section("importance", "What mattered", parts)


def weigh(branch: Branch, *, larger_is_better: bool) -> list[Weight]:
    """The parameters of a branch that enough trials have, the heaviest first; those of one value are left out."""
    study = _study(branch)
    sign = -1.0 if larger_is_better else 1.0
    scores = [sign * (record.value or 0.0) for record in branch.records]
    draw = random.Random(0)
    shuffled = [draw.sample(scores, len(scores)) for _ in range(SHUFFLES)]
    found = []
    for hole in branch.holes:
        values = [
            record.asked["params"][hole.name]
            for record in branch.records
            if hole.name in record.asked["params"]
        ]
        if len(values) >= FEWEST and len(set(values)) > 1:
            by_chance = quantiles((_importance(study, hole, each) for each in shuffled), n=20)[-1]
            found.append(Weight(hole, _importance(study, hole, scores), by_chance))
    return sorted(found, key=lambda weight: -weight.found)


def _study(branch: Branch) -> optuna.Study:
    """The trials of a branch as Optuna wants them."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    for record in branch.records:
        params = record.asked["params"]
        holes = [hole for hole in branch.holes if hole.name in params]
        study.add_trial(
            optuna.trial.create_trial(
                params={hole.name: hole.read(params[hole.name]) for hole in holes},
                distributions={hole.name: distribution_of(hole) for hole in holes},
                value=record.value or 0.0,
            )
        )
    return study


def _importance(study: optuna.Study, hole: Hole, scores: Sequence[float]) -> float:
    """PED-ANOVA of one parameter among the trials that have it; smaller scores are better."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", "PedAnovaImportanceEvaluator computes")  # that low is good is meant
        evaluator = PedAnovaImportanceEvaluator(target_quantile=TOP)
        found = get_param_importances(
            study,
            evaluator=evaluator,
            params=[hole.name],
            target=lambda trial: scores[trial.number],
            normalize=False,
        )
    return found[hole.name]


def distribution_of(hole: Hole) -> BaseDistribution:
    """What Optuna calls the values of a parameter."""
    if isinstance(hole, ChoiceHole):
        return CategoricalDistribution(hole.labels)
    if hole.integer:
        return IntDistribution(int(hole.low), int(hole.high), log=hole.log)
    return FloatDistribution(hole.low, hole.high, log=hole.log)


def _chart(branch: Branch, weights: Sequence[Weight]) -> Chart:
    short = {hole.name: name for hole, name in zip(branch.holes, branch.names, strict=True)}
    names = [plain(short[weight.hole.name]) for weight in weights]
    figure = canvas("importance", "", height=130 + 30 * len(weights))
    figure.add_trace(
        go.Bar(
            x=[weight.found for weight in weights], y=names, orientation="h", name="found", marker={"color": TRIAL},
            hovertemplate="%{y}: %{x:.3g}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[weight.chance for weight in weights], y=names, mode="markers", name="by chance",
            marker={"symbol": "line-ns", "size": 16, "line": {"color": PALE, "width": 3}},
            hovertemplate="%{y}: chance alone stays below %{x:.3g}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category")
    clear = [short[weight.hole.name] for weight in weights if weight.found > weight.chance]
    seen = (
        f"Beyond chance: {', '.join(clear)}." if clear else "None lies beyond what chance alone would show."
    )
    return Chart(
        branch.title,
        figure,
        f"How differently the best quarter of {count(len(branch.records), 'trial')} is spread over a parameter than "
        f"all of them (PED-ANOVA). The mark is where 19 of 20 shuffles of the scores stay below. {seen}",
    )
