"""AutoAugment and lists of sub-policies: tables, draws and results against torchvision's."""

from __future__ import annotations

from random import Random
from typing import get_args

import pytest
import torch
from torchvision.transforms import v2
from torchvision_operations import any_ties, one_by_one

from automix_search.documents import Document, parse_yaml
from automix_search.errors import InputError
from automix_search.policy import read_policy
from automix_search.spaces import read_space
from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.auto_augment import AutoAugment
from automix_search.transforms.operations import IDENTITY, NAMES, POSITIONS, apply_operations, magnitudes_at
from automix_search.transforms.published import SUB_POLICIES, PolicyName
from automix_search.transforms.random_augment import RandAugment, narrow
from automix_search.transforms.sub_policies import Operation, SubPolicies, draw_steps

POLICIES = get_args(PolicyName)
WORDS = {"ShearX": "shear_x", "ShearY": "shear_y", "TranslateX": "translate_x", "TranslateY": "translate_y"}


def theirs(policy: str) -> v2.AutoAugment:
    """torchvision's transform of the same policy."""
    return v2.AutoAugment(v2.AutoAugmentPolicy(policy))


@pytest.mark.parametrize("policy", POLICIES)
def test_tables_are_torchvisions(policy: PolicyName) -> None:
    ours = [
        tuple((step.op, step.probability, round(step.magnitude * 9)) for step in each)
        for each in SUB_POLICIES[policy]
    ]
    assert len(ours) == 25
    assert ours == [
        tuple((WORDS.get(op, op.lower()), probability, bin_ or 0) for op, probability, bin_ in each)
        for each in theirs(policy)._policies
    ]


def test_the_authors_repetitions_are_kept() -> None:
    table = SUB_POLICIES["imagenet"]
    assert [table[row - 1] for row in range(21, 26)] == [table[row - 1] for row in (5, 2, 14, 15, 3)]


@pytest.mark.parametrize("op", v2.AutoAugment._AUGMENTATION_SPACE)
def test_magnitudes_are_torchvisions(op: str) -> None:
    bins = v2.AutoAugment._AUGMENTATION_SPACE[op][0](10, 20, 50)
    chosen = torch.full((10,), POSITIONS[WORDS.get(op, op.lower())])
    ours = magnitudes_at(narrow(20, 50), chosen, torch.arange(10) / 9)
    if op == "Posterize":
        ours = ours.round()
    torch.testing.assert_close(ours, torch.zeros(10) if bins is None else bins.float())


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_torchvisions_under_the_same_draws(policy: PolicyName, channels: int) -> None:
    """Step by step, so that a pixel that float rounding decides in one does not count in the next."""
    images = some_images((250, channels, 17, 30), torch.uint8)
    steps = draw_steps(SUB_POLICIES[policy], len(images), (17, 30), seeded(4))
    expected = images
    for chosen, magnitudes in steps:
        ours = apply_operations(expected, chosen, magnitudes)
        differs = ours != one_by_one(expected, chosen, magnitudes)
        assert not (differs & ~any_ties(chosen, magnitudes, (17, 30))).any()
        expected = ours
    assert torch.equal(AutoAugment(policy=policy)(images, 0.5, seeded(4)), expected)


def steps_of(*steps: tuple[str, float, float]) -> tuple[Operation, ...]:
    """A sub-policy, in short."""
    return tuple(
        Operation.model_validate({"op": op, "probability": probability, "magnitude": magnitude})
        for op, probability, magnitude in steps
    )


@pytest.mark.parametrize(("op", "side"), [("translate_x", 50), ("translate_y", 20)])
def test_shifts_are_parts_of_their_side(op: str, side: int) -> None:
    ((_, magnitudes),) = draw_steps((steps_of((op, 1.0, 0.5)),), 40, (20, 50), seeded())
    torch.testing.assert_close(magnitudes.abs(), torch.full((40,), 75 * side / 331))


def test_sub_policies_are_drawn_evenly() -> None:
    choices = tuple(steps_of(("solarize_add", 1.0, level / 10)) for level in range(10))
    out = SubPolicies(sub_policies=choices)(torch.zeros(5000, 1, 1, 1), 0.5, seeded())
    counts = (out.flatten() * 255 / 11).round().long().bincount(minlength=10)
    assert ((counts - 500) ** 2 / 500).sum() < 22


