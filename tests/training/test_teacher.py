"""Teachers of a recipe: read, built when a policy needs one, fitted to the images, and what does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from bars import CLASSES, assignment, network, policy, recipe, splits
from torch import nn
from torch.nn import functional

from automix_search.documents import parse_yaml, to_yaml
from automix_search.errors import InputError
from automix_search.models import ModelSpec, build_model
from automix_search.signals import ModelSignals
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.recipe import load_recipe
from automix_search.training.teacher import Fitting, TeacherSpec
from automix_search.validation import dump

SIZE = (6, 9)
TAUGHT = policy(mix={"kind": "mixup", "per": "sample"}, loss={"kind": "mix_kd", "mixed": 0.5})


def save(path: Path, num_classes: int = CLASSES, channels: int = 1) -> nn.Module:
    """Weights of a tiny network, in a file."""
    torch.manual_seed(3)
    model = build_model(ModelSpec(name="tiny_cnn"), channels=channels, size=SIZE, num_classes=num_classes)
    torch.save(model.state_dict(), path)
    return model.eval()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save(tmp_path / "teacher.pt")
    return tmp_path / "teacher.pt"


def taught(weights: Path, **more: Any) -> ClassificationTrainer:
    teacher = {"model": "tiny_cnn", "weights": str(weights), **more}
    return ClassificationTrainer(recipe(teacher=teacher), splits(), model=network)


def test_is_read_from_a_recipe_and_written_out(weights: Path) -> None:
    text = f"""\
format: automix-search/trainer/1
data: {{kind: digits}}
model: {{name: tiny_cnn}}
teacher: {{model: small_cnn, weights: {weights}, num_classes: 7, size: [28, 28], mean: [0.5], std: [0.25]}}
"""
    found = load_recipe(parse_yaml(text, "mine.yaml"))
    assert found.teacher is not None
    assert found.teacher.model == ModelSpec(name="small_cnn")
    assert (found.teacher.size, found.teacher.mean) == ((28, 28), (0.5,))
    assert load_recipe(parse_yaml(to_yaml(dump(found)), "again")) == found


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("weights: nowhere.pt", r"mine\.yaml:4 teacher\.weights: there is no file nowhere\.pt"),
        ("", "teacher: the field `weights` is missing|teacher.weights: .*missing"),
        ("weights: W, mean: [0.5]", "`mean` and `std` must be given together"),
        ("weights: W, mean: [0.5], std: [0.2, 0.2]", "a number a channel each"),
        ("weights: W, mean: [0.5], std: [0.0]", "`std` must be above 0"),
        ("weights: W, size: [0, 3]", r"must be at least 1, but got 0 x 3"),
        ("weights: W, classes: 3", r"teacher\.classes: unknown field"),
    ],
)
def test_mistakes(fields: str, message: str, weights: Path) -> None:
    text = f"""\
