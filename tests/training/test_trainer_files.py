"""The recipes that are shipped: each can be read, fits its model, and is a file that a user may copy."""

from pathlib import Path

import pytest
import torch

from automix_search.policy import Policy
from automix_search.training.base import Assignment
from automix_search.training.factory import trainer_from_recipe
from automix_search.training.recipe import Recipe, load_recipe

FOLDER = Path(__file__).parents[2] / "trainers"
FILES = sorted(FOLDER.glob("*.yaml"))
NAMES = {
    "cifar100-resnet18",
    "digits-cnn",
    "fashion-mnist-cnn",
    "fashion-mnist-timm",
    "imagenet-deit-small",
    "mnist-5k-cnn",
}
WITHOUT_DOWNLOAD = ("digits-cnn", "mnist-5k-cnn")

files = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_all_are_here() -> None:
    assert {file.stem for file in FILES} == NAMES


@files
def test_reads(file: Path) -> None:
    assert isinstance(load_recipe(file), Recipe)


@files
def test_tells_a_user_what_it_is(file: Path) -> None:
    first, *_ = file.read_text().splitlines()
    assert first.startswith("# ")
    assert "/tmp" not in file.read_text()


@files
def test_its_model_and_optimiser_can_be_made(file: Path) -> None:
    from automix_search.models import build_model

    recipe = load_recipe(file)
    sizes = {
        "digits-cnn": (1, 8, 10),
        "cifar100-resnet18": (3, 32, 100),
        "imagenet-deit-small": (3, 224, 1000),
    }
    channels, side, num_classes = sizes.get(file.stem, (1, 28, 10))
    assert recipe.model is not None
    model = build_model(recipe.model, channels=channels, size=(side, side), num_classes=num_classes)
    recipe.optimizer.build(model)
    with torch.inference_mode():
        assert model.eval()(torch.zeros(2, channels, side, side)).shape == (2, num_classes)


@pytest.mark.parametrize("name", WITHOUT_DOWNLOAD)
def test_fits_its_data(name: str) -> None:
    trainer = trainer_from_recipe(FOLDER / f"{name}.yaml")
    assert trainer.describe()["data"]["num_classes"] == 10


def test_digits_are_learnt() -> None:
    trainer = trainer_from_recipe(FOLDER / "digits-cnn.yaml")
    *_, last = trainer.train(Assignment(Policy(), seed=0, epochs=trainer.epochs, test=True))
    assert last["accuracy"] > 0.95
    assert last["test_accuracy"] > 0.95


@pytest.mark.slow
def test_mnist_is_learnt() -> None:
    trainer = trainer_from_recipe(FOLDER / "mnist-5k-cnn.yaml")
    *_, last = trainer.train(Assignment(Policy(), seed=0, epochs=trainer.epochs))
    assert last["accuracy"] > 0.92
