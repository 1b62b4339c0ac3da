"""Trainers from a program's own model and data, and how long they will take."""

from typing import Any

import numpy as np
import pytest
import torch
from bars import CLASSES, MIXUP, SIZES, assignment, network, recipe, splits, trainer
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from automix_search.errors import InputError
from automix_search.training import timing
from automix_search.training.base import Objective
from automix_search.training.factory import trainer_from_objects, trainer_from_recipe
from automix_search.training.timing import time_step


def datasets() -> list[TensorDataset]:
    parts = (splits().train, splits().valid, splits().test)
    return [TensorDataset(torch.tensor(part.images), torch.tensor(part.labels)) for part in parts]


def test_a_programs_own_model_and_data_sets() -> None:
    one = trainer_from_objects(network, datasets(), recipe=recipe(), name="mine")
    assert [len(part) for part in (one.splits.train, one.splits.valid, one.splits.test)] == list(
        SIZES.values()
    )
    assert one.describe()["data"]["name"] == "mine"
    *_, last = one.train(assignment(test=True))
    assert 0 <= last["test_accuracy"] <= 1


def test_defaults_for_everything_but_model_and_data() -> None:
    one = trainer_from_objects(network, datasets())
    assert one.objective == Objective("accuracy", "max")
    assert one.settings == recipe(epochs=10, batch_size=128, optimizer={})


def test_a_metric_by_name_or_function() -> None:
    def confidence(logits: Tensor, labels: Tensor) -> float:
        return logits.softmax(1).max(1).values.mean().item()

    by_name = trainer_from_objects(network, splits(), metric="nll", recipe=recipe())
    assert by_name.objective == Objective("nll", "min")
    own = trainer_from_objects(network, splits(), metric=confidence, direction="min", recipe=recipe())
    assert own.objective == Objective("confidence", "min")
    assert next(iter(own.train(assignment())))["confidence"] > 1 / CLASSES


def test_a_recipes_data_with_a_model_of_ones_own() -> None:
    def model(num_classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))

    one = trainer_from_objects(model, None, recipe=recipe(data={"kind": "digits"}))
    assert one.splits.info.num_classes == 10
    assert one.with_settings(recipe(data={"kind": "digits"}, epochs=2)).epochs == 2


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (network, None, r"there is no data: name it in the recipe, or give `data=\(train, valid, test\)`"),
        (None, "mine", "there is no model"),
        (network, 3, r"`data` must be \(train, valid, test\), each a data set or \(images, labels\), not 3"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(54, 2)), "mine", "one a class, but gave"),
    ],
)
def test_mistakes(model: Any, data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        trainer_from_objects(model, splits() if data == "mine" else data, recipe=recipe())


def test_a_recipe_must_name_its_data() -> None:
    with pytest.raises(InputError, match="there is no data"):
        trainer_from_recipe(recipe())


def test_timing_takes_time_and_leaves_nothing_behind() -> None:
    one = trainer()
    whole = list(one.train(assignment()))
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert time_step(one, MIXUP) > 0
    assert torch.equal(torch.rand(2), expected)
    assert list(one.train(assignment())) == whole
    assert np.array_equal(one.splits.train.images, splits().train.images)


def test_an_epoch_is_its_steps_and_its_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "time_step", lambda *_: 2.0)
    assert timing.time_epoch(trainer(), MIXUP) == pytest.approx(
        2.0 * (SIZES["train"] + SIZES["valid"] / 3) / 8
    )