format: automix-search/trainer/1
data: {{kind: digits}}
model: {{name: tiny_cnn}}
teacher: {{model: tiny_cnn, {fields.replace("W", str(weights))}}}
"""
    with pytest.raises(InputError, match=message):
        load_recipe(parse_yaml(text, "mine.yaml"))


def test_is_the_model_with_its_weights(weights: Path) -> None:
    built = TeacherSpec(model=ModelSpec(name="tiny_cnn"), weights=weights).build(splits().info)
    images = torch.randn(4, 1, *SIZE)
    assert not built.training
    assert torch.equal(built(images), save(weights)(images))


def test_resizes_normalises_anew_and_makes_colours_of_grey(tmp_path: Path) -> None:
    model = save(tmp_path / "colour.pt", 9, channels=3)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    spec = TeacherSpec(
        model=ModelSpec(name="tiny_cnn"),
        weights=tmp_path / "colour.pt",
        num_classes=9,
        size=(13, 11),
        mean=mean,
        std=std,
    )
    built, pixels = spec.build(splits().info), torch.rand(4, 1, *SIZE)
    resized = functional.interpolate(pixels, (13, 11), mode="bilinear", antialias=True).expand(-1, 3, -1, -1)
    wanted = model((resized - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1))
    torch.testing.assert_close(built((pixels - 0.3) / 0.2), wanted)


def test_fitting_follows_the_images_to_their_device() -> None:
    fitting = Fitting((4, 5), ((0.1,), (0.5,)), ((0.2,), (0.25,)))
    for device in ("cpu", "meta", "meta"):
        fitted = fitting(torch.zeros(2, 1, 3, 3, device=device))
        assert (fitted.device.type, fitted.shape) == (device, (2, 1, 4, 5))


def test_features_of_a_teacher_that_resizes(tmp_path: Path) -> None:
    """A transformer's patches lie as in the image that it takes, not as in the one that it is given."""
    model = build_model(ModelSpec(name="tiny_vit"), channels=1, size=(16, 12), num_classes=9)
    torch.save(model.state_dict(), tmp_path / "vit.pt")
    spec = TeacherSpec.model_validate(
        {"model": "tiny_vit", "weights": str(tmp_path / "vit.pt"), "num_classes": 9, "size": [16, 12]}
    )
    teacher = spec.build(splits().info)
    seen = ModelSignals(network(CLASSES, 1), torch.randn(2, 1, *SIZE), torch.eye(3)[:2], teacher=teacher)
    assert seen.features("teacher").shape == (2, 64, 8, 6)
    with pytest.raises(InputError, match="the task's 3 classes, but the teacher has 9"):
        seen.logits("teacher")


def test_drawing_the_teacher_leaves_the_random_state_alone(weights: Path) -> None:
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    TeacherSpec(model=ModelSpec(name="tiny_cnn"), weights=weights).build(splits().info)
    assert torch.equal(torch.rand(3), wanted)


def test_what_does_not_fit_is_said_before_any_training(weights: Path, tmp_path: Path) -> None:
    save(tmp_path / "nine.pt", 9)
    with pytest.raises(InputError, match=r"not of a model of 3 classes; say .* `num_classes`"):
        taught(tmp_path / "nine.pt").check()
    with pytest.raises(InputError, match="does not fit the model"):
        taught(weights, model="small_cnn").check()
    photos = replace(splits().info, name="photos", channels=2, mean=(0.1, 0.2), std=(1.0, 1.0))
    colour = TeacherSpec(model=ModelSpec(), weights=weights, mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(InputError, match="takes images of 3 channels, but those of `photos` have 2"):
        colour.build(photos)
    taught(weights).check()


def test_trains_with_a_teacher_and_goes_on_bit_for_bit(weights: Path, tmp_path: Path) -> None:
    trainer = taught(weights)
    files = [tmp_path / name for name in ("whole.pt", "parts.pt")]
    jobs = [assignment(TAUGHT, checkpoint=file, checkpoint_every_s=0.0) for file in files]
    whole = list(trainer.train(jobs[0]))
    interrupted = trainer.train(jobs[1])
    assert next(interrupted) == whole[0]
    assert list(taught(weights).train(jobs[1])) == whole


def test_a_teacher_that_is_not_needed_is_not_built(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []
    monkeypatch.setattr(TeacherSpec, "build", lambda spec, info: built.append(spec.weights) or save(weights))
    list(taught(weights).train(assignment(epochs=1)))
    assert built == []
    list(taught(weights).train(assignment(TAUGHT, epochs=1)))
    assert len(built) == 1


def test_a_policy_is_refused_before_it_trains(weights: Path, tmp_path: Path) -> None:
    without = ClassificationTrainer(recipe(), splits(), model=network)
    with pytest.raises(InputError, match="needs a teacher: name one under `teacher:` in the recipe"):
        without.settle(TAUGHT)
    assert without.settle(policy()) == policy()
    save(tmp_path / "nine.pt", 9)
    with pytest.raises(InputError, match="the task's 3 classes, but the teacher has 9"):
        taught(tmp_path / "nine.pt", num_classes=9).settle(TAUGHT)
    assert taught(weights).settle(TAUGHT) == TAUGHT
