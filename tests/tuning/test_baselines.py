"""What every search is compared with."""

from __future__ import annotations

import pytest
from toys import Toy

from automix_search.errors import InputError
from automix_search.policy import Policy, Transform
from automix_search.transforms.flip import HorizontalFlip
from automix_search.transforms.resize import ResizedCrop
from automix_search.tuning.baselines import baselines_of


def trainer(**attributes: object) -> Toy:
    toy = Toy()
    for name, value in attributes.items():
        setattr(toy, name, value)
    return toy


def kinds(policy: Policy) -> list[str]:
    return [step.model_dump()["kind"] for step in (*policy.transform.load, *policy.transform.batch)]


def test_the_four_of_every_search() -> None:
    base = Transform(load=(ResizedCrop(size=24),), batch=(HorizontalFlip(),))
    found = baselines_of(trainer(transform=base))
    assert list(found) == ["none", "base", "trivial", "default"]
    assert kinds(found["none"]) == ["resize"]
    assert kinds(found["base"]) == ["resized_crop", "hflip"]
    assert kinds(found["trivial"]) == ["resized_crop", "trivial_augment", "hflip"]
    assert [option.method.model_dump() for option in found["default"].mix.options] == [
        {"kind": "mixup", "alpha": 0.8},
        {"kind": "cutmix", "alpha": 1.0, "aspect": "image"},
    ]
    assert found["default"].loss.smoothing == 0.1
    assert found["base"].loss.smoothing == 0


def test_without_files_to_read_none_is_nothing_at_all() -> None:
    assert baselines_of(trainer())["none"] == Policy()


def test_a_recipes_own_baselines_come_along() -> None:
    own = Policy(transform=Transform(batch=(HorizontalFlip(probability=0.3),)))
    assert baselines_of(trainer(baselines={"mine": own}))["mine"] == own


def test_no_baseline_is_replaced_unnoticed() -> None:
    with pytest.raises(InputError, match="`none` has the name of a built-in one"):
        baselines_of(trainer(baselines={"none": Policy()}))