def test_every_operation_has_a_probability_and_magnitude_of_its_own() -> None:
    chain = steps_of(("solarize_add", 0.3, 0.5), ("solarize_add", 0.8, 0.1))
    out = SubPolicies(sub_policies=(chain,))(torch.zeros(4000, 1, 1, 1), 0.5, seeded()).flatten()
    added = (out * 255 / 11).round().long().bincount(minlength=7) / 4000
    expected = torch.tensor([0.7 * 0.2, 0.7 * 0.8, 0, 0, 0, 0.3 * 0.2, 0.3 * 0.8])
    torch.testing.assert_close(added, expected, atol=0.03, rtol=0)


def test_a_shorter_sub_policy_ends_sooner() -> None:
    longer, shorter = steps_of(("invert", 1.0, 0.0), ("invert", 1.0, 0.0)), steps_of(("invert", 1.0, 0.0))
    steps = draw_steps((longer, shorter, ()), 600, (4, 6), seeded())
    first, second = ((chosen != IDENTITY).float().mean() for chosen, _ in steps)
    assert first == pytest.approx(2 / 3, abs=0.06)
    assert second == pytest.approx(1 / 3, abs=0.06)


def test_a_probability_of_0_everywhere_is_the_identity() -> None:
    images = some_images((60, 3, 9, 14), torch.uint8)
    chains = tuple(steps_of((name, 0.0, 1.0)) for name in NAMES)
    assert torch.equal(SubPolicies(sub_policies=chains)(images, 0.5, seeded()), images)


def test_signs_are_even() -> None:
    grey = torch.full((2000, 1, 1, 1), 0.5)
    out = SubPolicies(sub_policies=(steps_of(("brightness", 1.0, 0.5)),))(grey, 0.5, seeded()).flatten()
    assert out.unique().tolist() == pytest.approx([0.275, 0.725])
    assert (out > 0.5).float().mean() == pytest.approx(0.5, abs=0.05)


def test_a_space_searches_every_operation() -> None:
    text = """
format: automix-search/space/1
transform:
  batch:
    - kind: sub_policies
      sub_policies:
        - [{op: default, probability: default, magnitude: default}, {op: invert, probability: default}]
        - [{op: rotate, magnitude: {range: [0.2, 0.6]}}, {choice: [null, {op: equalize}]}]
    - {kind: auto_augment, policy: default}
    - {kind: rand_augment, operations: [rotate, {choice: [null, invert]}]}
"""
    space = read_space(parse_yaml(text, "my.yaml"))
    told = {each.name.removeprefix("transform.batch."): each.text for each in space.parameters}
    assert told == {
        "sub_policies.sub_policies[0][0].op": ", ".join(NAMES),
        "sub_policies.sub_policies[0][0].probability": "0 to 1",
        "sub_policies.sub_policies[0][0].magnitude": "0 to 1",
        "sub_policies.sub_policies[0][1].probability": "0 to 1",
        "sub_policies.sub_policies[1][0].magnitude": "0.2 to 0.6",
        "sub_policies.sub_policies[1].option2": "null, option2",
        "auto_augment.policy": "imagenet, cifar10, svhn",
        "rand_augment.operations.invert": "null, invert",
    }
    sizes = set()
    for seed in range(12):
        policy = space.fill(space.random_params(Random(seed))).policy
        sub_policies, _, rand = policy.transform.batch
        assert isinstance(sub_policies, SubPolicies)
        assert isinstance(rand, RandAugment)
        sizes.add((len(sub_policies.sub_policies[1]), len(rand.operations or ())))
    assert sizes == {(1, 1), (1, 2), (2, 1), (2, 2)}


@pytest.mark.parametrize(
    ("transform", "sentence"),
    [
        ({"kind": "auto_augment", "policy": "cifar"}, "policy.*cifar10"),
        ({"kind": "sub_policies", "sub_policies": []}, "sub_policies.*at least 1"),
        ({"kind": "sub_policies", "sub_policies": [[{"op": "rotat"}]]}, "op.*rotate"),
        ({"kind": "sub_policies", "sub_policies": [[{"op": "rotate", "magnitude": 9}]]}, "magnitude.*1"),
        ({"kind": "rand_augment", "operations": []}, "operations.*at least 1"),
        ({"kind": "trivial_augment", "operations": ["flip"]}, "operations.*shear_x"),
    ],
)
def test_bad_input_gets_a_sentence(transform: dict[str, object], sentence: str) -> None:
    tree = {"format": "automix-search/policy/1", "transform": {"batch": [transform]}}
    with pytest.raises(InputError, match=sentence):
        read_policy(Document(tree, "policy.yaml"))
