"""Every method that a policy can name trains a model on real digits, through a real search."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from automix_search import search
from automix_search.data.digits import Digits
from automix_search.families import Family, kind_of
from automix_search.learned import LEARNED
from automix_search.losses import LOSSES
from automix_search.mixing import LABEL_RULES, MIXERS, PARTNERS
from automix_search.models import ModelSpec, build_model
from automix_search.presets import list_presets
from automix_search.schedules import SCHEDULES
from automix_search.transforms import BATCH_TRANSFORMS
from automix_search.tuning.leaderboard import Row

VIT: dict[str, Any] = {"name": "tiny_vit", "options": {"depth": 2}}


def kinds(family: Family) -> list[str]:
    return [kind_of(member) for member in family.members]


def choice_of(family: Family, **fields: Any) -> dict[str, Any]:
    """A choice of all kinds of a family, each with its defaults."""
    return {"choice": {kind: {"kind": kind, **fields} for kind in kinds(family)}}


SPACES: dict[str, tuple[Family, dict[str, Any]]] = {
    "mixing methods, per batch": (MIXERS, {"mix": choice_of(MIXERS)}),
    "mixing methods, per sample": (MIXERS, {"mix": choice_of(MIXERS, per="sample", probability=0.8)}),
    "label rules": (LABEL_RULES, {"mix": {"kind": "cutmix", "label": choice_of(LABEL_RULES)}}),
    "partner rules": (PARTNERS, {"mix": {"kind": "cutmix", "partner": choice_of(PARTNERS)}}),
    "schedules": (SCHEDULES, {"mix": {"kind": "mixup", "schedule": choice_of(SCHEDULES)}}),
    "losses": (LOSSES, {"mix": {"kind": "cutmix"}, "loss": choice_of(LOSSES)}),
    "learned policies": (LEARNED, {"learned": choice_of(LEARNED)}),
    "transforms": (BATCH_TRANSFORMS, {"transform": {"batch": [choice_of(BATCH_TRANSFORMS)]}}),
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Few digits, a small transformer, and a teacher of the same kind."""
    weights = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    save_file(build_model(ModelSpec(**VIT), channels=1, size=(8, 8), num_classes=10).state_dict(), weights)
    return {
        "format": "automix-search/trainer/1",
        "data": {"kind": "digits", "train_size": 66},
        "model": VIT,
        "teacher": {"model": VIT, "weights": str(weights)},
        "optimizer": {"name": "adamw", "lr": 0.003},
        "lr_schedule": {"kind": "cosine", "warmup_epochs": 0},
        "batch_size": 33,
        "epochs": 1,
    }


def trained(space: dict[str, Any], recipe: dict[str, Any], folder: Path, **more: Any) -> list[Row]:
    """Every point of a space without ranges, trained for an epoch."""
    result = search(
        space={"format": "automix-search/space/1", **space},
        trainer=recipe,
        sampler="grid",
        trials=200,
        runs_dir=folder,
        settings={"race": {"finalists": 0}, "retries": 0},
        **more,
    )
    return [row for row in result.leaderboard() if not row.baseline]


def check(rows: Iterable[Row], wanted: int) -> None:
    rows = list(rows)
    assert len(rows) == wanted
    failed = [
        f"{row.name} {row.record.reason}"
        for row in rows
        if row.search is None or not math.isfinite(row.search)
    ]
    assert not failed


@pytest.mark.parametrize("what", SPACES)
def test_in_this_process(what: str, recipe: dict[str, Any], tmp_path: Path) -> None:
    family, space = SPACES[what]
    check(trained(space, recipe, tmp_path, cluster="debug"), len(family.members))


@pytest.mark.parametrize("name", [preset.name for preset in list_presets("space")])
def test_a_launch_of_every_shipped_space(name: str, recipe: dict[str, Any], tmp_path: Path) -> None:
    result = search(
        space=name,
        trainer=recipe,
        trials=4,
        sampler="random",
        cluster="debug",
        runs_dir=tmp_path,
        settings={"race": {"finalists": 1, "seeds": 1}, "confirm": {"seeds": 1}, "retries": 0},
    )
    rows = result.leaderboard()
    check((row for row in rows if not row.baseline), 4)
    assert result.best_policy.provenance is not None


@pytest.mark.slow
def test_on_ray(recipe: dict[str, Any], tmp_path: Path) -> None:
    """All mixing methods and losses on Ray's workers, which get the policy and the teacher as data."""
    rows = trained({"mix": choice_of(MIXERS)}, recipe, tmp_path, cluster="local")
    check(rows, len(MIXERS.members))


def test_the_data_are_real() -> None:
    assert len(Digits().load().train) > 1000
