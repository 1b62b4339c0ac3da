"""From phases of a training to one policy with schedules, for a training of any length."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_search.documents import Document
from automix_search.policy import Policy
from automix_search.policy.files import read_policy
from automix_search.ranges import Scalar
from automix_search.schedules import Knots
from automix_search.spaces import Space, read_space
from automix_search.tuning.population.lineage import Phase
from automix_search.tuning.population.scheduling import scheduled_policy
from automix_search.tuning.population.smoothing import Typical, curve_of, peak_and_knots
from automix_search.validation import dump


def space(**tree: object) -> Space:
    return read_space(Document({"format": "automix-search/space/1", "name": "small", **tree}, "small"))


def phases(name: str, *lengths_and_values: tuple[int, Scalar]) -> list[Phase]:
    return [Phase(epochs, {name: value}) for epochs, value in lengths_and_values]


def test_a_curve_goes_through_the_middle_of_each_phase() -> None:
    found = curve_of(phases("x", (3, 0.0), (3, 0.4), (3, 0.2)), "x")
    assert found == [pytest.approx(knot) for knot in ((1 / 6, 0.0), (1 / 2, 0.4), (5 / 6, 0.2))]


def test_phases_of_unequal_length_count_by_their_length() -> None:
    found = curve_of(phases("x", (6, 0.0), (2, 1.0)), "x")
    assert found == [(0.25, 0.0), (0.75, pytest.approx(0.5))]


@given(
    parts=st.lists(st.tuples(st.integers(1, 20), st.floats(0, 10)), min_size=1, max_size=40),
    stretch=st.integers(1, 9),
)
def test_a_curve_keeps_the_mean_and_does_not_change_when_stretched(
    parts: list[tuple[int, float]], stretch: int
) -> None:
    found = curve_of(phases("x", *parts), "x")
    total = sum(epochs for epochs, _ in parts)
    mean = sum(epochs * value for epochs, value in parts) / total
    assert len(found) == min(len(parts), 10)
    assert sum(value for _, value in found) / len(found) == pytest.approx(mean)
    longer = curve_of(phases("x", *((epochs * stretch, value) for epochs, value in parts)), "x")
    assert [pytest.approx(knot) for knot in found] == longer


def test_a_number_that_is_not_always_there_has_knots_where_it_is() -> None:
    some = [Phase(2, {}), Phase(2, {"x": 1.0}), Phase(2, {}), Phase(2, {"x": 3.0})]
    assert curve_of(some, "x") == [(pytest.approx(0.375), 1.0), (pytest.approx(0.875), 3.0)]
    assert Typical(some).suggest_float("x", 0.0, 5.0) == 2.0
    assert Typical(some).suggest_float("y", 0.5, 5.0) == 0.5


def test_options_are_those_of_most_epochs() -> None:
    some = phases("x", (4, "a"), (3, "b"), (3, "b"))
    assert Typical(some).suggest_categorical("x", ("c", "a", "b")) == "b"
    assert Typical([*some, *phases("x", (3, "a"))]).suggest_categorical("x", ("b", "a")) == "a"
    assert Typical(phases("x", (4, None), (4, "b"))).suggest_categorical("x", ("b", None)) == "b"


@pytest.mark.parametrize(
    ("values", "whole", "peak", "factors"),
    [
        ((0.0, 0.2, 0.4), False, 0.4, (0.0, 0.5, 1.0)),
        ((-0.1, -0.4, 0.0), False, -0.4, (0.25, 1.0, 0.0)),
        ((0.0, 1.5, 2.5), True, 3, (0.0, 0.5, 0.8333)),
    ],
)
def test_a_curve_is_its_peak_and_factors_of_it(
    values: tuple[float, ...], whole: bool, peak: float, factors: tuple[float, ...]
) -> None:
    found = peak_and_knots([(place / 2, value) for place, value in enumerate(values)], whole=whole)
    assert found == (peak, Knots(progress=(0.0, 0.5, 1.0), factors=factors))


@pytest.mark.parametrize("values", [(0.3, 0.3), (0.0, 0.0), (-0.2, 0.2), ()])
def test_a_level_curve_or_one_that_changes_its_sign_has_no_schedule(values: tuple[float, ...]) -> None:
    assert peak_and_knots(list(enumerate(values)), whole=False) is None


UNIT = {"range": [0, 1]}
LINE = {"op": "rotate", "probability": UNIT, "magnitude": UNIT}
EVERY_PLACE = space(
    transform={
        "batch": [
            {"kind": "affine", "degrees": {"range": [0, 30]}, "probability": UNIT, "scale": 0.0},
            {
                "kind": "rand_augment",
                "num_ops": {"range": [1, 3]},
                "probability": UNIT,
                "schedule": {"kind": "until"},
            },
            {"kind": "operation_table", "operations": [LINE]},
            {"kind": "sub_policies", "sub_policies": [[{"op": "invert", "probability": UNIT}]]},
        ]
    },
    mix={"choice": ["none", {"kind": "mixup", "alpha": {"range": [0, 4]}, "probability": UNIT}]},
)
NAMES = {
    "degrees": "transform.batch.affine.degrees",
    "often": "transform.batch.affine.probability",
    "ops": "transform.batch.rand_augment.num_ops",
    "until": "transform.batch.rand_augment.probability",
    "chance": "transform.batch.operation_table.operations.probability",
    "magnitude": "transform.batch.operation_table.operations.magnitude",
    "sub": "transform.batch.sub_policies.sub_policies.probability",
    "mix": "mix",
    "alpha": "mix.mixup.alpha",
    "mixing": "mix.mixup.probability",
}


def whole(**values: Scalar) -> dict[str, Scalar]:
    """A point of the space, in short."""
    low: dict[str, Scalar] = dict.fromkeys(NAMES, 0.0) | {"ops": 1, "mix": "mixup"}
    point = {NAMES[name]: value for name, value in (low | values).items()}
    return {name: point[name] for name in point if "mixup" not in name or point["mix"] == "mixup"}


def test_the_names_are_those_of_the_space() -> None:
    assert {parameter.name for parameter in EVERY_PLACE.parameters} == set(NAMES.values())


MIDDLE = whole(degrees=10.0, often=0.5, ops=2, until=0.4, chance=0.6, magnitude=0.3, sub=0.2, alpha=1.0)
LAST = whole(
    degrees=30.0, often=1.0, ops=3, until=0.8, chance=0.8, magnitude=0.9, sub=0.7, alpha=2.0, mixing=0.5
)
RISING = [Phase(4, whole(mix="none")), Phase(4, MIDDLE), Phase(4, LAST)]


def at(policy: Policy, progress: float) -> dict[str, float]:
    """The numbers of the policy as they are at a progress."""
    affine, random_augment, table, _ = (step.at(progress) for step in policy.transform.batch)
    mixup = policy.mix.options[0].method.at(progress)
    often = affine.probability * affine.schedule.factor(progress)
    found = {
        "degrees": affine.degrees,  # type: ignore[attr-defined]
        "often": often,
        "ops": random_augment.num_ops,  # type: ignore[attr-defined]
        "chance": table.operations[0].probability,  # type: ignore[attr-defined]
        "magnitude": table.operations[0].magnitude,  # type: ignore[attr-defined]
        "alpha": mixup.alpha,  # type: ignore[attr-defined]
        "mixing": policy.mix.probability * policy.mix.schedule.factor(progress),
    }
    return {name: float(value) for name, value in found.items()}


def test_every_number_goes_through_the_phases_where_a_policy_lets_it() -> None:
    policy = scheduled_policy(EVERY_PLACE, RISING)
    for middle, phase in zip((1 / 6, 1 / 2, 5 / 6), RISING, strict=True):
        expected = {name: phase.params[long] for name, long in NAMES.items() if long in phase.params}
        found = at(policy, middle)
        assert {name: expected.get(name, value) for name, value in found.items()} == pytest.approx(
            found, abs=2e-3
        )


def test_what_cannot_have_a_schedule_or_has_one_gets_its_mean() -> None:
    policy = scheduled_policy(EVERY_PLACE, RISING)
    random_augment, sub_policies = policy.transform.batch[1], policy.transform.batch[3]
    assert dump(random_augment.schedule) == {"kind": "until", "stop": 0.9}
    assert random_augment.probability == pytest.approx(0.4)
    assert sub_policies.sub_policies[0][0].probability == pytest.approx(0.3)  # type: ignore[attr-defined]


def test_the_policy_is_plain_data_and_reads_back() -> None:
    policy = scheduled_policy(EVERY_PLACE, RISING)
    assert read_policy(Document(dump(policy), "again")) == policy


def test_one_phase_needs_no_schedule() -> None:
    point = whole(degrees=10.0, alpha=1.0)
    policy = scheduled_policy(EVERY_PLACE, [Phase(7, point)])
    assert policy == EVERY_PLACE.fill(point).policy


@pytest.mark.parametrize("length", [12, 50, 1800])
def test_a_training_of_any_length_goes_through_the_whole_schedule(length: int) -> None:
    """Each third of the phases lasts for a third of the epochs, to the epoch."""
    policy = scheduled_policy(EVERY_PLACE, RISING)
    degrees = [at(policy, epoch / length)["degrees"] for epoch in range(length)]
    assert (degrees[0], len(degrees)) == (0.0, length)
    assert degrees[-1] == pytest.approx(30.0, abs=30 * 6 / length)
    assert degrees == sorted(degrees)
    ends = list(accumulate(phase.epochs * length / 12 for phase in RISING))
    assert ends[-1] == length
