"""What a recipe may ask to be reported: calibration, temperature scaling, neural collapse, each as objective."""

import math
from collections.abc import Mapping

import pytest
import torch
from bars import CLASSES, SIZES, arrays, assignment, network, policy, recipe, splits, trainer
from torch import Tensor, nn

from automix_search.data import Batches
from automix_search.documents import parse_yaml
from automix_search.errors import InputError
from automix_search.metrics import METRICS, cross_scaled, fit_temperature, measure, recalls, resolve_metric
from automix_search.models import ModelSpec, build_model
from automix_search.testing.trainers import TrainerContract
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.evaluation import score
from automix_search.training.factory import trainer_from_objects, trainer_from_recipe
from automix_search.training.penultimate import check_features, features

NONE = policy()
COLLAPSE = ("nc1", "nc2", "nc2_weights", "nc3", "nc4")
DIGITS = """\
format: automix-search/trainer/1
data: {kind: digits}
model: {name: tiny_cnn}
epochs: 1
lr_schedule: {kind: cosine, warmup_epochs: 0}
objective: {metric: %s}
"""


class Deep(nn.Module):
    """A network with one more linear layer, and a classifier that is not registered last."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(5, CLASSES)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(54, 5), nn.ReLU())

    def get_classifier(self) -> nn.Linear:
        return self.head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


def last(one: ClassificationTrainer, **more: object) -> Mapping[str, float]:
    *_, report = one.train(assignment(NONE, **more))
    return report


@pytest.mark.parametrize("objective", ["ece_ts", "nc1"])
class TestContract(TrainerContract):
    keeps_checkpoints = True

    @pytest.fixture
    def trainer(self, objective: str) -> ClassificationTrainer:
        return trainer(objective={"metric": objective}, metrics=["nll", "nll_ts", "nc4"], ema=0.9)


@pytest.mark.parametrize("objective", ["ece", "nll_ts", "nc2"])
def test_a_recipe_names_its_objective(objective: str) -> None:
    one = trainer_from_recipe(parse_yaml(DIGITS % objective, "digits.yaml"))
    assert one.objective.direction == "min"
    report = last(one, epochs=1, test=True)
    for name in (objective, "accuracy", "nll"):
        assert math.isfinite(report[name])
        assert math.isfinite(report[f"test_{name}"])


def test_reports_every_metric_of_class_ids() -> None:
    wanted = [metric.name for metric in METRICS if metric.labels != "rows" and metric.name != "top5"]
    found = last(trainer(metrics=wanted), test=True)
    names = {"epoch", "train_loss", "lr", "temperature"}
    recalls = {f"recall/{label}" for label in range(CLASSES)}
    assert set(found) == names | set(wanted) | {f"test_{name}" for name in {*wanted, *recalls}}
    assert all(map(math.isfinite, found.values()))


def test_recalls_of_the_classes_mean_the_balanced_accuracy() -> None:
    found = last(trainer(metrics=["balanced_accuracy"]), test=True)
    recalls = [found[f"test_recall/{label}"] for label in range(CLASSES)]
    assert sum(recalls) / CLASSES == pytest.approx(found["test_balanced_accuracy"])
    assert len(set(recalls)) > 1


def test_recall_is_of_the_images_of_a_class() -> None:
    labels = torch.tensor([0, 0, 0, 2, 2])
    logits = nn.functional.one_hot(torch.tensor([0, 1, 0, 2, 0]), 3).float()
    assert recalls(logits, labels) == pytest.approx({0: 2 / 3, 2: 1 / 2})


def test_many_classes_and_several_labels_have_no_recalls(monkeypatch: pytest.MonkeyPatch) -> None:
    binary = policy(loss={"kind": "binary_cross_entropy"})
    *_, several = trainer(multi_label=True).train(assignment(binary, test=True))
    monkeypatch.setattr("automix_search.training.classification.MOST_CLASSES", CLASSES - 1)
    for found in (several, last(trainer(), test=True)):
        assert "test_accuracy" in found
        assert [name for name in found if "recall" in name] == []


def test_reports_every_metric_of_several_labels() -> None:
    wanted = [metric.name for metric in METRICS if metric.labels != "ids"]
    one = trainer(multi_label=True, metrics=wanted)
    binary = policy(loss={"kind": "binary_cross_entropy"})
    *_, found = one.train(assignment(binary, test=True))
    assert {"nll_ts", "brier_ts", "classwise_ece_ts"} <= set(wanted)
    assert all(math.isfinite(found[name]) and math.isfinite(found[f"test_{name}"]) for name in wanted)


def test_the_temperature_of_the_test_split_is_that_of_the_whole_validation_split() -> None:
    seen: dict[int, tuple[Tensor, Tensor]] = {}

    def keep(logits: Tensor, labels: Tensor) -> float:
        seen[len(labels)] = logits, labels
        return 0.0

    one = ClassificationTrainer(
        recipe(metrics=["nll_ts"], optimizer={"lr": 1e-3}),
        splits(),
        model=network,
        metric=resolve_metric(keep),
    )
    found = last(one, test=True)
    nll = resolve_metric("nll").compute
    valid, (logits, labels) = seen[SIZES["valid"]], seen[SIZES["test"]]
    assert found["temperature"] == fit_temperature(*valid)
    assert found["nll_ts"] == nll(cross_scaled(*valid), valid[1])
    assert found["test_nll_ts"] == nll(logits / fit_temperature(*valid), labels)
    assert found["nll_ts"] != pytest.approx(nll(valid[0] / found["temperature"], valid[1]), rel=1e-6)


def test_a_logit_that_is_not_finite_makes_all_nan() -> None:
    logits = torch.zeros(4, 3)
    logits[2, 1] = math.inf
    found = score(
        logits, torch.zeros(4, dtype=torch.long), [resolve_metric("accuracy"), resolve_metric("ece_ts")]
    )
    assert found.keys() == {"accuracy", "ece_ts", "temperature"}
    assert all(map(math.isnan, found.values()))


def test_neural_collapse_is_reported_at_the_end_only_unless_it_guides() -> None:
    reports = list(trainer(metrics=["nc1", "nc3"]).train(assignment(NONE)))
    assert [set(COLLAPSE) & set(report) for report in reports] == [set(), set(), {"nc1", "nc3"}]
    reports = list(trainer(objective={"metric": "nc1"}, metrics=["nc3"]).train(assignment(NONE)))
    assert [set(COLLAPSE) & set(report) for report in reports] == [{"nc1"}, {"nc1"}, {"nc1", "nc3"}]


def test_asking_for_neural_collapse_does_not_change_the_training() -> None:
    plain = list(trainer(precision="bfloat16").train(assignment()))
    one = trainer(precision="bfloat16", objective={"metric": "nc1"}, metrics=["accuracy", "nll"])
    for before, found in zip(plain, one.train(assignment()), strict=True):
        assert before == {name: found[name] for name in before}


def test_neural_collapse_is_of_all_clean_training_images() -> None:
    made: list[nn.Module] = []

    def deep() -> nn.Module:
        made.append(Deep())
        return made[-1]

    one = ClassificationTrainer(recipe(metrics=COLLAPSE), splits(), model=deep)
    flips = policy(mix={"kind": "mixup"}, transform={"batch": [{"kind": "hflip"}]})
    *_, found = one.train(assignment(flips, test=True))
    model, mean, std = made[0].eval(), 0.3, 0.2
    for name, prefix in (("train", ""), ("test", "test_")):
        part = getattr(splits(), name)
        images = (torch.from_numpy(part.images).float() / 255 - mean) / std
        with torch.no_grad():
            expected = measure(lambda: [(model.body(images), torch.from_numpy(part.labels))], model.head)  # noqa: B023
        for metric in COLLAPSE:
            assert found[prefix + metric] == pytest.approx(
                resolve_metric(metric).compute(expected), rel=1e-4, abs=1e-6
            )


@pytest.mark.parametrize("name", ["tiny_cnn", "tiny_vit", "cifar_resnet18", "test_efficientnet"])
def test_finds_the_features_of_models(name: str) -> None:
    model = build_model(ModelSpec(name=name), channels=1, size=(16, 24), num_classes=5)
    check_features(model, torch.rand(3, 1, 16, 24))


def test_features_are_those_of_the_layer_and_no_hook_is_left() -> None:
    torch.manual_seed(0)
    model = network(CLASSES, 1)
    split = arrays(20, 1)
    batches = Batches(split, 8, "cpu")
    found = list(
        features(model, batches.epoch(None), lambda x: x / 255, torch.amp.autocast("cpu", enabled=False))
    )
    assert [len(labels) for _, labels in found] == [8, 8, 4]
    assert model.training
    assert not model[-1]._forward_pre_hooks
    images = torch.from_numpy(split.images) / 255
    expected = model.eval()[:-1](images)
    assert torch.allclose(torch.cat([item for item, _ in found]), expected, atol=1e-6)


def test_a_compiled_model_shows_its_features_too() -> None:
    model = network(CLASSES, 1).eval()
    images = torch.rand(4, 1, 6, 9)
    with torch.inference_mode():
        plain = model(images)
        model.compile(backend="eager")
        assert torch.allclose(model(images), plain)
    check_features(model, images)


def test_neural_collapse_is_of_the_moving_average() -> None:
    plain, averaged = (last(trainer(metrics=["nc1"], ema=decay)) for decay in (None, 0.95))
    assert plain["train_loss"] == averaged["train_loss"]
    assert plain["nc1"] != pytest.approx(averaged["nc1"], rel=0.01)


def test_a_model_that_changes_its_last_layers_answer_is_found_before_training() -> None:
    def doubled() -> nn.Module:
        return nn.Sequential(network(CLASSES, 1), nn.Softplus())

    data = splits()
    trainer_from_objects(doubled, data, recipe=recipe())
    with pytest.raises(InputError, match=r"before the linear layer that gives the logits, but a Sequential"):
        trainer_from_objects(doubled, data, recipe=recipe(metrics=["nc1"]))


def test_a_model_without_features_is_found_before_training() -> None:
    def convolution() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, CLASSES, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def idle() -> nn.Module:
        model = convolution()
        model.unused = nn.Linear(2, 2)
        model.forward = lambda images: model[:3](images)
        return model

    for make, message in (
        (convolution, "no linear classifier"),
        (idle, "does not use its last linear layer"),
    ):
        with pytest.raises(InputError, match=message):
            trainer_from_objects(make, splits(), recipe=recipe(objective={"metric": "nc1"}))
