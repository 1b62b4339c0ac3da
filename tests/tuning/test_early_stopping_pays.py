"""What early stopping saves and loses, plain and audited, on simulated curves: the table of the guide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from test_stopping import job

from automix_search.tuning.stopping import Asha, AshaWatch

EPOCHS, BASELINES, TRIALS, SEARCHES = 24, 4, 40, 60
PLAIN, AUDITED = Asha(first_epoch=3, sentinels=0), Asha()


def simulated(seed: int, start: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Learning curves, and what each is worth.

    Worths have a standard deviation of 0.01. A worth counts `start` times at first and once in the end; what else
    sets a curve apart fades, and so does most of its noise.
    """
    random, many = np.random.default_rng(seed), BASELINES + TRIALS
    worth = random.normal(0, 0.01, many)
    done = np.arange(1, EPOCHS + 1) / EPOCHS
    passing = random.normal(0, 0.01, many)[:, None] * (1 - done) * 0.7
    noise = random.normal(0, 1, (many, EPOCHS)) * 0.002 * ((1 - done) ** 0.5 + 0.3)
    rise = 0.6 + 0.3 * (1 - np.exp(-4 * done))
    return rise + worth[:, None] * (start + (1 - start) * done) + passing + noise, worth


@dataclass(frozen=True)
class Account:
    """Means over searches: how often the best came to its end, part of the epochs trained, points lost."""

    kept: float
    epochs: float
    lost: float


def account(rule: Asha, start: float) -> Account:
    """Search again and again, one trial after the other."""
    found = [_searched(rule, *simulated(seed, start)) for seed in range(SEARCHES)]
    return Account(*np.mean(found, axis=0))


def _searched(
    rule: Asha, curves: NDArray[np.float64], worth: NDArray[np.float64]
) -> tuple[bool, float, float]:
    watch = rule.watch()
    for number in range(BASELINES):
        for epoch, value in enumerate(curves[number], start=1):
            watch.overhears(job(f"b{number}", EPOCHS, stage="baseline"), epoch, value)
    curves, worth = curves[BASELINES:], worth[BASELINES:]
    lengths = [_trained(watch, number, curve) for number, curve in enumerate(curves)]
    whole = [number for number, length in enumerate(lengths) if length == EPOCHS]
    chosen, rightly = max(whole, key=lambda number: curves[number, -1]), int(np.argmax(curves[:, -1]))
    lost = 100 * float(worth[rightly] - worth[chosen])
    return int(np.argmax(worth)) in whole, sum(lengths) / (TRIALS * EPOCHS), lost


def _trained(watch: AshaWatch, number: int, curve: NDArray[np.float64]) -> int:
    """How many epochs a trial gets."""
    epochs = enumerate(curve, start=1)
    stops = (epoch for epoch, value in epochs if watch.stops(job(f"t{number:04d}", EPOCHS), epoch, value))
    return next(stops, EPOCHS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "plain", "audited"),
    [
        (0.6, Account(0.87, 0.37, 0.03), Account(0.98, 0.69, 0.00)),
        (0.0, Account(0.50, 0.40, 0.34), Account(0.98, 0.85, 0.00)),
        (-1.0, Account(0.03, 0.39, 1.31), Account(1.00, 0.94, 0.00)),
    ],
    ids=["is there early", "comes slowly", "is reversed at first"],
)
def test_the_table_of_the_guide(start: float, plain: Account, audited: Account) -> None:
    for rule, told in ((PLAIN, plain), (AUDITED, audited)):
        found = account(rule, start)
        assert found.kept == pytest.approx(told.kept, abs=0.03)
        assert found.epochs == pytest.approx(told.epochs, abs=0.02)
        assert found.lost == pytest.approx(told.lost, abs=0.03)
