"""Candidates of a search at equal epochs, and at equal compute: does a policy that learns pay for its steps?

    python benchmarks/equal_compute.py RUN [--write] [--seeds 3] [--first-seed 1000] [--workers 2]

Takes the baselines of a run and the best finished trial of each learned policy, and of none. Each is trained on the
same fresh seeds twice: for as many epochs as the search trained, and then for as many as the time of its own steps, as
measured in the first trainings, leaves it when all get what the baseline `none` takes. The scores are of the test
split, which the search has seen only in its own confirmation, and choose nothing here.
"""

from __future__ import annotations

import argparse
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from record import about, publish

from automix_search.api import open_run
from automix_search.documents import read_yaml
from automix_search.evidence import score_over_seeds
from automix_search.launch import read_launch, resolve
from automix_search.policy import Policy
from automix_search.policy.summary import summary
from automix_search.training.base import AbstractTrainer, Assignment, Objective
from automix_search.training.cost import STEP_TIME
from automix_search.tuning.leaderboard import Row
from automix_search.tuning.run_folder import RunFolder


@dataclass(frozen=True)
class Entry:
    """A candidate, what a step of it takes over one of `none`, and how long it is trained."""

    name: str
    policy: Policy
    factor: float
    epochs: int


def candidates(rows: list[Row], objective: Objective) -> list[Row]:
    """The baselines, and the best finished trial of each kind that learns or does not."""
    chosen: dict[str, Row] = {}
    finished = [row for row in rows if row.state == "finished" and row.search is not None]
    for row in sorted(finished, key=lambda row: sign_of(objective) * (row.search or 0.0)):
        learned = row.record.asked["policy"].get("learned") or {"kind": "none"}
        name = row.name if row.baseline else f"learned {learned['kind']}"
        chosen.setdefault(name, replace(row, name=name))
    return list(chosen.values())


def sign_of(objective: Objective) -> int:
    """What scores are multiplied with so that the best comes first."""
    return -1 if objective.direction == "max" else 1


def train(trainer: AbstractTrainer, entry: Entry, seed: int) -> tuple[float, float]:
    """The objective on the test split after one training, and the mean time of its steps in seconds."""
    torch.set_num_threads(1)
    reports, seconds = [], []
    for report in trainer.train(Assignment(entry.policy, seed=seed, epochs=entry.epochs, test=True)):
        reports.append(report)
        seconds.append(trainer.costs[STEP_TIME])
    return reports[-1][f"test_{trainer.objective.metric}"], statistics.mean(seconds)


Results = dict[int, list[tuple[float, float]]]


def train_all(trainer: AbstractTrainer, entries: list[Entry], seeds: list[int], workers: int) -> Results:
    """Score and time of each training, by the place of its entry."""
    with ProcessPoolExecutor(workers) as pool:
        running = [[pool.submit(train, trainer, entry, seed) for seed in seeds] for entry in entries]
        return {place: [future.result() for future in futures] for place, futures in enumerate(running)}


def leaderboard(trainer: AbstractTrainer, entries: list[Entry], results: Results, seeds: list[int]) -> str:
    """A markdown table, best first; differences are paired by seed with the baseline `none`."""
    scores = [(entry, [score for score, _ in results[place]]) for place, entry in enumerate(entries)]
    plain = next(values for entry, values in scores if entry.name == "none")
    lines = [
        "| candidate | test | over none, paired | step | epochs | what it does |",
        "|---|---|---|---|---|---|",
    ]
    sign = sign_of(trainer.objective)
    for entry, values in sorted(scores, key=lambda item: sign * statistics.mean(item[1])):
        told = score_over_seeds(trainer.objective.metric, "test", dict(zip(seeds, values, strict=True)))
        gains = [one - other for one, other in zip(values, plain, strict=True)]
        spread = statistics.stdev(gains) / len(gains) ** 0.5
        cells = (
            entry.name,
            f"{told.mean:.4f} ± {told.standard_error:.4f}",
            f"{statistics.mean(gains):+.4f} ± {spread:.4f}",
            f"×{entry.factor:.2f}",
            str(entry.epochs),
            summary(entry.policy).replace("|", "or"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--write", action="store_true", help="keep the tables in benchmarks/results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    settings = parser.parse_args()
    if settings.seeds < 2:
        parser.error("--seeds must be at least 2: a difference over one seed has no standard error")
    run = RunFolder(settings.run)
    launch = resolve(read_launch(read_yaml(run.launch)))
    trainer = launch.plan.trainer
    rows = candidates(open_run(run).leaderboard(), trainer.objective)
    if any(row.record.asked["settings"] for row in rows):
        parser.error("the run searched the trainer's settings too, and here all are trained by one recipe")
    seeds = list(range(settings.first_seed, settings.first_seed + settings.seeds))
    entries = [Entry(row.name, row.policy(), 1.0, launch.plan.length) for row in rows]
    first = train_all(trainer, entries, seeds, settings.workers)
    times = [statistics.mean(seconds for _, seconds in first[place]) for place in range(len(entries))]
    plain = next(seconds for entry, seconds in zip(entries, times, strict=True) if entry.name == "none")
    timed = [replace(entry, factor=seconds / plain) for entry, seconds in zip(entries, times, strict=True)]
    cut = [replace(entry, epochs=max(2, round(entry.epochs / max(entry.factor, 1.0)))) for entry in timed]
    second = train_all(trainer, cut, seeds, settings.workers)
    body = [
        f"## Equal epochs\n\n{leaderboard(trainer, timed, first, seeds)}",
        f"## Equal compute\n\n{leaderboard(trainer, cut, second, seeds)}",
    ]
    about_run = f"Run `{run.name}`: {launch.plan.length} epochs, {len(seeds)} seeds, ± standard error.\n\n"
    publish(
        "equal-compute",
        "Policies that learn and that do not",
        about(),
        about_run + "\n\n".join(body),
        write=settings.write,
    )


if __name__ == "__main__":
    main()
