"""What might be true of policies: made-up landscapes for simulated searches, and one after a published table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from automix_search.documents import parse_yaml
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.policy import Policy
from automix_search.spaces import Space, read_space
from automix_search.testing.tables import FLIP, Truth
from automix_search.transforms.affine import Affine

BEST = 0.80
"""The highest true score of a landscape."""
WITHIN = 0.001
"""A tenth of a point."""

LINE = """format: automix-search/space/1
name: line
loss: {kind: soft_cross_entropy, smoothing: {range: [0, 0.2]}}
"""
"""One range: enough where policies do not differ, or all by the same."""

HILLS = """format: automix-search/space/1
name: hills
transform:
  batch:
    - {kind: affine, degrees: {range: [0, 30]}, translate: {range: [0, 0.2]}, scale: 0.0}
mix:
  choice:
    - none
    - {kind: mixup, alpha: {range: [0.1, 4.0], log: true}, probability: {range: [0.25, 1.0]}}
    - {kind: cutmix, alpha: {range: [0.1, 4.0], log: true}, probability: {range: [0.25, 1.0]}}
    - {kind: resizemix, probability: {range: [0.25, 1.0]}}
loss: {kind: soft_cross_entropy, smoothing: {range: [0, 0.2]}}
"""
"""Seven ranges, some of which are there only with one method."""


def line() -> Space:
    """The space of one range."""
    return read_space(parse_yaml(LINE, "line.yaml"), base=FLIP)


def hills() -> Space:
    """The space of `Hills`."""
    return read_space(parse_yaml(HILLS, "hills.yaml"), base=FLIP)


def name_of(policy: Policy) -> str:
    """A short name, another one for every point of the spaces here and every baseline."""
    affine, methods = affine_of(policy), [option.method for option in policy.mix.options]
    steps = [type(part).__name__ for part in (*policy.transform.batch, *methods)]
    numbers = [affine and (affine.degrees, affine.translate), policy.mix.probability, policy.loss.smoothing]
    return f"{steps} {numbers} {[getattr(method, 'alpha', None) for method in methods]}"


def affine_of(policy: Policy) -> Affine | None:
    """The affine jitter of a policy, if it has any."""
    return next((step for step in policy.transform.batch if isinstance(step, Affine)), None)


def is_searched(policy: Policy) -> bool:
    """Whether a policy is a point of `line` and no baseline."""
    return policy.transform == FLIP and len(policy.mix.options) == 1 and policy.loss.smoothing > 0


@dataclass(frozen=True)
class Plain:
    """All points of `line` are as good as each other, and better than every baseline by `gain`.

    Attributes:
        epochs: How long trainings are.
        gain: 0: nothing matters at all.
    """

    epochs: int = 2
    gain: float = 0.0

    def __call__(self, policy: Policy) -> Truth:
        final = BEST + self.gain * is_searched(policy)
        left = (1 - epoch / self.epochs for epoch in range(1, self.epochs + 1))
        return Truth(name_of(policy), tuple(final - 0.1 * part for part in left))


@dataclass(frozen=True)
class Hills:
    """CutMix of alpha 0.9 in 55% of the batches, turns of 10 degrees and so on are best; flat about the top.

    Of random points some 1.3% are within a tenth of a point of the best, and half are more than 1.4 points off.

    Attributes:
        start: How much of what sets a policy apart in the end shows at first: 1 all, 0 nothing, -1 the contrary.
        epochs: How long trainings are.
        passing: Standard deviation of what sets policies apart at first and passes.
    """

    start: float = 1.0
    epochs: int = 24
    passing: float = 0.004

    MIDDLE = BEST - 0.015
    RISE = 0.3

    def __call__(self, policy: Policy) -> Truth:
        name = name_of(policy)
        final = self.final(policy)
        done = np.arange(1, self.epochs + 1) / self.epochs
        shows = self.start + (1 - self.start) * done
        luck = np.random.default_rng(list(name.encode())).standard_normal()
        rise = self.RISE * (np.exp(-5 * done) - math.exp(-5))
        curve = self.MIDDLE + (final - self.MIDDLE) * shows + self.passing * luck * (1 - done) - rise
        return Truth(name, tuple(curve.tolist()))

    def final(self, policy: Policy) -> float:
        """The true score at the end."""
        return BEST - 0.03 * regret(policy) ** 2


def regret(policy: Policy) -> float:
    """How far a policy is from the best one of `hills`; 0 is the best."""
    affine = affine_of(policy)
    degrees, translate = (affine.degrees, affine.translate) if affine else (0.0, 0.0)
    off = ((degrees - 10) / 30) ** 2 + ((translate - 0.06) / 0.2) ** 2
    off += ((policy.loss.smoothing - 0.09) / 0.2) ** 2
    method = policy.mix.options[-1].method
    if not isinstance(method, CutMix | Mixup):
        return off + 0.5
    at, extra = (0.9, 0.0) if isinstance(method, CutMix) else (0.3, 0.15)
    off += (math.log(method.alpha / at) / math.log(40)) ** 2
    return off + extra + ((policy.mix.probability - 0.55) / 0.75) ** 2


MIXUPS = """format: automix-search/space/1
name: mixups
mix:
  kind: mixup
  alpha: {choice: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0]}
  probability: 1.0
