"""Early stopping, by hand-made learning curves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from automix_search.tuning.stopping import Asha, Median, NoStopping, Watch


def test_asha_rungs_grow_by_the_reduction() -> None:
    assert Asha(first_epoch=2, reduction=3).watch().rungs(60) == [2, 6, 18, 54]
    assert Asha(reduction=2).watch().rungs(20) == [5, 10]
    assert Asha(first_epoch=5).watch().rungs(5) == []


def test_asha_keeps_the_best_third() -> None:
    watch = Asha(first_epoch=1, reduction=3).watch()
    first_ones = [watch.stops(f"t{number}", 1, value, 9) for number, value in enumerate((0.5, 0.6))]
    assert first_ones == [False, False]  # fewer than `reduction` say nothing
    assert watch.stops("t2", 1, 0.55, 9)  # the best of three goes on, and that is t1
    assert not watch.stops("t3", 1, 0.7, 9)
    assert watch.stops("t4", 1, 0.65, 9)
    assert not watch.stops("t5", 1, 0.66, 9)  # two of six go on: t3 and this one


def test_asha_does_not_judge_between_rungs() -> None:
    watch = Asha(first_epoch=2, reduction=2).watch()
    assert not any(
        watch.stops(f"t{number}", epoch, -number, 8) for number in range(5) for epoch in (1, 3, 5, 8)
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(2, 5))
def test_asha_never_stops_the_best_so_far(values: list[float], reduction: int) -> None:
    watch = Asha(first_epoch=1, reduction=reduction).watch()
    for number, value in enumerate(values):
        stopped = watch.stops(f"t{number}", 1, value, 10)
        assert not (stopped and value >= max(values[: number + 1]))


def test_a_value_that_comes_again_counts_once() -> None:
    watch = Asha(first_epoch=1, reduction=2).watch()
    for _ in range(5):
        assert not watch.stops("t0", 1, 0.5, 4)
    assert watch.stops("t1", 1, 0.4, 4)
    assert not watch.stops("t2", 1, 0.6, 4)


def median_watch() -> Watch:
    watch = Median(first_epoch=2, min_trainings=2).watch()
    for name, curve in (("a", (0.2, 0.4)), ("b", (0.4, 0.6)), ("c", (0.6, 0.8))):
        for epoch, value in enumerate(curve, start=1):
            watch.stops(name, epoch, value, 10)
    return watch  # running means at epoch 2: 0.3, 0.5, 0.7


def test_median_stops_what_never_reached_the_median_of_the_running_means() -> None:
    watch = median_watch()
    assert not watch.stops("d", 1, 0.0, 10)  # before `first_epoch`
    assert watch.stops("d", 2, 0.49, 10)
    assert not watch.stops("e", 2, 0.51, 10)


def test_median_looks_at_the_best_value_so_far() -> None:
    watch = median_watch()
    watch.stops("d", 1, 0.9, 10)
    assert not watch.stops("d", 2, 0.1, 10)


def test_the_last_epoch_is_never_stopped() -> None:
    assert not median_watch().stops("d", 2, 0.0, 2)


def test_without_early_stopping_nothing_stops() -> None:
    watch = NoStopping().watch()
    assert not any(watch.stops(f"t{number}", 1, -number, 9) for number in range(20))
