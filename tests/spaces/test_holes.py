"""What a hole stands for."""

import pytest
from written_spaces import Recipe, space

from automix_search.errors import InputError
from automix_search.mixing import LABEL_RULES, Switch
from automix_search.mixing.methods import MIXERS
from automix_search.mixing.salient.snapmix import SnapMix
from automix_search.ranges import Choice, Range, declared_range
from automix_search.spaces.holes import ChoiceHole, RangeHole


def values(text, **reading):
    return {parameter.name: parameter.values for parameter in space(text, **reading).parameters}


def test_default_is_the_range_that_the_field_declares():
    assert values("mix: {kind: cutmix, alpha: default}") == {"mix.alpha": Range(0.1, 4.0, log=True)}


def test_default_of_a_literal_or_a_bool_is_all_its_values():
    text = "mix: {kind: switch, per: default, options: [{method: {kind: none}}]}"
    assert values(text) == {"mix.per": Choice(("batch", "sample"))}


def test_default_of_a_single_option_is_that_option():
    """A teacher is searched only by those who ask for one."""
    found = space("mix: {kind: snapmix, alpha: default, source: default}")
    assert [parameter.name for parameter in found.parameters] == ["mix.alpha"]
    (option,) = found.fill({"mix.alpha": 3.0}).policy.mix.options
    assert option.method == SnapMix(alpha=3.0, source="model")


@pytest.mark.parametrize("family", [MIXERS, LABEL_RULES], ids=lambda family: family.noun)
def test_a_bare_name_and_default_ask_for_no_teacher(family):
    for member in family.members:
        for field in member.model_fields.values():
            declared = declared_range(field)
            assert not isinstance(declared, Choice) or "teacher" not in declared.options, member


def test_default_finds_the_field_of_the_switch_beside_a_bare_method():
    declared = Switch.model_fields["probability"].metadata
    found = values("mix: {kind: cutmix, alpha: 1.0, probability: default}")
    assert found["mix.probability"] in declared


def labelled(declared):
    """A declared range as a parameter: a list among the options of a choice is called after its items."""
    if isinstance(declared, Range):
        return declared
    return Choice(
        tuple("+".join(map(str, item)) if isinstance(item, tuple) else item for item in declared.options)
    )


def test_default_of_a_field_that_is_a_list_is_a_choice_of_lists():
    found = space("mix: {kind: manifoldmix, layers: default}")
    assert values("mix: {kind: manifoldmix, layers: default}") == {
        "mix.layers": Choice(("0", "1+2", "0+1+2", "0+1+2+3"))
    }
    (method,) = (option.method for option in found.fill({"mix.layers": "1+2"}).policy.mix.options)
    assert method.layers == (1, 2)
    own = space("mix: {kind: manifoldmix, layers: {choice: [[0, layer1], [-1]]}}")
    assert [point["mix.layers"] for point in own.grid(1)] == ["0+layer1", "-1"]


@pytest.mark.parametrize("kind", sorted(MIXERS.kinds()))
def test_a_bare_name_searches_every_declared_range_of_the_method(kind):
    declared = {
        f"mix.{name}": labelled(item)
        for name, field in MIXERS.kinds()[kind].model_fields.items()
        for item in field.metadata
        if isinstance(item, Range) or (isinstance(item, Choice) and len(item.options) > 1)
    }
    assert values(f"mix: {kind}") == declared
    inside = values(f"mix: {{choice: [{kind}, {{kind: switch}}]}}")
    assert {
        name.replace("mix.", f"mix.{kind}."): item for name, item in declared.items()
    }.items() <= inside.items()


def test_whole_number_fields_get_whole_numbers():
    found = space("trainer: {epochs: {range: [5.0, 7]}}", settings=Recipe())
    assert [point["trainer.epochs"] for point in found.grid(9)] == [5, 6, 7]
    assert all(isinstance(point["trainer.epochs"], int) for point in found.grid(9))


def test_number_fields_get_numbers_whatever_the_bounds_look_like():
    assert [point["mix.alpha"] for point in space("mix: {kind: cutmix, alpha: {range: [1, 2]}}").grid(3)] == [
        1.0,
        1.5,
        2.0,
    ]


def test_a_logarithmic_range_is_spread_evenly_in_the_logarithm():
    found = space("mix: {kind: cutmix, alpha: {range: [0.01, 1], log: true}}").grid(3)
    assert [point["mix.alpha"] for point in found] == pytest.approx([0.01, 0.1, 1.0])


def test_rounding_at_the_end_of_a_range_is_mended_and_more_is_refused():
    hole = RangeHole("alpha", 0.1, 4.0, log=True)
    assert hole.read(4.0 + 1e-12) == 4.0
    assert hole.read(0.1 - 1e-12) == 0.1
    with pytest.raises(InputError, match=r"`alpha` must lie in 0\.1 to 4"):
        hole.read(4.1)
    with pytest.raises(InputError, match="but got True"):
        hole.read(True)
    with pytest.raises(InputError, match="whole number"):
        RangeHole("epochs", 1, 4).read(2.5)


def test_labels_of_different_types_are_not_confused():
    hole = ChoiceHole("flag", (1, 2), (1, 2))
    assert hole.read(2) == 2
    with pytest.raises(InputError, match="must be one of 1, 2, but got True"):
        hole.read(True)
