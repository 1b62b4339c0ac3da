"""A space may name what its search is for."""

from __future__ import annotations

from typing import Any

import pytest

from automix_search.errors import InputError
from automix_search.launch import LaunchConfig, resolve
from automix_search.training.base import Objective


def plan_of(space: Any, **changes: Any) -> Any:
    return resolve(LaunchConfig(space=space, trainer="digits-cnn", cluster="debug", trials=2, **changes)).plan


def test_it_is_the_objective_of_the_search_and_of_every_trial() -> None:
    plan = plan_of("calibration")
    assert plan.trainer.objective == Objective("ece", "min")
    assert plan.trainer.metrics[0].name == "ece"
    settings = plan.space.fill(plan.space.grid(1)[0]).settings
    assert settings.objective == plan.trainer.recipe.objective
    assert plan.trainer.with_settings(settings).objective == plan.trainer.objective


def test_without_one_the_recipe_has_its_own() -> None:
    assert plan_of("quick").trainer.objective == Objective("accuracy", "max")


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ({"metric": "ecce"}, "did you mean `ece`"),
        ({"metric": "ece", "direction": "max"}, "the metric `ece` is better when lower"),
        ({"metric": {"choice": ["ece", "nll"]}}, r"trainer\.objective\.metric"),
    ],
)
def test_mistakes(objective: dict[str, Any], said: str) -> None:
    tree = {"format": "automix-search/space/1", "mix": {"choice": ["none", "mixup"]}}
    with pytest.raises(InputError, match=said):
        plan_of({**tree, "trainer": {"objective": objective}})
