"""Policies that learn, in the real loop on digits: checkpoints, the samples that they learn on, what they leave."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import bars
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from automix_search.data import Splits
from automix_search.data.digits import Digits
from automix_search.documents import Document
from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.learned import LEARNED
from automix_search.losses import BinaryCrossEntropy
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter, Policy, StepContext
from automix_search.policy.learned_file import as_learned, unpack
from automix_search.signals import Need
from automix_search.training import classification, fitness
from automix_search.training.base import Assignment
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.recipe import Recipe
from automix_search.training.seeding import GlobalRandom
from automix_search.validation import validate

VIT: dict[str, Any] = {"name": "tiny_vit", "options": {"depth": 2}}
CNN: dict[str, Any] = {"name": "tiny_cnn"}
EPOCHS = 3

kinds = pytest.mark.parametrize("kind", [kind_of(member) for member in LEARNED.members])


@cache
def digits() -> Splits:
    return Digits(train_size=64).load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of two teachers."""
    folder = tmp_path_factory.mktemp("teachers")
    for spec in (VIT, CNN):
        model = build_model(ModelSpec(**spec), channels=1, size=(8, 8), num_classes=10)
        save_file(model.state_dict(), folder / f"{spec['name']}.safetensors")
    return folder


def policy_of(kind: str) -> Policy:
    return Policy.model_validate({"learned": {"kind": kind}})


def trainer_for(policy: Policy, folder: Path) -> ClassificationTrainer:
    """A trainer whose model has what the policy looks at."""
    spec = VIT if policy.needs() & {Need.ATTENTION, Need.MIXED_ATTENTION} else CNN
    tree = {
        "data": {"kind": "digits", "train_size": 64},
        "model": spec,
        "teacher": {"model": spec, "weights": str(folder / f"{spec['name']}.safetensors")},
        "optimizer": {"lr": 0.05},
        "lr_schedule": {"kind": "cosine", "warmup_epochs": 0},
        "batch_size": 16,
        "epochs": EPOCHS,
        "ema": 0.9,
    }
    return ClassificationTrainer(validate(Recipe, Document(tree, "recipe")), digits())


def reports(trainer: ClassificationTrainer, assignment: Assignment) -> Iterator[dict[str, float]]:
    return (dict(report) for report in trainer.train(assignment))


@kinds
def test_cut_off_after_every_epoch_it_goes_on_bit_for_bit(kind: str, folder: Path, tmp_path: Path) -> None:
    policy = policy_of(kind)
    trainer, fixed = trainer_for(policy, folder), {"seed": 3, "epochs": EPOCHS}
    whole = list(reports(trainer, Assignment(policy, learned=tmp_path / "whole", **fixed)))
    checkpoint = tmp_path / "checkpoint.pt"
    parts = Assignment(
        policy, checkpoint=checkpoint, checkpoint_every_s=0, learned=tmp_path / "parts", **fixed
    )
    for epoch in range(1, EPOCHS + 1):
        found = next(report for report in reports(trainer, parts) if report["epoch"] == epoch)
        assert found == whole[epoch - 1]
    first, second = (unpack((tmp_path / name).read_bytes(), name) for name in ("whole", "parts"))
    assert first.history == second.history
    assert [moment["progress"] for moment in first.history] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    for name, tensor in first.tensors.items():
        assert torch.equal(tensor, second.tensors[name]), name


