"""A space whose middle is a policy."""

import pytest

from automix_search.documents import Document
from automix_search.policy import Policy
from automix_search.spaces import read_space
from automix_search.spaces.around import MOST_RANGES, space_around

MIXUP = {"kind": "switch", "probability": 0.5, "options": [{"method": {"kind": "mixup", "alpha": 0.4}}]}


def test_numbers_become_ranges_inside_what_the_method_declares():
    tree = space_around(Policy.model_validate({"mix": MIXUP}))
    assert tree["mix"]["probability"] == {
        "range": [pytest.approx(0.3125), pytest.approx(0.6875)],
        "prior": 0.5,
    }
    low, high = tree["mix"]["options"][0]["method"]["alpha"]["range"]
    assert low < 0.4 < high
    assert tree["mix"]["options"][0]["method"]["alpha"]["log"]


def test_a_value_at_the_border_is_searched_to_one_side():
    tree = space_around(Policy.model_validate({"mix": MIXUP | {"probability": 1.0}}))
    assert tree["mix"]["probability"]["range"] == [pytest.approx(0.8125), 1.0]


def test_it_is_a_space_and_holds_the_policy():
    policy = Policy.model_validate(
        {
            "transform": {
                "batch": [
                    {"kind": "random_crop", "padding": 2},
                    {
                        "kind": "rand_augment",
                        "probability": 0.7,
                        "magnitude": 11,
                        "schedule": {"kind": "tanh"},
                    },
                ]
            },
            "mix": MIXUP,
        }
    )
    tree = space_around(policy, untouched=1)
    assert tree["transform"]["batch"][0]["padding"] == 2
    magnitude = tree["transform"]["batch"][1]["magnitude"]["range"]
    assert magnitude[0] < 11 < magnitude[1]
    space = read_space(Document(tree, "around.yaml"))
    assert 2 < len(space.parameters) <= MOST_RANGES
    space.check()


def test_large_tables_stay_fixed_before_the_number_of_ranges_explodes():
    table = [[{"op": "rotate", "probability": 0.5, "magnitude": 0.5}]] * 20
    policy = Policy.model_validate(
        {"transform": {"batch": [{"kind": "sub_policies", "probability": 0.6, "sub_policies": table}]}}
    )
    tree = space_around(policy)["transform"]["batch"][0]
    assert "range" in tree["probability"]
    inner = [
        hole for row in tree["sub_policies"] for one in row for hole in one.values() if isinstance(hole, dict)
    ]
    assert inner == []


def test_a_policy_that_mixes_nothing_has_nothing_to_search_in_its_mix():
    assert space_around(Policy())["mix"] == space_around(Policy(), width=0.1)["mix"]


def test_the_weight_of_the_only_method_is_not_searched():
    tree = space_around(Policy.model_validate({"mix": MIXUP}))
    assert tree["mix"]["options"][0]["weight"] == 1
    two = MIXUP | {"options": [*MIXUP["options"], {"method": {"kind": "cutmix"}}]}
    tree = space_around(Policy.model_validate({"mix": two}))
    assert "range" in tree["mix"]["options"][0]["weight"]
