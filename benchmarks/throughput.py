"""Sixteen trainings under fixed policies: as a search of ours, and as the script that a user would write.

    python benchmarks/throughput.py --data FOLDER [--trials 16] [--epochs 5] [--train-size 10000] [--write]

Both train timm's `test_efficientnet` on the same pictures of Fashion-MNIST, with the same policies (mixup and CutMix,
eight alphas each), optimiser, schedule and batch size, and score the same 2,000 pictures after each epoch.

Ours: a grid search on a local Ray, as many workers as cores, one thread each, Fashion-MNIST in shared memory. The
script: Optuna's loop, Mixup, and a DataLoader over float tensors, with PyTorch's defaults; one training
after the other on all cores. Imports and the reading of the data are left out of both, and so is what a search adds
before its first training starts (Ray and its workers): that is the line "start-up".
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import timm
import torch
from record import about, publish
from timm.data.mixup import Mixup
from timm.loss.cross_entropy import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from automix_search.compute.cores import usable_cores
from automix_search.compute.jobs import Place
from automix_search.compute.ray_tune import RayTune
from automix_search.data import Arrays, Split, Splits
from automix_search.documents import Document
from automix_search.spaces import Space, read_space
from automix_search.training.base import Assignment, Resources
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.recipe import Recipe
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.run_folder import create_run
from automix_search.tuning.search import conduct
from automix_search.validation import validate

GOAL = 0.6
ALPHAS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0)
POLICIES = [(kind, alpha) for alpha in ALPHAS for kind in ("mixup", "cutmix")]
MODEL, CLASSES, BATCH, RATE, DECAY = "test_efficientnet", 10, 128, 0.005, 0.02


@dataclass(frozen=True)
class Outcome:
    """What one way of training them all took.

    Attributes:
        seconds: From the start of the first training to the end of the last.
        start_up: Before that, in seconds.
        scores: Validation accuracy of each training after its last epoch.
    """

    seconds: float
    start_up: float
    scores: list[float]


class Timed(ClassificationTrainer):
    """Also reports when each training started."""

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        import timm.optim  # noqa: F401 - seconds, paid once by each worker and by the script: no part of a training

        started = time.time()
        for metrics in super().train(assignment):
            yield {**metrics, "started": started}


class Starts:
    """Remembers when the first training started and when the last one ended."""

    def __init__(self) -> None:
        self.first, self.last = float("inf"), 0.0

    def noticed(self, event: Mapping[str, Any], records: object) -> None:
        if event["event"] == "reported":
            self.first = min(self.first, event["metrics"]["started"])
        elif event["event"] == "finished":
            self.last = time.time()


def recipe(data: str, epochs: int, train_size: int) -> Recipe:
    """How both train."""
    tree = {
        "data": {"kind": "fashion_mnist", "folder": data, "train_size": train_size, "valid_size": 2000},
        "model": {"name": MODEL, "drop_rate": 0.0, "drop_path_rate": 0.0},
        "optimizer": {"name": "adamw", "lr": RATE, "weight_decay": DECAY},
        "epochs": epochs,
        "batch_size": BATCH,
    }
    return validate(Recipe, Document(tree, "the benchmark's recipe"))


def space(trainer: ClassificationTrainer, trials: int) -> Space:
    """The policies as the options of one choice."""
    mixes = [{"kind": kind, "alpha": alpha, "probability": 1.0} for kind, alpha in POLICIES[:trials]]
    tree = {"format": "automix-search/space/1", "name": "sixteen", "mix": {"choice": mixes}}
    return read_space(
        Document(tree, "the benchmark's space"), base=trainer.transform, settings=trainer.settings
    )


def ours(recipe: Recipe, splits: Splits, trials: int, workers: int) -> Outcome:
    """A grid search over the policies."""
    trainer, starts = Timed(recipe, splits), Starts()
    plan = SearchPlan(
        space(trainer, trials), trainer, baselines={}, trials=trials, sampler="grid", finalists=0
    )
    with tempfile.TemporaryDirectory() as folder, create_run(Path(folder), "run") as run:
        began = time.time()
        rows = conduct(run, plan, RayTune(Place(threads=1), workers, Resources()), [starts])
    assert [row.state for row in rows] == ["finished"] * trials
    scores = [row.search for row in rows if row.search is not None]
    return Outcome(starts.last - starts.first, starts.first - began, scores)


def plain(recipe: Recipe, splits: Splits, trials: int) -> Outcome:
    """What a user would write."""
    train, valid = tensors(splits.train, splits), tensors(splits.valid, splits)

    def objective(trial: optuna.Trial) -> float:
        kind, alpha = POLICIES[trial.suggest_categorical("policy", list(range(trials)))]
        alphas = {f"{name}_alpha": alpha if name == kind else 0.0 for name in ("mixup", "cutmix")}
        mixup = Mixup(**alphas, label_smoothing=0.0, num_classes=CLASSES)  # type: ignore[no-untyped-call]
        return train_plainly(train, valid, mixup, recipe.epochs)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for number in range(trials):
        study.enqueue_trial({"policy": number})
    start = time.perf_counter()
    study.optimize(objective, n_trials=trials)
    seconds = time.perf_counter() - start
    return Outcome(seconds, 0.0, [trial.value for trial in study.trials if trial.value is not None])


def tensors(split: Split, splits: Splits) -> TensorDataset:
    """A split as normalised float tensors."""
    assert isinstance(split, Arrays)
    images = torch.tensor(split.images).float() / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (splits.info.mean, splits.info.std))
    return TensorDataset((images - mean) / std, torch.tensor(split.labels))


def train_plainly(train: TensorDataset, valid: TensorDataset, mixup: Mixup, epochs: int) -> float:
    """One training; the validation accuracy after its last epoch."""
    model: nn.Module = timm.create_model(
        MODEL, num_classes=CLASSES, in_chans=1, drop_rate=0.0, drop_path_rate=0.0
    )
    optimizer = create_optimizer_v2(model, "adamw", lr=RATE, weight_decay=DECAY)
    loader = DataLoader(train, batch_size=BATCH, shuffle=True, drop_last=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))
    criterion = SoftTargetCrossEntropy()  # type: ignore[no-untyped-call]
    accuracy = 0.0
    for _ in range(epochs):
        model.train()
        for images, labels in loader:
            images, targets = mixup(images, labels)
            loss = criterion(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        accuracy = score(model, DataLoader(valid, batch_size=BATCH))
    return accuracy


@torch.no_grad()
def score(model: nn.Module, loader: DataLoader[tuple[Tensor, ...]]) -> float:
    """The share of pictures that are told right."""
    model.eval()
    right = [(model(images).argmax(1) == labels).float() for images, labels in loader]
    return float(torch.cat(right).mean())


def table(outcomes: Mapping[str, Outcome]) -> str:
    """A markdown table."""
    lines = ["| | seconds | start-up, seconds | mean accuracy |", "|---|---|---|---|"]
    for name, outcome in outcomes.items():
        accuracy = statistics.mean(outcome.scores)
        lines.append(f"| {name} | {outcome.seconds:.1f} | {outcome.start_up:.1f} | {accuracy:.4f} |")
    mine, other = outcomes.values()
    return "\n".join(lines) + f"\n\nours / script: **{mine.seconds / other.seconds:.2f}** (goal {GOAL})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--trials", type=int, default=16, choices=range(1, 17), metavar="1-16")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--train-size", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--write", action="store_true", help="also write benchmarks/results/throughput.md")
    settings = parser.parse_args()
    how = recipe(str(Path(settings.data).absolute()), settings.epochs, settings.train_size)
    assert how.data is not None
    splits = how.data.load()
    first = f"ours, {settings.workers} workers x 1 thread"
    second = f"script, {torch.get_num_threads()} threads"
    outcomes = {first: ours(how, splits, settings.trials, settings.workers)}
    outcomes[second] = plain(how, splits, settings.trials)
    size = f"{settings.trials} trainings of {settings.epochs} epochs on {settings.train_size:,} pictures"
    publish("throughput", f"Throughput: {size}, {MODEL}", about(), table(outcomes), write=settings.write)


if __name__ == "__main__":
    main()