"""
"""Thirteen policies; `alpha` only numbers them."""


def mixups() -> Space:
    """The space of `Crossing`."""
    return read_space(parse_yaml(MIXUPS, "mixups.yaml"), base=FLIP)


KNOWN_EPOCHS = (200, 400, 800, 1200)
CROSSING = {
    "vanilla": (79.37, 81.13, 80.62, 81.32),
    "CutMix": (81.52, 79.06, 78.57, 77.17),
    "SmoothMix": (80.21, 78.09, 78.93, 78.40),
    "SaliencyMix": (79.72, 79.08, 78.15, 77.90),
    "AttentiveMix+": (80.27, 81.10, 80.04, 80.10),
    "FMix": (79.93, 80.71, 79.22, 79.30),
    "GridMix": (81.23, 80.07, 79.57, 78.90),
    "ResizeMix": (81.70, 80.66, 80.91, 80.70),
    "other 1": (80.46, 80.80, 81.39, 81.90),
    "other 2": (80.69, 82.67, 81.52, 82.30),
    "other 3": (82.24, 81.20, 82.57, 82.60),
    "other 4": (81.93, 84.08, 82.69, 83.00),
    "other 5": (82.35, 83.59, 83.18, 83.30),
    "other 6": (81.31, 82.77, 82.76, 83.70),
}
"""Accuracy in percent after `KNOWN_EPOCHS`: made up after OpenMixup's table of ResNeXt-50 on CIFAR-100.

Published are vanilla and CutMix after 200 and 1200 epochs; that all thirteen mixups beat vanilla after 200 and the
seven named here lose to it after 1200; and how far 200, 400 and 800 epochs rank like 1200: Kendall's tau .40, .78 and
.91 (here .41, .78 and .91: of 91 pairs no number gives .40). All other numbers, and the six others, are synthetic.
The published trainings were of those lengths; here they are points of one long training.

Reference: Li et al., OpenMixup: Open Mixup Toolbox and Benchmark for Visual Representation Learning, 2022,
https://arxiv.org/abs/2209.04851.
"""


@dataclass(frozen=True)
class Crossing:
    """The curves of `CROSSING`: who leads early does not lead in the end.

    Without mixing a policy is `vanilla`; a switch of several methods, as the baseline `default` is, is `CutMix`.

    Attributes:
        order: Which of the mixups each `alpha` of `mixups` stands for, by its place in `CROSSING`.
    """

    order: tuple[int, ...] = tuple(range(1, 14))

    EPOCHS = 24
    PER_EPOCH = KNOWN_EPOCHS[-1] // EPOCHS

    @property
    def best(self) -> float:
        """The `alpha` of the mixup that is best in the end."""
        return 1.0 + self.order.index(list(CROSSING).index("other 6"))

    def __call__(self, policy: Policy) -> Truth:
        known = CROSSING[list(CROSSING)[self._row(policy)]]
        at = np.arange(1, self.EPOCHS + 1) * self.PER_EPOCH
        curve = np.interp(at, (0, *KNOWN_EPOCHS), (known[0] - 30, *known)) / 100
        return Truth(name_of(policy), tuple(curve.tolist()))

    def _row(self, policy: Policy) -> int:
        first, *others = (option.method for option in policy.mix.options)
        if others:
            return list(CROSSING).index("CutMix")
        return self.order[round(first.alpha) - 1] if isinstance(first, Mixup) else 0