@kinds
def test_it_learns_on_training_samples_that_the_model_never_sees(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, splits = policy_of(kind), digits()
    trainer = trainer_for(policy, folder)
    assignment = Assignment(policy, seed=3, epochs=1)
    random = GlobalRandom(0, torch.device("cpu"))
    contexts: list[StepContext] = []
    with random.active():
        run = trainer.prepare(assignment, random)
        update = run.augmenter.update
        monkeypatch.setattr(
            run.augmenter, "update", lambda context: (contexts.append(context), update(context))
        )
        run.train_epoch()
    mine = {int(index) for batch in run.batches.epoch(None) for index in batch.index}
    searched = [] if run.search_batches is None else list(run.search_batches.epoch(None))
    own = {int(index) for batch in searched for index in batch.index}
    assert not mine & own
    assert mine | own == set(splits.train.index.tolist())
    assert not (mine | own) & (set(splits.valid.index.tolist()) | set(splits.test.index.tolist()))
    assert bool(own) == (run.augmenter.search_share > 0)
    held = {tuple(row.flatten().tolist()) for batch in searched for row in batch.inputs}
    shown = {
        tuple(row.flatten().tolist())
        for each in contexts
        if each.search_batch
        for row in each.search_batch[0]
    }
    assert shown <= held


@kinds
def test_what_it_learned_serves_without_a_recipe(kind: str, folder: Path, tmp_path: Path) -> None:
    policy = policy_of(kind)
    trainer, file = trainer_for(policy, folder), tmp_path / "learned.safetensors"
    list(trainer.train(Assignment(policy, seed=3, epochs=1, learned=file)))
    assert policy.learned is not None
    frozen = as_learned(policy.learned, file)
    assert frozen.trunk is not None
    assert frozen.trunk.size == (8, 8)
    reused = policy.model_copy(update={"learned": frozen})
    assert reused.static().build(num_classes=10, input=trainer.images)
    if frozen.needs():
        return
    other = reused.build(num_classes=10, input=trainer.images)
    images, targets = other(torch.randint(256, (6, 1, 8, 8), dtype=torch.uint8), torch.arange(6), 0.9)
    assert torch.isfinite(images).all()
    assert targets.shape[1] == 10


@pytest.mark.parametrize(
    ("learned", "more", "sentence"),
    [
        ({"kind": "automix", "layer": 9}, {}, "the model has no layer 9 to mix"),
        ({"kind": "hint_aug"}, {}, "no attention over all patches"),
        ({"kind": "adamixup"}, {"loss": {"kind": "regmixup"}}, "adamixup"),
    ],
    ids=["layer", "attention", "loss"],
)
def test_what_cannot_learn_with_a_model_is_found_before_any_training(
    learned: dict[str, Any], more: dict[str, Any], sentence: str, folder: Path
) -> None:
    policy = Policy.model_validate({"learned": learned, **more})
    trainer = trainer_for(policy_of("ct_augment"), folder)
    with pytest.raises(InputError, match=sentence):
        trainer.settle(policy)


def test_what_is_frozen_is_not_written_anew(folder: Path, tmp_path: Path) -> None:
    policy, file = policy_of("ct_augment"), tmp_path / "learned.safetensors"
    trainer = trainer_for(policy, folder)
    list(trainer.train(Assignment(policy, seed=3, epochs=1, learned=file)))
    assert policy.learned is not None
    frozen = policy.model_copy(update={"learned": as_learned(policy.learned, file)})
    list(trainer.train(Assignment(frozen, seed=3, epochs=1, learned=tmp_path / "again")))
    assert not (tmp_path / "again").exists()


def test_what_learns_on_keeps_the_network_that_it_looks_with(folder: Path, tmp_path: Path) -> None:
    policy, file = policy_of("madaug"), tmp_path / "learned.safetensors"
    trainer = trainer_for(policy, folder)
    list(trainer.train(Assignment(policy, seed=3, epochs=1, learned=file)))
    assert policy.learned is not None
    spec = as_learned(policy.learned, file).model_copy(update={"frozen": False})
    recipe = trainer.recipe.model_copy(update={"model": ModelSpec(name="small_cnn")})
    other = ClassificationTrainer(recipe, digits())
    goes_on = policy.model_copy(update={"learned": spec})
    list(other.train(Assignment(goes_on, seed=3, epochs=1, learned=file)))
    again = as_learned(policy.learned, file)
    assert again.trunk == spec.trunk
    policy.model_copy(update={"learned": again}).build(num_classes=10, input=trainer.images)


def test_a_training_cut_off_at_its_very_end_still_leaves_what_it_learned(
    folder: Path, tmp_path: Path
) -> None:
    policy, file = policy_of("ct_augment"), tmp_path / "learned.safetensors"
    trainer = trainer_for(policy, folder)
    assignment = Assignment(
        policy, seed=3, epochs=1, learned=file, checkpoint=tmp_path / "checkpoint.pt", checkpoint_every_s=0
    )
    list(trainer.train(assignment))
    wanted = file.read_bytes()
    file.unlink()
    list(trainer.train(assignment))
    assert file.read_bytes() == wanted


def test_a_policy_is_tried_with_the_loss_that_it_will_have(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Policy] = []
    monkeypatch.setattr(classification, "check_learned", lambda policy, *_: tried.append(policy))
    recipe = trainer_for(policy_of("ct_augment"), folder).recipe
    trainer = ClassificationTrainer(recipe, bars.splits(multi_label=True))
    settled = trainer.settle(policy_of("ct_augment"))
    assert tried == [settled]
    assert isinstance(settled.loss, BinaryCrossEntropy)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kinds of the policies that are built, one after the other."""
    found: list[str] = []
    build = Policy.build

    def counted(policy: Policy, **where: Any) -> Augmenter:
        assert policy.learned is not None
        found.append(kind_of(type(policy.learned)))
        return build(policy, **where)

    monkeypatch.setattr(Policy, "build", counted)
    return found


def test_what_lies_between_policies_that_could_begin_is_not_begun_again(
    folder: Path, builds: list[str]
) -> None:
    fitness.example_of.cache_clear()
    trainer = trainer_for(policy_of("automix"), folder)

    def settle(**fields: Any) -> int:
        before = len(builds)
        trainer.settle(Policy.model_validate({"learned": {"kind": "automix", **fields}}))
        return len(builds) - before

    assert settle(alpha=0.5, mask_weight=0.1) == 1
    assert settle(alpha=2.0, mask_weight=0.2) == 1
    assert settle(alpha=1.0, mask_weight=0.15) == 0
    assert settle(alpha=1.0, mask_weight=0.25) == settle(alpha=2.1, mask_weight=0.1) == 1
    assert settle(alpha=2.0, mask_weight=0.25) == 0
    assert settle(alpha=1.0, mask_weight=0.15, layer=2) == 1
    assert settle(alpha=1.0, mask_weight=0.15, clean_head=False) == 1
    for _ in range(2):
        with pytest.raises(InputError, match="no layer 9"):
            settle(alpha=1.0, layer=9)


def test_other_images_another_loss_or_another_model_are_looked_at_anew(
    folder: Path, builds: list[str]
) -> None:
    fitness.example_of.cache_clear()
    trainer = trainer_for(policy_of("ct_augment"), folder)
    policy = policy_of("ct_augment")
    trainer.settle(policy)
    trainer.settle(policy)
    assert len(builds) == 1
    trainer.settle(policy.model_copy(update={"loss": BinaryCrossEntropy()}))
    assert len(builds) == 2
    model = build_model(ModelSpec(**CNN), channels=1, size=(8, 8), num_classes=10)
    for images in (trainer.images, trainer.images, replace(trainer.images, mean=(0.1,))):
        fitness.check_learned(policy, model, images, 10)
    assert len(builds) == 4


def test_a_model_of_the_programs_own_is_built_once_to_be_looked_at(folder: Path) -> None:
    made: list[int] = []

    def make() -> nn.Module:
        made.append(1)
        return build_model(ModelSpec(**CNN), channels=1, size=(8, 8), num_classes=10)

    named = trainer_for(policy_of("madaug"), folder)
    trainer = ClassificationTrainer(named.recipe, digits(), model=make)
    for tau in (0.1, 0.2, 0.3):
        policy = Policy.model_validate({"learned": {"kind": "madaug", "tau": tau}})
        trainer.with_settings(named.recipe.model_copy(update={"epochs": 4})).settle(policy)
    assert len(made) == 1
    assert len(pickle.dumps(trainer._built)) < 200
