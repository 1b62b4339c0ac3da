"""Early stopping by successive halving, whose rungs are audited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from automix_search.compute.jobs import Job, trial_name
from automix_search.evidence.fidelity import MIN_CURVES, Audit, Curve, audit, noise
from automix_search.policy.strength import is_strong
from automix_search.tuning.stopping.base import AbstractStopping, Watch

ASSUMED_REDUCTION = 3


class Asha(AbstractStopping):
    """Asynchronous successive halving: at each rung only the best 1/reduction of the trainings go on.

    The first `reduction` - 1 trainings to reach a rung always go on, and so does whoever is within noise of the last
    that does. Augmentation ranks late: with few epochs strong policies look worse than they are. So baselines and a few
    trials, the sentinels, run to their end, and as soon as six have, an audit of their curves says where the first rung
    is and how many go on; perhaps nothing is to be stopped. Until then a quarter of the epochs is assumed. Policies
    that mix or transform automatically most of the time, or learn, are judged from the second rung on.

    With a `first_epoch` of yours all policies are judged there, and the audit only tells whether that was right.

    Reference: Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020,
    https://arxiv.org/abs/1810.05934 (the stopping variant); noise and audit: `evidence.fidelity`.
    """

    kind: Literal["asha"] = "asha"
    first_epoch: int | None = Field(
        None,
        ge=1,
        description="Epoch of the first rung; null: as the audit finds, and a quarter of the epochs before it.",
    )
    reduction: int | None = Field(
        None,
        ge=2,
        description="1 of so many goes on at each rung; null: as the audit finds, and 3 before it.",
    )
    sentinels: int = Field(3, ge=0, description="So many of the first trials are never stopped.")

    def watch(self) -> AshaWatch:
        return AshaWatch(self)

    def assumed(self, epochs: int) -> tuple[int, int]:
        """First rung and reduction of trainings of this length, as long as there is no audit."""
        return self.first_epoch or max(1, epochs // 4), self.reduction or ASSUMED_REDUCTION

    def is_sentinel(self, trial: str) -> bool:
        """Whether a trial of this name is never stopped."""
        return trial in {trial_name(number) for number in range(self.sentinels)}


class AshaWatch(Watch):
    """The trainings of one search."""

    def __init__(self, rule: Asha) -> None:
        self._rule = rule
        self._lengths: dict[int, _Peers] = {}

    def rungs(self, epochs: int) -> list[int]:
        """Epochs at which a training of this length is judged, as things stand."""
        return self._peers(epochs).rungs()

    def stops(self, job: Job, epoch: int, value: float) -> bool:
        peers = self._peers(job.epochs)
        sentinel = self._rule.is_sentinel(job.name)
        peers.take(job, epoch, value, sentinel=sentinel)
        return not sentinel and epoch < job.epochs and peers.gives_up(job.name, epoch)

    def overhears(self, job: Job, epoch: int, value: float) -> None:
        self._peers(job.epochs).take(job, epoch, value, sentinel=True)

    def _peers(self, epochs: int) -> _Peers:
        """Halfway through a long training is not the end of a short one: only those of one length are compared."""
        return self._lengths.setdefault(epochs, _Peers(self._rule, epochs))


class _Peers:
    """Trainings of one length: their curves, and what follows from these."""

    def __init__(self, rule: Asha, epochs: int) -> None:
        self._rule = rule
        self._epochs = epochs
        self._trials: dict[str, dict[int, float]] = {}
        self._sentinels: dict[str, dict[int, float]] = {}
        self._strong: set[str] = set()
        self._audit: Audit | None = None

    def take(self, job: Job, epoch: int, value: float, *, sentinel: bool) -> None:
        """Take the value of one epoch."""
        curve = continued(self._trials.get(job.name) or self._sentinels.get(job.name, {}), epoch, value)
        if job.stage != "baseline":
            if job.name not in self._trials and is_strong(job.policy):
                self._strong.add(job.name)
            self._trials[job.name] = curve
        if sentinel:
            self._sentinels[job.name] = curve
            self._audit = None

    def rungs(self) -> list[int]:
        """Epochs at which trainings are judged."""
        first, reduction = self._terms()
        rungs = []
        while first is not None and first < self._epochs:
            rungs.append(first)
            first *= reduction
        return rungs

    def gives_up(self, trial: str, epoch: int) -> bool:
        """Whether a trial is judged at this epoch, and falls."""
        rungs = self.rungs()
        spared = self._strong if self._rule.first_epoch is None and epoch in rungs[:1] else ()
        if epoch not in rungs or trial in spared:
            return False
        values = [
            curve[epoch] for name, curve in self._trials.items() if epoch in curve and name not in spared
        ]
        survivors = len(values) // self._terms()[1]
        if survivors == 0:
            return False
        cut_off = sorted(values, reverse=True)[survivors - 1]
        return self._trials[trial][epoch] < cut_off - noise(self._curves, epoch)

    def _terms(self) -> tuple[int | None, int]:
        """First rung, if there is any, and reduction."""
        assumed, reduction = self._rule.assumed(self._epochs)
        if self._rule.first_epoch is not None or len(self._whole) < MIN_CURVES:
            return assumed, reduction
        self._audit = self._audit or audit(self._whole, self._epochs)
        return self._audit.first_epoch, self._rule.reduction or self._audit.reduction or reduction

    @property
    def _curves(self) -> list[Curve]:
        """Those of the sentinels, in an order that does not depend on who came first."""
        return [self._sentinels[name] for name in sorted(self._sentinels)]

    @property
    def _whole(self) -> list[Curve]:
        return [curve for curve in self._curves if self._epochs in curve]


def continued(curve: Mapping[int, float], epoch: int, value: float) -> dict[int, float]:
    """A curve with the value of one epoch more; what came after that epoch was another attempt, and is gone."""
    return {**{earlier: known for earlier, known in curve.items() if earlier < epoch}, epoch: value}
