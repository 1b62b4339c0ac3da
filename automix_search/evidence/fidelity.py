"""Whether early epochs rank policies as the last one does, told from trainings that ran to their end.

Strong augmentation starts slower, so that a rule which stops trainings early may stop the eventual best. Values are
such that larger is better; a learning curve gives them by epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

Curve = Mapping[int, float]
"""A value for each epoch."""

MIN_CURVES = 6
"""Fewer trainings say too little: with five, all pairs must agree for an interval of tau to lie above 0."""
PARTS = 8
"""Rungs that are looked at: every so manyth part of the epochs."""
HIGH_TAU, FAIR_TAU = 0.8, 0.6
CONFIDENCE = 0.95
NOISE_PERCENTILE = 90.0
SHORTEST_WINDOW = 5
"""So many epochs at least are looked at for noise."""


@dataclass(frozen=True)
class Agreement:
    """How far two rankings agree.

    Attributes:
        tau: Kendall's tau over the pairs that both tell apart, in [-1, 1]; None where there is no such pair.
        low: Lower end of its 95% interval.
        high: Upper end.
        pairs: How many pairs both tell apart.
    """

    tau: float | None
    low: float
    high: float
    pairs: int

    @property
    def holds(self) -> bool:
        """Whether it is high enough to stop trainings by: tau at least 0.6, its interval above 0."""
        return self.tau is not None and self.tau >= FAIR_TAU and self.low > 0


@dataclass(frozen=True)
class Rung:
    """An epoch at which trainings might be stopped, and how far its ranking is that of the end."""

    epoch: int
    agreement: Agreement


@dataclass(frozen=True)
class Audit:
    """What was found of the trainings of one length.

    Attributes:
        epochs: That length.
        curves: How many trainings there were.
        rungs: The epochs looked at, in order.
        epsilon: Differences at the end up to this are noise.
        first_epoch: The first rung to stop trainings at; None: nowhere.
        reduction: One of so many goes on there; None where nothing is to be stopped.
        warning: Why nothing is to be stopped; None where something is.
    """

    epochs: int
    curves: int
    rungs: tuple[Rung, ...]
    epsilon: float
    first_epoch: int | None
    reduction: int | None
    warning: str | None

    @property
    def enough(self) -> bool:
        """Whether there were enough trainings to say anything."""
        return self.curves >= MIN_CURVES


def audit(curves: Sequence[Curve], epochs: int, also: Collection[int] = ()) -> Audit:
    """Find from which epoch on the ranking is that of the end.

    The first rung is the earliest of the epochs looked at from which on, there and at all later ones, tau is at least
    0.6 and its interval lies above 0: one lucky epoch does not count. One of three goes on where tau is at least 0.8
    there, else one of two.

    Args:
        curves: Of trainings that nobody stopped; those that lack the last epoch are left out.
        epochs: How long they are.
        also: Epochs to look at for the user's sake, which are no candidates for the first rung.
    """
    whole = [curve for curve in curves if epochs in curve]
    looked_at = _eighths(whole, epochs)
    known = [epoch for epoch in also if epoch < epochs and all(epoch in curve for curve in whole)]
    epsilon = noise(whole, epochs)
    found = {epoch: _at(whole, epoch, epochs, epsilon) for epoch in sorted({*looked_at, *known})}
    first = None
    for epoch in reversed(looked_at if len(whole) >= MIN_CURVES else ()):
        if not found[epoch].holds:
            break
        first = epoch
    rungs = tuple(Rung(epoch, agreement) for epoch, agreement in found.items())
    if first is None:
        warning = _warning(len(whole), epochs, [rung for rung in rungs if rung.epoch in looked_at])
        return Audit(epochs, len(whole), rungs, epsilon, None, None, warning)
    reduction = 3 if (found[first].tau or 0.0) >= HIGH_TAU else 2
    return Audit(epochs, len(whole), rungs, epsilon, first, reduction, None)


def _eighths(curves: Sequence[Curve], epochs: int) -> list[int]:
    """From every eighth of the way on, the first epoch that all curves tell, the last one left out."""
    common = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    parts = (epochs * part / PARTS for part in range(1, PARTS))
    firsts = (next((epoch for epoch in common if epoch >= part), epochs) for part in parts)
    return sorted({epoch for epoch in firsts if epoch < epochs})


def _at(curves: Sequence[Curve], epoch: int, end: int, epsilon: float) -> Agreement:
    early, late = ([curve[when] for curve in curves] for when in (epoch, end))
    return soft_tau(early, late, noise(curves, epoch), epsilon)


def _warning(curves: int, epochs: int, rungs: Sequence[Rung]) -> str:
    """Why no epoch was found."""
    if curves < MIN_CURVES:
        return f"only {curves} of the {MIN_CURVES} trainings that it takes have run to their end unstopped"
    if not rungs:
        return f"trainings of {epochs} epochs tell of no epoch before the last"
    told = [(rung.agreement.tau, rung.epoch) for rung in rungs if rung.agreement.tau is not None]
    if not told:
        return f"the {curves} trainings differ by no more than noise, so no epoch can be seen to rank like the last"
    tau, epoch = max(told)
    return (
        f"no epoch was found from which on trainings rank as after epoch {epochs}: "
        f"the highest tau is {tau:.2f}, at epoch {epoch}, over {curves} trainings"
    )


def noise(curves: Sequence[Curve], until: int) -> float:
    """Differences up to this at epoch `until` are noise: 90% of those between curves that criss-cross before it.

    A pair criss-crosses if its order swaps at least twice over the latter half of the epochs up to there, or the last
    five: who swaps again and again cannot be told apart. Its differences from the first swap to the last count. 0
    where no pair does.

    Reference: Bohdal et al., PASHA: Efficient HPO and NAS with Progressive Resource Allocation, ICLR 2023,
    https://arxiv.org/abs/2207.06940, section 4.3. There swaps count whenever they were, and the difference at the end
    counts alone; two curves that cross, waver a little where they do, and part for good would pass for noise.
    """
    known = [curve for curve in curves if until in curve]
    common = sorted(set.intersection(*(set(curve) for curve in known))) if known else []
    before = [epoch for epoch in common if epoch <= until]
    latter = sum(epoch > until / 2 for epoch in before)
    window = before[-max(latter, SHORTEST_WINDOW) :]
    values = np.array([[curve[epoch] for epoch in window] for curve in known])
    found = [_criss_crossing(values[place + 1 :] - values[place]) for place in range(len(known) - 1)]
    differences = np.concatenate(found) if found else np.empty(0)
    return float(np.percentile(differences, NOISE_PERCENTILE)) if len(differences) else 0.0


def _criss_crossing(apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """All differences, of pairs x epochs, from the first to the last swap of pairs that swap twice or more."""
    order = np.sign(apart)
    last = np.maximum.accumulate(np.where(order != 0, np.arange(order.shape[1]), 0), axis=1)
    carried = np.take_along_axis(order, last, axis=1)  # who is level has not swapped yet
    swaps = carried[:, 1:] * carried[:, :-1] < 0
    begun = np.maximum.accumulate(swaps, axis=1)
    pending = np.maximum.accumulate(swaps[:, ::-1], axis=1)[:, ::-1]
    before, after = ((0, 0), (1, 0)), ((0, 0), (0, 1))
    between = np.pad(begun, after, constant_values=True) & np.pad(pending, before, constant_values=True)
    found: NDArray[np.float64] = np.abs(apart)[between & (swaps.sum(axis=1) >= 2)[:, None]]
    return found


def soft_tau(
    early: ArrayLike, late: ArrayLike, early_noise: float = 0.0, late_noise: float = 0.0
) -> Agreement:
    """Kendall's tau of two rankings of the same things, in which a difference within noise is no difference.

    Pairs that either ranking cannot tell apart count neither for nor against; without any, this is tau-b (and tau-a).

    Args:
        early: A value for each thing, at a rung.
        late: A value for each, in the same order, at the end.
        early_noise: Differences of `early` up to this are none.
        late_noise: Differences of `late` up to this are none.
    """
    signs = _order(early, early_noise) * _order(late, late_noise)
    pairs = int(np.count_nonzero(signs)) // 2
    if pairs == 0:
        return Agreement(None, -1.0, 1.0, 0)
    tau = float(signs.sum()) / (2 * pairs)
    return Agreement(tau, *_interval(signs, tau, pairs), pairs)


def _order(values: ArrayLike, noise: float) -> NDArray[np.float64]:
    """Who is ahead of whom, things x things: 1, -1, or 0 within noise."""
    column = np.asarray(values, dtype=np.float64)[:, None]
    apart = column - column.T
    order: NDArray[np.float64] = np.sign(apart) * (np.abs(apart) > noise)
    return order


def _interval(signs: NDArray[np.float64], tau: float, pairs: int) -> tuple[float, float]:
    """A 95% interval of tau: the wider end on each side of Fieller's z and of the jackknife.

    Alone, the jackknife shrinks to nothing where all pairs agree, and z is too narrow where the pairs that are left
    depend on each other. For z, tau is kept half a swapped pair from 1, and as many things are counted as have so many
    pairs.

    Reference: Fieller, Hartley, Pearson, Tests for rank correlation coefficients I, Biometrika 1957,
    https://doi.org/10.1093/biomet/44.3-4.470; Miller, The jackknife: a review, Biometrika 1974,
    https://doi.org/10.1093/biomet/61.1.1.
    """
    things = (1 + np.sqrt(1 + 8 * pairs)) / 2
    spread = _jackknife_error(signs)
    if things <= 4 or spread is None:
        return -1.0, 1.0
    z = np.arctanh(np.clip(tau, 1 / pairs - 1, 1 - 1 / pairs))
    half = ndtri((1 + CONFIDENCE) / 2) * np.sqrt(0.437 / (things - 4))
    reach = stdtrit(len(signs) - 1, (1 + CONFIDENCE) / 2) * spread
    low, high = min(np.tanh(z - half), tau - reach), max(np.tanh(z + half), tau + reach)
    return max(float(low), -1.0), min(float(high), 1.0)


def _jackknife_error(signs: NDArray[np.float64]) -> float | None:
    """Standard error of tau by leaving out one thing after the other; None where that leaves no pair."""
    count = len(signs)
    left = np.count_nonzero(signs) / 2 - np.count_nonzero(signs, axis=1)
    if left.min() <= 0:
        return None
    taus = (signs.sum() / 2 - signs.sum(axis=1)) / left
    return float(np.sqrt((count - 1) / count * np.sum((taus - taus.mean()) ** 2)))
