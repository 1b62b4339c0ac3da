"""Resident memory of the workers of a search on all of Fashion-MNIST, under the recipe `fashion-mnist-timm`.

    python benchmarks/memory.py --data FOLDER [--train-size 54000] [--workers 2] [--write]

Two baselines (TrivialAugment, and timm's switch of mixup and CutMix) are trained for an epoch on a local Ray, then
trained again and scored on the test split, as in a confirmation. Each worker reads its own size from /proc (so this
needs Linux): the largest it ever was, and at the end of an epoch the part that is its own and the part it shares
(libraries' code; the data set, which is in Ray's shared memory once, however many workers there are).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from record import about, publish

from automix_search.compute.jobs import Place
from automix_search.compute.ray_tune import RayTune
from automix_search.policy import Policy
from automix_search.presets import find_preset
from automix_search.spaces import space_of
from automix_search.training.base import Assignment, Resources
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.recipe import Recipe, load_recipe
from automix_search.tuning.baselines import baselines_of
from automix_search.tuning.ledger import Record, read_records
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.run_folder import create_run
from automix_search.tuning.search import conduct

GOAL_GB = 1.2
SIZES = {"VmHWM": "largest", "VmRSS": "now", "RssAnon": "own", "RssFile": "files", "RssShmem": "shared"}
"""Lines of /proc/PID/status, and what they are called here."""


class Sized(ClassificationTrainer):
    """Also reports how large its process is after each epoch, in gigabytes."""

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        for metrics in super().train(assignment):
            yield {**metrics, **sizes(), "process": os.getpid()}


def sizes() -> dict[str, float]:
    """Sizes of this process, in gigabytes of 10^9 bytes."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {SIZES[name[:-1]]: int(rest[0]) * 1024 / 1e9 for name, *rest in lines if name[:-1] in SIZES}


def trainer(data: str, train_size: int | None) -> Sized:
    """The recipe's trainer on all of the data."""
    recipe = load_recipe(find_preset("trainer", "fashion-mnist-timm").document())
    assert recipe.data is not None
    source = recipe.data.model_copy(update={"folder": data, "train_size": train_size})
    whole: Recipe = recipe.model_copy(update={"data": source})
    return Sized(whole, source.load())


def measure(trainer: Sized, workers: int) -> dict[str, Record]:
    """Records of a search with two candidates, one epoch each."""
    baselines = {
        name: policy for name, policy in baselines_of(trainer).items() if name in ("trivial", "default")
    }
    plan = SearchPlan(
        space_of(Policy()), trainer, baselines, trials=0, epochs=1, finalists=1, confirm_seeds=1
    )
    with tempfile.TemporaryDirectory() as folder, create_run(Path(folder), "run") as run:
        conduct(run, plan, RayTune(Place(checkpoints=run.trials, checkpoint_every_s=0), workers, Resources()))
        return read_records(run.ledger)


def table(records: Mapping[str, Record]) -> str:
    """A markdown table with a line for each training, and the largest process."""
    head = ["training", "process", "largest, GB", "after the epoch, GB", "own", "files", "shared"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    last = {name: record.metrics[-1] for name, record in records.items()}
    for name, metrics in last.items():
        cells = [f"{metrics[size]:.2f}" for size in SIZES.values()]
        lines.append(f"| {name} | {metrics['process']:.0f} | {' | '.join(cells)} |")
    largest = max(metrics["largest"] for metrics in last.values())
    return "\n".join(lines) + f"\n\nLargest worker: **{largest:.2f} GB** (goal {GOAL_GB})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of Fashion-MNIST's IDX files")
    parser.add_argument("--train-size", type=int, help="pictures trained on; all that are left by default")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="also write benchmarks/results/memory.md")
    settings = parser.parse_args()
    sized = trainer(str(Path(settings.data).absolute()), settings.train_size)
    splits = ", ".join(
        f"{len(split.index):,}" for split in (sized.splits.train, sized.splits.valid, sized.splits.test)
    )
    title = f"Memory of a worker on Fashion-MNIST ({splits}), {settings.workers} workers"
    publish("memory", title, about(), table(measure(sized, settings.workers)), write=settings.write)


if __name__ == "__main__":
    main()
