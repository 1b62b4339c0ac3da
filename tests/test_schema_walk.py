"""Finding the field that a value in a file belongs to."""

from typing import Annotated, Literal

from pydantic import Field

from automix_search.families import Family, Spec
from automix_search.mixing import Switch
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.switch import SHARED, Option
from automix_search.policy import Policy, Transform
from automix_search.schema_walk import children, fields_at, kinds_at, position_of, specs_at


class AbstractThing(Spec):
    """A family of this test."""


class Pebble(AbstractThing):
    """Its member."""

    kind: Literal["pebble"] = "pebble"
    weight: float = 1.0


THINGS = Family("thing", AbstractThing, (Pebble,))


class Boulder(AbstractThing):
    """A thing of the user's own."""

    kind: Literal["boulder"] = "boulder"
    height: int = 2


class Chest(Spec):
    """All shapes of a field."""

    one: Annotated[AbstractThing, THINGS] | None = None
    many: tuple[Annotated[AbstractThing, THINGS], ...] = ()
    named: dict[str, Pebble] = Field(default_factory=dict)
    either: int | str = 0


CHEST = position_of(Chest)


def at(model, name):
    field = model.model_fields[name]
    return position_of(field.annotation, field)


def test_children_of_a_spec_are_its_fields():
    found = children(CHEST, {"either": 3, "many": [], "unknown": 1})
    assert set(found) == {"either", "many"}
    assert found["either"].field is Chest.model_fields["either"]


def test_children_of_a_member_of_a_family_are_found_by_its_kind():
    found = children(at(Chest, "one"), {"kind": "pebble", "weight": 1})
    assert found["weight"].field is Pebble.model_fields["weight"]
    assert children(at(Chest, "one"), {"kind": "boulder", "height": 1}) == {}
    assert children(at(Chest, "one"), {"weight": 1}) == {}


def test_the_users_own_members_are_found_too():
    found = children(at(Chest, "one"), {"kind": "boulder", "height": 1}, [Boulder])
    assert found["height"].field is Boulder.model_fields["height"]


def test_children_of_lists_and_of_dictionaries():
    items = children(at(Chest, "many"), [{"kind": "pebble"}, {"kind": "pebble"}])
    assert {index: position.family for index, position in items.items()} == {0: THINGS, 1: THINGS}
    assert children(at(Chest, "named"), {"a": {}})["a"].annotation is Pebble


def test_a_shorthand_leads_to_the_real_fields():
    found = children(at(Policy, "mix"), {"kind": "cutmix", "alpha": 1, "probability": 1, "alhpa": 1})
    assert found["alpha"].field is CutMix.model_fields["alpha"]
    assert found["probability"].field is Switch.model_fields["probability"]
    assert "alhpa" not in found


def test_the_long_form_leads_to_the_same_fields():
    switch = children(at(Policy, "mix"), {"kind": "switch", "options": [], "probability": 1})
    assert switch["probability"].field is Switch.model_fields["probability"]
    options = children(switch["options"], [{"method": {}}])
    assert options[0].annotation is Option


def test_a_position_knows_the_plain_types_it_takes():
    assert at(Chest, "either").takes(str)
    assert at(Chest, "either").takes(float, int)
    assert not at(Chest, "either").takes(float)
    assert not at(Chest, "one").takes(str)


def test_kinds_that_may_stand_at_a_place():
    assert kinds_at(at(Chest, "one"), [Boulder]) == ("thing", {"pebble": Pebble, "boulder": Boulder})
    assert kinds_at(at(Chest, "either")) == ("kind", {})
    noun, kinds = kinds_at(at(Policy, "mix"))
    assert noun == "mixing method"
    assert kinds["switch"] is Switch
    assert kinds["cutmix"] is CutMix


def test_fields_that_may_stand_where_the_user_wrote_something_shorter():
    method = ("mix", "options", 0, "method")
    short = {"mix": {"kind": "cutmix"}}
    whole = {"mix": {"kind": "switch", "options": [{"method": {"kind": "cutmix"}}]}}
    assert fields_at(Policy, whole, method) == set(CutMix.model_fields)
    assert fields_at(Policy, short, method) == {*CutMix.model_fields, *SHARED}


def test_fields_that_may_stand_inside_of_what_was_written_shorter():
    place = ("mix", "options", 0, "method", "field_schedules", "alpha")
    short = {"mix": {"kind": "cutmix", "field_schedules": {"alpha": {"kind": "until"}}}}
    assert fields_at(Policy, short, place) == {"kind", "stop"}


def test_specs_at_a_place_of_an_expanded_tree():
    tree = {"mix": {"kind": "cutmix", "alpha": 1}, "transform": {"batch": [{"kind": "hflip"}]}}
    assert specs_at(Policy, tree, ()) == [Policy]
    assert specs_at(Policy, tree, ("transform",)) == [Transform]
    assert specs_at(Policy, tree, ("mix",)) == [Switch]
    assert specs_at(Policy, tree, ("mix", "options", 0)) == [Option]
    assert specs_at(Policy, tree, ("mix", "options", 0, "method")) == [CutMix]
    assert [spec.__name__ for spec in specs_at(Policy, tree, ("transform", "batch", 0))] == ["HorizontalFlip"]
    assert specs_at(Policy, tree, ("mix", "options", 7)) == []
