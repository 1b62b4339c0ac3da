"""How long a search will take, from a few training steps measured before it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from automix_search.compute.jobs import Place
from automix_search.ranges import Choice, Range
from automix_search.report.tally import confirming_of, trials_of
from automix_search.report.wording import count, duration
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.timing import time_epoch
from automix_search.tuning.search import SearchPlan
from automix_search.tuning.stopping import NoStopping

EPOCHS = "trainer.epochs"
CALIBRATED = "default"
"""The baseline that the measured steps are taken with: it mixes, as most trials do."""


def calibrate(plan: SearchPlan, place: Place) -> float | None:
    """Seconds of one epoch where a training will run; None where this cannot be measured beforehand.

    It cannot for trainers of the user's own, whose steps are not known, nor for a device that is elsewhere.
    """
    if not isinstance(plan.trainer, ClassificationTrainer):
        return None
    if place.device.startswith("cuda") and not torch.cuda.is_available():
        return None
    threads = torch.get_num_threads()
    torch.set_num_threads(place.threads)
    try:
        return time_epoch(plan.trainer, plan.baselines[CALIBRATED], place.device)
    finally:
        torch.set_num_threads(threads)
        if place.device.startswith("cuda"):
            torch.cuda.empty_cache()


def longest(plan: SearchPlan) -> int:
    """Epochs of the longest training that the space can propose."""
    searched = [parameter.values for parameter in plan.space.parameters if parameter.name == EPOCHS]
    if plan.epochs is not None or not searched:
        return plan.length
    return max(int(end) for end in _ends(searched[0]) if isinstance(end, int | float))


def _ends(values: Range | Choice) -> tuple[object, ...]:
    return (values.low, values.high) if isinstance(values, Range) else values.options


@dataclass(frozen=True)
class Amount:
    """How many trainings a search is.

    Attributes:
        baselines: Trained once each in the search.
        members: Of a population, trained before the trials.
        trials: Points of the space.
        confirming: Trainings of the confirmation.
    """

    baselines: int
    members: int
    trials: int
    confirming: int

    @property
    def trainings(self) -> int:
        """All of them."""
        return self.baselines + self.members + self.trials + self.confirming


def amount_of(plan: SearchPlan) -> Amount:
    """How many trainings a search is, when none fails."""
    trials, baselines = trials_of(plan), len(plan.baselines)
    return Amount(baselines, plan.strategy.members, trials, confirming_of(plan, trials, baselines))


def time_told(plan: SearchPlan, epoch_s: float | None, workers: int | None, done: int = 0) -> str:
    """How long the rest of a search takes, in words.

    Args:
        plan: What it does.
        epoch_s: Seconds of one epoch; None if not known.
        workers: Trainings at a time; None if only the cluster knows.
        done: Trainings that are over already.
    """
    if epoch_s is None:
        return "unknown until the first epoch" + _budget(plan)
    training_s = epoch_s * longest(plan)
    total_s = training_s * max(amount_of(plan).trainings - done, 0) / (workers or 1)
    bound = "at most" if not isinstance(plan.stopping, NoStopping) or longest(plan) > plan.length else "about"
    at_a_time = f"{workers} at a time" if workers else "less by as many as the cluster runs at a time"
    return f"{bound} {duration(total_s)} ({duration(training_s)} a training, {at_a_time}){_budget(plan)}"


def _budget(plan: SearchPlan) -> str:
    if plan.time_budget_s is None:
        return ""
    return f"; no trial starts after {duration(plan.time_budget_s)}"


def trainings_told(plan: SearchPlan) -> str:
    """How many trainings a search is, in words."""
    amount = amount_of(plan)
    members = f"{count(amount.members, 'member')} of a population, " if amount.members else ""
    return (
        f"{count(amount.trainings, 'training')}: {count(amount.baselines, 'baseline')}, {members}"
        f"{count(amount.trials, 'trial')}, {amount.confirming} to confirm the winner"
    )
