"""Early stopping, by hand-made learning curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from automix_search.compute.jobs import Job, Stage
from automix_search.mixing.methods import CutMix
from automix_search.mixing.switch import Option, Switch
from automix_search.policy import Policy
from automix_search.tuning.stopping import Asha, AshaWatch, Median, NoStopping, Watch

WEAK = Policy()
STRONG = Policy(mix=Switch(options=(Option(method=CutMix()),)))


def job(name: str, epochs: int, policy: Policy = WEAK, stage: Stage = "search") -> Job:
    return Job(name=name, stage=stage, candidate=name, policy=policy, seed=0, epochs=epochs)


def plain(first_epoch: int | None = None, reduction: int | None = None) -> AshaWatch:
    """A watch without sentinels, so that all are judged and nothing is ever audited."""
    return Asha(first_epoch=first_epoch, reduction=reduction, sentinels=0).watch()


def run(watch: AshaWatch, name: str, curve: Sequence[float], policy: Policy = WEAK) -> int:
    """Train until the watch stops it or to the end; the epoch after which it ended."""
    for epoch, value in enumerate(curve, start=1):
        if watch.stops(job(name, len(curve), policy), epoch, value):
            return epoch
    return len(curve)


def test_asha_rungs_grow_by_the_reduction() -> None:
    assert plain(2, 3).rungs(60) == [2, 6, 18, 54]
    assert plain(reduction=2).rungs(20) == [5, 10]
    assert plain(5).rungs(5) == []


def test_asha_keeps_the_best_third() -> None:
    watch = plain(1, 3)
    first_ones = [watch.stops(job(f"t{number}", 9), 1, value) for number, value in enumerate((0.5, 0.6))]
    assert first_ones == [False, False]  # fewer than `reduction` say nothing
    assert watch.stops(job("t2", 9), 1, 0.55)  # the best of three goes on, and that is t1
    assert not watch.stops(job("t3", 9), 1, 0.7)
    assert watch.stops(job("t4", 9), 1, 0.65)
    assert not watch.stops(job("t5", 9), 1, 0.66)  # two of six go on: t3 and this one


def test_asha_does_not_judge_between_rungs() -> None:
    watch = plain(2, 2)
    assert not any(
        watch.stops(job(f"t{number}", 8), epoch, -number) for number in range(5) for epoch in (1, 3, 5, 8)
    )


def test_only_trainings_of_one_length_are_compared() -> None:
    watch = plain(1, 2)
    for number in range(6):
        assert not watch.stops(job(f"t{number}", 10 + number), 1, -number)
    assert watch.stops(job("t6", 10), 1, -1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(2, 5))
def test_asha_never_stops_the_best_so_far(values: list[float], reduction: int) -> None:
    watch = plain(1, reduction)
    for number, value in enumerate(values):
        stopped = watch.stops(job(f"t{number}", 10), 1, value)
        assert not (stopped and value >= max(values[: number + 1]))


def test_a_value_that_comes_again_counts_once() -> None:
    watch = plain(1, 2)
    for _ in range(5):
        assert not watch.stops(job("t0", 4), 1, 0.5)
    assert watch.stops(job("t1", 4), 1, 0.4)
    assert not watch.stops(job("t2", 4), 1, 0.6)


def test_a_training_that_starts_again_forgets_what_it_had() -> None:
    watch = plain(2, 2)
    run(watch, "t0", [0.1, 0.9, 0.9, 0.9])
    watch.stops(job("t0", 4), 1, 0.1)
    assert not watch.stops(job("t1", 4), 2, 0.5)  # alone at the rung again
    assert watch.stops(job("t2", 4), 2, 0.4)


def test_strong_policies_are_judged_a_rung_later() -> None:
    watch = Asha(reduction=2, sentinels=0).watch()
    assert watch.rungs(8) == [2, 4]
    for number, end in enumerate((0.8, 0.7)):
        assert run(watch, f"t{number}", [end] * 8) == (8, 2)[number]
    assert run(watch, "t2", [0.0] * 8, STRONG) == 4
    assert run(watch, "t3", [0.0, 0.0, 0.0, 0.9, 0.9, 0.9, 0.9, 0.9], STRONG) == 8
    assert run(watch, "t4", [0.75] * 8) == 2  # strong ones' slow starts make nobody look good


def test_at_a_first_epoch_of_the_users_all_are_judged() -> None:
    watch = plain(2, 2)
    assert run(watch, "t0", [0.8] * 8) == 8
    assert run(watch, "t1", [0.7] * 8, STRONG) == 2


def sentinels(watch: AshaWatch, curves: Sequence[Sequence[float]]) -> None:
    """Train four baselines and then trials, as a search does."""
    for number, curve in enumerate(curves):
        for epoch, value in enumerate(curve, start=1):
            if number < 4:
                watch.overhears(job(f"b{number}", len(curve), stage="baseline"), epoch, value)
            else:
                assert not watch.stops(job(f"t{number - 4:04d}", len(curve)), epoch, value)


def late(quality: int, crossing: float) -> list[float]:
    """A curve of 16 epochs that is the lower before the crossing, the higher it is after it."""
    return [0.5 + 0.02 * quality * (epoch - crossing) / 16 for epoch in range(1, 17)]


def test_sentinels_are_never_stopped_and_set_the_rungs() -> None:
    watch = Asha().watch()
    assert watch.rungs(16) == [4, 12]  # assumed
    sentinels(watch, [late(quality, crossing=9.5) for quality in range(5)])
    assert watch.rungs(16) == [4, 12]  # five are too few
    sentinels(watch, [late(quality, crossing=9.5) for quality in range(6)])
    assert watch.rungs(16) == [10]
    assert watch.rungs(32) == [8, 24]  # nothing is known of other lengths


def test_every_further_sentinel_is_heard() -> None:
    watch = Asha(sentinels=9).watch()
    sentinels(watch, [late(quality, crossing=9.5) for quality in range(6)])
    assert watch.rungs(16) == [10]
    opposite = [late(quality, crossing=13.5) for quality in range(6, 12)]
    sentinels(watch, [*(late(quality, crossing=9.5) for quality in range(6)), *opposite])
    assert watch.rungs(16) == []


def test_where_no_epoch_ranks_like_the_last_nobody_is_stopped() -> None:
    watch = Asha().watch()
    sentinels(watch, [late(quality, crossing=15.5) for quality in range(7)])
    assert watch.rungs(16) == []
    assert [run(watch, f"t001{number}", [-number] * 16) for number in range(9)] == [16] * 9


def test_what_the_user_says_holds_whatever_the_audit_finds() -> None:
    watch = Asha(first_epoch=2).watch()
    sentinels(watch, [late(quality, crossing=15.5) for quality in range(7)])
    assert watch.rungs(16) == [2, 6]
    watch = Asha(reduction=4).watch()
    sentinels(watch, [late(quality, crossing=1.5) for quality in range(7)])
    assert watch.rungs(16) == [2, 8]


def test_who_is_within_noise_of_the_cut_off_goes_on() -> None:
    """Two baselines swap at every epoch by 0.02: whoever lies as little below the cut-off is no worse."""
    watch = Asha(first_epoch=4, reduction=2, sentinels=0).watch()
    sentinels(watch, [[0.5 + 0.02 * (-1) ** epoch for epoch in range(8)], [0.5] * 8])
    assert run(watch, "t0000", [0.8] * 8) == 8
    assert run(watch, "t0001", [0.79] * 8) == 8
    assert run(watch, "t0002", [0.77] * 8) == 4


@given(st.permutations(range(7 * 16)), st.integers(0, 2**32 - 1))
def test_the_order_of_arrival_changes_nothing(order: list[int], seed: int) -> None:
    """What the watch decides next follows from what it was told, not from when."""
    noise = np.random.default_rng(seed).normal(0, 0.01, (7, 16))
    curves = np.array([late(quality, crossing=7.5) for quality in range(7)]) + noise
    queues = [list(enumerate(curve, start=1)) for curve in curves]
    straight, mixed = Asha().watch(), Asha().watch()
    sentinels(straight, curves.tolist())
    for turn in order:
        number = turn % 7
        epoch, value = queues[number].pop(0)
        if number < 4:
            mixed.overhears(job(f"b{number}", 16, stage="baseline"), epoch, value)
        else:
            mixed.stops(job(f"t{number - 4:04d}", 16), epoch, value)
    assert mixed.rungs(16) == straight.rungs(16)
    ends = [
        [run(watch, f"t1{number}", late(number, 3.5)) for number in range(6)] for watch in (straight, mixed)
    ]
    assert ends[0] == ends[1]


def median_watch() -> Watch:
    watch = Median(first_epoch=2, min_trainings=2).watch()
    for name, curve in (("a", (0.2, 0.4)), ("b", (0.4, 0.6)), ("c", (0.6, 0.8))):
        for epoch, value in enumerate(curve, start=1):
            watch.stops(job(name, 10), epoch, value)
    return watch  # running means at epoch 2: 0.3, 0.5, 0.7


def test_median_stops_what_never_reached_the_median_of_the_running_means() -> None:
    watch = median_watch()
    assert not watch.stops(job("d", 10), 1, 0.0)  # before `first_epoch`
    assert watch.stops(job("d", 10), 2, 0.49)
    assert not watch.stops(job("e", 10), 2, 0.51)


def test_median_looks_at_the_best_value_so_far() -> None:
    watch = median_watch()
    watch.stops(job("d", 10), 1, 0.9)
    assert not watch.stops(job("d", 10), 2, 0.1)


def test_the_last_epoch_is_never_stopped() -> None:
    assert not median_watch().stops(job("d", 2), 2, 0.0)


def test_without_early_stopping_nothing_stops() -> None:
    watch = NoStopping().watch()
    assert not any(watch.stops(job(f"t{number}", 9), 1, -number) for number in range(20))
