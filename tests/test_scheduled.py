"""Schedules of the fields of mixing methods and transforms."""

from __future__ import annotations

import pickle
from typing import Annotated, Literal

import pytest
import torch
from pydantic import Field, ValidationError, model_validator
from torch import Generator

from automix_search.cli.catalogue import describe_member
from automix_search.families import Family, Spec
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.schedules import (
    AbstractRamp,
    Constant,
    Cosine,
    From,
    Ramp,
    Schedule,
    Scheduled,
    Steps,
    Until,
)
from automix_search.transforms import BATCH_TRANSFORMS
from automix_search.transforms.affine import Affine
from automix_search.validation import dump


class Shaky(Scheduled):
    """Something with numbers of all sorts."""

    kind: Literal["shaky"] = "shaky"
    probability: float = 1.0
    schedule: Schedule = Constant()
    strength: Annotated[float, Range(0.1, 2.0)] = Field(0.8, gt=0)
    count: Annotated[int, Range(1, 9)] = Field(5, ge=0, le=9)
    shift: float = Field(-0.4, ge=-1, le=0)
    limit: int | None = None
    mode: Literal["soft", "hard"] = "soft"
    flag: bool = False
    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Shaky:
        if self.low > self.high:
            raise ValueError(f"`low <= high` must hold, but got low={self.low}, high={self.high}")
        return self


SHAKY = Family("shaky thing", Shaky, (Shaky,))


def refusal(**fields: object) -> tuple[tuple[str | int, ...], str]:
    """Place and sentence of what is wrong with the fields."""
    with pytest.raises(ValidationError) as caught:
        Shaky.model_validate(fields)
    (detail,) = caught.value.errors()
    return detail["loc"], detail["msg"]


def test_without_schedules_it_is_itself_at_any_time() -> None:
    spec = Shaky()
    assert spec.at(0.3) is spec


def test_a_schedule_scales_the_value_of_its_field_and_of_no_other() -> None:
    spec = Shaky(strength=0.8, field_schedules={"strength": Ramp(low=0.5, high=1.0)})
    assert spec.at(0.0) == Shaky(strength=0.4)
    assert spec.at(0.5) == Shaky(strength=0.8 * 0.75)
    assert spec.at(1.0) == Shaky(strength=0.8)
    assert spec.strength == 0.8


def test_what_holds_at_one_time_is_not_scaled_again() -> None:
    spec = Shaky(field_schedules={"strength": Ramp(low=0.5)})
    assert spec.at(0.0).at(0.0) == spec.at(0.0)


def test_several_fields_have_schedules_of_their_own() -> None:
    spec = Shaky(field_schedules={"shift": From(start=0.5), "high": Ramp(low=1.0, high=0.5)})
    assert (spec.at(0.4).shift, spec.at(0.4).high) == (0, 0.8)
    assert (spec.at(0.6).shift, spec.at(0.6).high) == (-0.4, 0.7)


@pytest.mark.parametrize(("progress", "count"), [(0.0, 0), (0.099, 0), (0.1, 1), (0.5, 3), (0.7, 4), (1, 5)])
def test_whole_numbers_stay_whole_and_a_half_is_rounded_up(progress: float, count: int) -> None:
    scaled = Shaky(count=5, field_schedules={"count": Ramp()}).at(progress)
    assert scaled.count == count
    assert isinstance(scaled.count, int)


def test_an_optional_whole_number_stays_whole() -> None:
    assert Shaky(limit=3, field_schedules={"limit": Ramp()}).at(0.5).limit == 2


@pytest.mark.parametrize("name", ["strenght", "mode", "flag", "schedule", "kind", "field_schedules"])
def test_only_numbers_can_be_scheduled(name: str) -> None:
    place, text = refusal(field_schedules={name: Constant()})
    assert place == ("field_schedules", name)
    assert text.startswith(f"unknown number to schedule `{name}`")
    assert text.endswith("known: count, high, limit, low, shift, strength")


def test_a_misspelt_field_gets_the_nearest_name() -> None:
    assert "did you mean `strength`?" in refusal(field_schedules={"strenght": Constant()})[1]


def test_a_probability_has_its_own_schedule() -> None:
    place, text = refusal(field_schedules={"probability": Constant()})
    assert place == ("field_schedules", "probability")
    assert text == "`probability` has a schedule of its own; write it under `schedule`"


