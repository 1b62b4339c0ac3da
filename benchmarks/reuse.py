"""A learned policy used again: frozen, beside other models and on other data, against no augmentation.

    python benchmarks/reuse.py POLICY --trainer digits-cnn [--trainer FILE ...] [--write] [--seeds 5] [--workers 2]

Each recipe is trained on the same seeds with the policy as its file says it, with the plain policy that does the same
on average, and with none. Differences on the test split are paired by seed; the intervals are those of Student's t.
"""

from __future__ import annotations

import argparse
import statistics
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from record import about, publish
from scipy import stats

from automix_search.policy import Policy, load_policy
from automix_search.policy.summary import summary
from automix_search.presets import find_preset
from automix_search.training.base import AbstractTrainer, Assignment
from automix_search.training.factory import trainer_from_recipe


def train(trainer: AbstractTrainer, policy: Policy, seed: int) -> float:
    """The objective on the test split."""
    torch.set_num_threads(1)
    *_, last = trainer.train(Assignment(policy, seed=seed, epochs=trainer.epochs, test=True))
    return last[f"test_{trainer.objective.metric}"]


def row(name: str, policy: str, scores: list[float], plain: list[float]) -> str:
    """One line of the table, with the interval of the paired difference at 95%."""
    gains = [one - other for one, other in zip(scores, plain, strict=True)]
    reach = stats.t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / len(gains) ** 0.5
    mean, whole = statistics.mean(gains), statistics.mean(scores)
    return f"| {name} | {policy} | {whole:.4f} | {mean:+.4f} | {mean - reach:+.4f} to {mean + reach:+.4f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("policy", type=Path)
    parser.add_argument("--trainer", action="append", default=[], help="a recipe by name or file")
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/results")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    settings = parser.parse_args()
    learned = load_policy(settings.policy)
    policies = {"none": Policy(), "frozen": learned, "its average": learned.static()}
    lines = ["| recipe | policy | test | over none, paired | 95% |", "|---|---|---|---|---|"]
    with ProcessPoolExecutor(settings.workers) as pool:
        for name in settings.trainer:
            trainer = trainer_from_recipe(find_preset("trainer", name).document())
            running = {
                policy: [pool.submit(train, trainer, chosen, seed) for seed in range(settings.seeds)]
                for policy, chosen in policies.items()
            }
            scores = {policy: [future.result() for future in futures] for policy, futures in running.items()}
            lines += [row(Path(name).stem, policy, found, scores["none"]) for policy, found in scores.items()]
    body = f"{summary(learned)}\n\n{settings.seeds} seeds.\n\n" + "\n".join(lines)
    publish(
        f"reuse-{settings.policy.stem}", "A learned policy used again", about(), body, write=settings.write
    )


if __name__ == "__main__":
    main()
