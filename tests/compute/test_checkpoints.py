"""A real training that is cut off goes on from its checkpoint in another process, to the same end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from acting import Remembering, job

from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import Executor, Place
from automix_search.data import splits_of
from automix_search.documents import Document
from automix_search.training.base import Resources
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.cost import COSTS
from automix_search.training.recipe import Recipe
from automix_search.validation import validate

RECIPE = {
    "model": {"name": "small_cnn"},
    "batch_size": 16,
    "epochs": 4,
    "optimizer": {"lr": 0.05},
    "transform": {"batch": [{"kind": "hflip"}]},
}


class CutOff(Exception):
    """Stands for the end of the driver."""


class Ending(Remembering):
    """A source that is gone after two epochs."""

    def reported(self, name: str, metrics: object) -> bool:
        super().reported(name, metrics)  # type: ignore[arg-type]
        if len(self.reports[name]) == 2:
            raise CutOff
        return False


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(3, size=count)
    return (random.random((count, 1, 8, 12)) * 60 + 60 * labels[:, None, None, None]).astype(np.uint8), labels


def trainer() -> ClassificationTrainer:
    recipe = validate(Recipe, Document(RECIPE, "recipe"))
    return ClassificationTrainer(
        recipe, splits_of(pictures(64, 0), pictures(32, 1), pictures(32, 2), name="steps")
    )


def in_process(folder: Path | None) -> Executor:
    return InProcess(Place(checkpoints=folder, checkpoint_every_s=0.0))


def on_ray(folder: Path | None) -> Executor:
    from automix_search.compute.ray_tune import RayTune

    return RayTune(Place(checkpoints=folder, checkpoint_every_s=0.0), 1, Resources(), object_store_gb=0.1)


JOB = job("a", seed=3, epochs=4, smoothing=0.1)


def whole() -> list[dict[str, float]]:
    source = Remembering([JOB])
    in_process(None).run(trainer(), source)
    return without_costs(source.reports["a"])


def without_costs(reports: list[dict[str, float]]) -> list[dict[str, float]]:
    """Reports without what each run measures anew."""
    return [{name: value for name, value in report.items() if name not in COSTS} for report in reports]


@pytest.mark.parametrize("executor", [in_process, pytest.param(on_ray, marks=pytest.mark.slow)])
def test_a_training_that_was_cut_off_goes_on_to_the_same_end(tmp_path: Path, executor) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CutOff):
        executor(tmp_path).run(trainer(), Ending([JOB]))
    assert (tmp_path / JOB.checkpoint_name).exists()
    again = Remembering([JOB])
    executor(tmp_path).run(trainer(), again)
    assert again.ends == {"a": None}
    reports = without_costs(again.reports["a"])
    assert reports[0]["epoch"] in (2, 3)  # the worker may have been an epoch ahead
    assert reports == whole()[int(reports[0]["epoch"]) - 1 :]
