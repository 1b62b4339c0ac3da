"""The loop: contract, pairing, exact resumption, objectives, and what goes wrong."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from bars import (
    CLASSES,
    MIXUP,
    SIZES,
    Recorder,
    assert_equal,
    assignment,
    network,
    policy,
    recipe,
    splits,
    trainer,
)
from pydantic import PrivateAttr
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.learned import EpochContext, StepContext
from automix_search.metrics import resolve_metric
from automix_search.policy import Augmenter, Policy
from automix_search.testing.trainers import TrainerContract
from automix_search.training.base import Objective
from automix_search.training.classification import ClassificationTrainer

NONE = policy()
BINARY = policy(mix={"kind": "mixup"}, loss={"kind": "binary_cross_entropy"})

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "every feature": {
        "ema": 0.9,
        "clip_grad": 0.5,
        "precision": "bfloat16",
        "optimizer": {"name": "adamw", "lr": 0.01, "weight_decay": 0.05},
        "lr_schedule": {"kind": "step", "warmup_epochs": 0.5},
    },
    "float16": {"precision": "float16", "channels_last": False, "optimizer": {"name": "lamb", "lr": 0.01}},
}


@pytest.mark.parametrize("variant", VARIANTS)
class TestContract(TrainerContract):
    epochs = 3
    keeps_checkpoints = True

    @pytest.fixture
    def trainer(self, variant: str) -> ClassificationTrainer:
        return trainer(**VARIANTS[variant])


class TestContractOfSeveralLabels(TrainerContract):
    keeps_checkpoints = True

    @pytest.fixture
    def trainer(self) -> ClassificationTrainer:
        return trainer(multi_label=True, objective={"metric": "mean_average_precision"})


def last(reports: Iterable[Mapping[str, float]]) -> Mapping[str, float]:
    return list(reports)[-1]


def test_learns() -> None:
    found = last(trainer(epochs=12).train(assignment(NONE, epochs=12)))
    assert found["accuracy"] > 0.8
    assert found["nll"] < 0.7 < math.log(CLASSES)


def test_learns_several_labels() -> None:
    found = last(trainer(multi_label=True, epochs=12).train(assignment(BINARY, epochs=12)))
    assert found["accuracy"] > 0.75


def test_reports() -> None:
    reports = list(trainer(lr_schedule={"kind": "linear"}).train(assignment(test=True)))
    assert [report["epoch"] for report in reports] == [1, 2, 3]
    assert set(reports[0]) == {"epoch", "accuracy", "nll", "train_loss", "lr"}
    recalls = {f"test_recall/{label}" for label in range(CLASSES)}
    assert set(reports[2]) == set(reports[0]) | {"test_accuracy", "test_nll"} | recalls
    steps = 3 * (SIZES["train"] // 8)
    assert reports[2]["lr"] == pytest.approx(0.05 * 0.5 / steps)
    assert reports[2]["test_nll"] != reports[2]["nll"]


def test_same_seed_same_weights_and_order_whatever_the_policy() -> None:
    seen = []
    for chosen in (policy(), policy(loss={"kind": "soft_cross_entropy", "smoothing": 0.2})):
        recorder = Recorder()
        list(ClassificationTrainer(recipe(), splits(), model=recorder.network).train(assignment(chosen)))
        seen.append(recorder)
    assert torch.equal(*(recorder.weights[0] for recorder in seen))
    assert len(seen[0].batches) == 3 * (SIZES["train"] // 8)
    assert all(map(torch.equal, *(recorder.batches for recorder in seen)))
    mixed = Recorder()
    list(ClassificationTrainer(recipe(), splits(), model=mixed.network).train(assignment(MIXUP)))
    assert torch.equal(mixed.weights[0], seen[0].weights[0])
    assert not torch.equal(mixed.batches[0], seen[0].batches[0])


def test_order_differs_between_epochs_and_seeds() -> None:
    recorder = Recorder()
    one = ClassificationTrainer(recipe(), splits(), model=recorder.network)
    list(one.train(assignment(NONE, epochs=2)))
    list(one.train(assignment(NONE, seed=2, epochs=1)))
    steps = SIZES["train"] // 8
    first, second, other = recorder.batches[0], recorder.batches[steps], recorder.batches[2 * steps]
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)
    assert not torch.equal(recorder.weights[0], recorder.weights[1])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("stop", [1, 2])
def test_interrupted_and_resumed_is_uninterrupted_bit_for_bit(
    variant: str, stop: int, tmp_path: Path
) -> None:
    files = {name: tmp_path / f"{name}.pt" for name in ("whole", "parts")}
    jobs = {name: assignment(checkpoint=file, checkpoint_every_s=0.0) for name, file in files.items()}
    whole = list(trainer(**VARIANTS[variant]).train(jobs["whole"]))
    interrupted = trainer(**VARIANTS[variant]).train(jobs["parts"])
    before = [next(interrupted) for _ in range(stop)]
    torch.rand(3)
    rest = list(trainer(**VARIANTS[variant]).train(jobs["parts"]))
    assert before == whole[:stop]
    assert rest == whole[stop - 1 :]
    states = [torch.load(file, weights_only=True) for file in files.values()]
    assert_equal(*states)


def test_a_finished_training_reports_its_end_again(tmp_path: Path) -> None:
    job = assignment(test=True, checkpoint=tmp_path / "checkpoint.pt", checkpoint_every_s=0.0)
    whole = list(trainer().train(job))
    assert list(trainer().train(job)) == whole[-1:]


def test_checkpoints_are_not_written_too_often(tmp_path: Path) -> None:
    job = assignment(checkpoint=tmp_path / "checkpoint.pt", checkpoint_every_s=3600.0)
    list(trainer().train(job))
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_something_else(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    list(trainer().train(assignment(checkpoint=file, checkpoint_every_s=0.0)))
    with pytest.raises(InputError, match="of a training of 3 epochs, not 5"):
        next(iter(trainer().train(assignment(epochs=5, checkpoint=file))))

    def wider(num_classes: int, in_chans: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(54 * in_chans, num_classes))

    with pytest.raises(InputError, match="the checkpoint is of another model or recipe"):
        next(iter(ClassificationTrainer(recipe(), splits(), model=wider).train(assignment(checkpoint=file))))


@pytest.mark.parametrize("diverges", ["loss", "logits"])
def test_a_training_that_goes_astray_says_nan(diverges: str, tmp_path: Path) -> None:
    class Astray(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network(CLASSES, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x) * (math.nan if self.training or diverges == "logits" else 1.0)

    def model() -> nn.Module:
        return (
            Astray()
            if diverges == "loss"
            else network_with(lambda x, training: x if training else x * math.inf)
        )

    file = tmp_path / "checkpoint.pt"
    one = ClassificationTrainer(recipe(), splits(), model=model)
    reports = list(one.train(assignment(checkpoint=file, checkpoint_every_s=0.0)))
    assert math.isnan(reports[0]["accuracy"])
    if diverges == "loss":
        assert len(reports) == 1
        assert not file.exists()


def network_with(change: Any) -> nn.Module:
    module = network(CLASSES, 1)
    module.register_forward_hook(lambda module, inputs, output: change(output, module.training))
    return module


def test_the_moving_average_is_what_is_scored() -> None:
    plain, averaged = (last(trainer(ema=decay).train(assignment(NONE))) for decay in (None, 0.95))
    assert plain["train_loss"] == averaged["train_loss"]
    assert plain["nll"] != averaged["nll"]


def test_starting_weights(tmp_path: Path) -> None:
    torch.manual_seed(9)
    start = network(CLASSES, 1)
    torch.save(start.state_dict(), tmp_path / "start.pt")
    one = trainer(weights=str(tmp_path / "start.pt"))
    assert_equal(dict(one.build_model().state_dict()), dict(start.state_dict()))


def test_a_metric_of_the_programs_own() -> None:
    def spread(logits: Tensor, labels: Tensor) -> float:
        assert logits.shape == (SIZES["valid"], CLASSES)
        assert labels.shape == (SIZES["valid"],)
        return float(logits.std())

    one = ClassificationTrainer(recipe(), splits(), model=network, metric=resolve_metric(spread, "min"))
    assert one.objective == Objective("spread", "min")
    assert last(one.train(assignment(epochs=1)))["spread"] > 0
    assert one.with_settings(recipe(epochs=9)).objective == one.objective


class Learning(Augmenter):
    """Learns nothing, but wants everything that a policy which learns may want."""

    search_share = 0.2

    def __init__(self, model: nn.Module, generator: torch.Generator) -> None:
        chosen = policy()
        super().__init__(
            (), chosen.mix, chosen.loss, num_classes=CLASSES, input=trainer().images, generator=generator
        )
        self.own = nn.Parameter(torch.ones(2))
        self.calls: list[tuple[str, float]] = []
        self.contexts: list[StepContext] = []

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.own], "weight_decay": 0.0}]

    def begin_epoch(self, progress: float, epoch: EpochContext | None = None) -> None:
        self.calls.append(("epoch", progress))

    def loss(
        self, model: nn.Module, x: Tensor, y: Tensor, progress: float = 0.0, index: Tensor | None = None
    ) -> Tensor:
        self.calls.append(("loss", progress))
        return super().loss(model, x, y, progress, index) + self.own.square().sum()

    def update(self, context: StepContext) -> None:
        self.calls.append(("update", context.progress))
        self.contexts.append(context)


class LearningPolicy(Policy):
    _made: list[Learning] = PrivateAttr(default_factory=list)

    def build(self, *, model: Any = None, generator: Any = None, **more: Any) -> Augmenter:
        self._made.append(Learning(model, generator))
        return self._made[-1]


def test_life_of_an_augmenter_that_learns() -> None:
    chosen = LearningPolicy()
    list(trainer().train(assignment(chosen, epochs=2)))
    augmenter = chosen._made[0]
    steps = (SIZES["train"] - 10) // 8
    assert [place for what, place in augmenter.calls if what == "epoch"] == [0.0, 0.5]
    losses = [place for what, place in augmenter.calls if what == "loss"]
    assert losses == pytest.approx([step / (2 * steps) for step in range(2 * steps)])
    assert [what for what, _ in augmenter.calls[:4]] == ["epoch", "loss", "update", "loss"]
    assert augmenter.own.detach().max() < 1
    assert any(
        parameter is augmenter.own
        for group in augmenter.contexts[0].optimizer.param_groups
        for parameter in group["params"]
    )
    train = {tuple(row.flatten().tolist()) for context in augmenter.contexts for row in context.batch[0]}
    search = {
        tuple(row.flatten().tolist()) for context in augmenter.contexts for row in context.search_batch[0]
    }
    assert len(search) == 10
    assert not train & search


@pytest.mark.parametrize(("share", "train"), [(0.01, SIZES["train"]), (0.99, SIZES["train"])])
def test_a_share_that_leaves_nothing(share: float, train: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Learning, "search_share", share)
    with pytest.raises(InputError, match=f"of {train} training samples cannot be set aside"):
        next(iter(trainer().train(assignment(LearningPolicy()))))


def test_several_labels_get_their_loss_unless_the_policy_names_another() -> None:
    one = trainer(multi_label=True)
    settled = one.settle(policy(mix={"kind": "mixup"}))
    assert settled.loss.kind == "binary_cross_entropy"
    assert one.settle(settled) == settled
    assert trainer().settle(MIXUP) is MIXUP
    with pytest.raises(
        InputError, match=r"`bars` have several labels; say `loss: \{kind: binary_cross_entropy\}`"
    ):
        one.settle(policy(loss={"kind": "soft_cross_entropy", "smoothing": 0.1}))


def test_with_settings() -> None:
    one = trainer(transform={"batch": [{"kind": "hflip"}]}, resources={"gpus": 0.5})
    other = one.with_settings(recipe(epochs=7, optimizer={"lr": 0.2}))
    assert (other.epochs, other.splits, one.epochs) == (7, one.splits, 3)
    assert other.settings.optimizer.lr == 0.2
    assert (one.resources.cpus, one.resources.gpus) == (1, 0.5)
    assert one.transform.batch[0].kind == "hflip"
    with pytest.raises(InputError, match=r"cannot change `trainer\.data`"):
        one.with_settings(recipe(data={"kind": "digits"}))


def test_describes() -> None:
    described = trainer().describe()
    assert described["data"]["digest"] == "0" * 64
    assert described["parameters"] == sum(item.numel() for item in network(CLASSES, 1).parameters())
    assert described["model"] == "network"
    assert described["recipe"]["optimizer"]["lr"] == 0.05


def head_of(size: int) -> Any:
    return lambda: nn.Sequential(nn.Flatten(), nn.Linear(54, size))


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        (
            head_of(2),
            {},
            r"must answer 2 images of `bars` with logits of shape \(2, 3\), one a class, but gave \(2, 2\)",
        ),
        (lambda: nn.Linear(7, 3), {}, r"the model cannot take images of 1 x 6 x 9 \(`bars`\)"),
        (lambda depth: network(3, 1), {}, "must take no argument but `num_classes` and `in_chans`.*depth"),
        (lambda: None, {}, "must return a torch.nn.Module, but returned a NoneType"),
        (network(3, 1), {}, "must be a function that makes a fresh model.* got a Sequential"),
        (network, {"optimizer": {"options": {"betaz": 3}}}, "the optimiser `sgd` cannot be made: .*betaz"),
        (
            network,
            {"batch_size": 2, "optimizer": {"name": "fusedlamb"}},
            "the optimiser `fusedlamb` cannot be made",
        ),
    ],
)
def test_what_does_not_fit_is_found_before_training(
    model: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ClassificationTrainer(recipe(**changes), splits(), model=model).check()


def test_what_fits_passes_and_draws_nothing() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    trainer().check()
    trainer().describe()
    assert torch.equal(torch.rand(2), expected)


def test_objectives_that_say_nothing() -> None:
    with pytest.raises(InputError, match="`mean_average_precision` is for several labels"):
        trainer(objective={"metric": "mean_average_precision"})
    with pytest.raises(InputError, match="`ece` is for one class an image"):
        trainer(multi_label=True, metrics=["nll", "ece"])
    with pytest.raises(InputError, match="there is no model"):
        ClassificationTrainer(recipe(), splits())


def test_uses_the_assignments_epochs_for_its_schedules() -> None:
    short = list(trainer(epochs=30, lr_schedule={"kind": "linear"}).train(assignment(epochs=2)))
    assert short[-1]["lr"] == pytest.approx(0.05 * 0.5 / (2 * (SIZES["train"] // 8)))
    assert replace(assignment(), epochs=2).epochs == 2


def test_compiles_the_model_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(self))
    plain = list(trainer().train(assignment(epochs=1)))
    assert not compiled
    assert last(trainer(compile=True).train(assignment(epochs=1))) == plain[0]
    assert len(compiled) == 1