def test_nothing_cannot_be_scaled() -> None:
    assert (
        refusal(field_schedules={"limit": Constant()})[1] == "a schedule scales a number, but `limit` is null"
    )


@pytest.mark.parametrize(
    ("fields", "name", "said"),
    [
        (
            {"field_schedules": {"strength": Until(stop=0.4)}},
            "strength",
            "at progress 0.4 `strength` is 0: it must be greater than 0",
        ),
        (
            {"low": 0.5, "field_schedules": {"high": Cosine(low=0.25)}},
            "high",
            "at progress 0 `high` is 0.25: `low <= high` must hold, but got low=0.5, high=0.25",
        ),
    ],
    ids=["a limit of the field", "a rule between fields"],
)
def test_a_schedule_keeps_to_what_is_allowed(fields: dict[str, object], name: str, said: str) -> None:
    assert refusal(**fields) == (("field_schedules", name), said)


def test_every_schedule_that_leads_too_far_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        Shaky(low=0.5, field_schedules={"high": Ramp(), "strength": Ramp(low=0.5, high=0.0)})
    assert {detail["loc"] for detail in caught.value.errors()} == {
        ("field_schedules", "high"),
        ("field_schedules", "strength"),
    }


def test_a_value_that_is_wrong_already_is_told_without_its_schedule() -> None:
    assert refusal(low=2.0, field_schedules={"high": Ramp(low=0.5)})[0] == ()
    assert refusal(strength=0.0, field_schedules={"strength": Ramp()})[0] == ("strength",)


def test_what_a_schedule_refuses_is_found_at_its_place() -> None:
    place, text = refusal(field_schedules={"count": {"kind": "ramp", "stop": 2}})
    assert place == ("field_schedules", "count", "stop")
    assert "less than or equal to 1" in text
    assert "did you mean `cosine`" in refusal(field_schedules={"count": {"kind": "cosin"}})[1]


def test_no_schedules_are_not_written_and_others_come_last() -> None:
    assert "field_schedules" not in dump(Shaky())
    tree = dump(Shaky(field_schedules={"count": Steps(count=2)}))
    assert (next(iter(tree)), list(tree)[-1]) == ("kind", "field_schedules")
    assert tree["field_schedules"] == {"count": dump(Steps(count=2))}


class Holder(Spec):
    """Something that holds a member of a family."""

    thing: Annotated[Shaky, SHAKY] = Shaky()


@pytest.mark.parametrize("schedules", [{}, {"count": Cosine(low=0.5), "strength": Ramp(low=0.1)}])
def test_read_back_copied_and_pickled_it_is_the_same(schedules: dict[str, AbstractRamp]) -> None:
    spec = Shaky(field_schedules=schedules)
    assert Holder.model_validate(dump(Holder(thing=spec))).thing == spec
    assert Shaky.model_validate_json(spec.model_dump_json()) == spec
    for other in (pickle.loads(pickle.dumps(spec)), spec.model_copy(deep=True)):
        assert other == spec
        assert hash(other) == hash(spec)


def test_specs_with_schedules_tell_each_other_apart() -> None:
    one, other = (Shaky(field_schedules={"count": Ramp(high=high)}) for high in (0.5, 1.0))
    assert len({one, other, Shaky(), Shaky(), Shaky(strength=0.7)}) == 4


def test_a_transform_takes_the_values_that_hold_at_the_time() -> None:
    images = torch.rand((6, 3, 9, 14), generator=Generator().manual_seed(1))
    late = Affine(degrees=40.0, field_schedules={"degrees": From(start=0.5)})
    for progress, degrees in ((0.3, 0.0), (0.7, 40.0)):
        wanted = Affine(degrees=degrees)(images, progress, Randomness(Generator().manual_seed(2)))
        got = late(images, progress, Randomness(Generator().manual_seed(2)))
        assert torch.equal(got, wanted)


def test_the_catalogue_tells_of_schedules_last() -> None:
    entry = describe_member(BATCH_TRANSFORMS, Affine)
    assert entry.fields[-1].name == "field_schedules"
    assert (entry.fields[-1].type, entry.fields[-1].default) == ("mapping of schedules", {})
