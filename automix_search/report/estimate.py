"""How long a search will take, from a few training steps measured before it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from automix_search.compute.jobs import Place
from automix_search.ranges import Choice, Range
from automix_search.report.tally import confirming_of, racing_of, trials_of
from automix_search.report.wording import count, duration
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.timing import time_epoch
from automix_search.tuning.budget import Compute, share_of
from automix_search.tuning.plan import SearchPlan
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
        racing: Trainings of the race, if nobody is out before its end.
        confirming: Trainings of the confirmation.
    """

    baselines: int
    members: int
    trials: int
    racing: int
    confirming: int

    @property
    def trainings(self) -> int:
        """All of them."""
        return self.baselines + self.members + self.trials + self.racing + self.confirming


def amount_of(plan: SearchPlan) -> Amount:
    """How many trainings a search is, when none fails."""
    trials, baselines = trials_of(plan), len(plan.baselines)
    racing, confirming = racing_of(plan, trials, baselines), confirming_of(plan, trials, baselines)
    return Amount(baselines, plan.strategy.members, trials, racing, confirming)


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
    fixed = isinstance(plan.stopping, NoStopping) and longest(plan) == plan.length and not plan.finalists
    bound = "about" if fixed else "at most"
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
    most = "at most " if amount.racing else ""
    decided = f", {amount.racing} to race, {amount.confirming} to confirm" if amount.confirming else ""
    return (
        f"{most}{count(amount.trainings, 'training')}: {count(amount.baselines, 'baseline')}, {members}"
        f"{count(amount.trials, 'trial')}{decided}"
    )


def budget_told(plan: SearchPlan, budget: Compute, epoch_s: float | None, place: Place) -> str:
    """How a budget is divided and what that buys, in words."""
    share = share_of(plan.trainer.resources, place.threads)
    what = {"cpu": "of one core", "gpu": "of one GPU"}[share.unit]
    told = f"{duration(budget.seconds)} {what}, failed, stopped and repeated trainings too"
    if epoch_s is None:
        return f"{told}; race and confirmation are paid first"
    training_s = epoch_s * longest(plan) * share.many
    kept = plan.first_rounds + plan.confirming
    bought = int(budget.seconds / training_s) - kept
    searching = amount_of(plan).trainings - amount_of(plan).racing - amount_of(plan).confirming
    if bought < len(plan.baselines) + 1:
        return (
            f"{told}; too little: {count(kept, 'training')} of race and confirmation alone take about "
            f"{duration(kept * training_s)}. Give more, or fewer seeds (race.seeds, confirm.seeds)"
        )
    enough = "enough for all" if bought >= searching else f"{count(searching, 'training')} are asked for"
    return (
        f"{told}; {duration(kept * training_s)} are kept for race and confirmation ({count(kept, 'training')}), "
        f"the rest buys about {count(bought, 'training')} of the search ({enough})"
    )
