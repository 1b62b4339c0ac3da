"""What a search costs beside the trainings: 30 trials of no substance through ours and through bare Ray Tune.

    python benchmarks/overhead.py [--trials 30] [--workers 2] [--rounds 4] [--write]

Bare is the least that Ray Tune can do: a class trainable with `reuse_actors=True` and random search; its workers
import torch, as those of any training do. Ours is the whole search: space, sampler, Optuna journal, ledger,
leaderboard and policy.yaml, without baselines and confirmation, which are more trainings. Each search starts a Ray
of its own with as many workers; they take turns, in an order that changes. The start of Ray is left out.

Two times are told. All: from the first trial's proposal to the last one's end, so that the start of the workers and
their imports are shared out among the trials; the goal is for this one. After the start: from the first result to
the last trial's end, which is what one more trial costs.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from record import about, publish

from automix_search.compute.jobs import Place
from automix_search.compute.ray_tune import RayTune
from automix_search.presets import find_preset
from automix_search.spaces import read_space
from automix_search.training.base import AbstractTrainer, Assignment, Resources
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.run_folder import create_run
from automix_search.tuning.search import conduct

import ray  # isort: skip - after ours, which switches Ray's telemetry off
from ray import tune  # isort: skip

GOAL = 1.5
BARE = "bare Ray Tune"


@dataclass
class Clock:
    """When the first trial was proposed and had a result, and when the last one ended so far; in seconds."""

    started: float | None = None
    first: float | None = None
    last: float = 0.0

    def proposed(self) -> None:
        self.started = self.started or time.perf_counter()

    def reported(self) -> None:
        self.first = self.first or time.perf_counter()

    def finished(self) -> None:
        self.last = time.perf_counter()

    def all(self, trials: int) -> float:
        """Seconds a trial, the start of the workers among them."""
        assert self.started is not None, "no trial was proposed"
        return (self.last - self.started) / trials

    def after_the_start(self, trials: int) -> float:
        """Seconds from the end of one trial to the end of the next."""
        assert self.first is not None, "no trial had a result"
        return (self.last - self.first) / (trials - 1)


class Trivial(AbstractTrainer):
    """Scores a policy without training."""

    epochs = 1

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        yield {"epoch": 1, "accuracy": 1 - assignment.policy.loss.smoothing}


class Watch:
    """Reads a search's events off on a clock."""

    def __init__(self, clock: Clock) -> None:
        self._marks = {"asked": clock.proposed, "reported": clock.reported, "finished": clock.finished}

    def noticed(self, event: Mapping[str, Any], records: object) -> None:
        if event["event"] in self._marks:
            self._marks[event["event"]]()


def ours(sampler: str, trials: int, workers: int) -> Clock:
    """A whole search of ours."""
    trainer, clock = Trivial(), Clock()
    space = read_space(find_preset("space", "quick").document(), base=trainer.transform)
    plan = SearchPlan(space, trainer, baselines={}, trials=trials, sampler=sampler, finalists=0)
    with tempfile.TemporaryDirectory() as folder, create_run(Path(folder), "run") as run:
        rows = conduct(run, plan, RayTune(Place(), workers, Resources()), [Watch(clock)])
    assert len(rows) == trials
    return clock


class Bare(tune.Trainable):
    """A trainable of no substance."""

    def setup(self, config: dict[str, Any]) -> None:
        import torch

        torch.set_num_threads(1)

    def step(self) -> dict[str, Any]:
        return {"accuracy": self.config["x"], "done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        return True


class BareWatch(tune.Callback):
    """Reads Ray Tune's callbacks off on a clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._clock.proposed()

    def on_trial_result(self, *_: Any, **__: Any) -> None:
        self._clock.reported()

    def on_trial_complete(self, *_: Any, **__: Any) -> None:
        self._clock.finished()


def bare(trials: int, workers: int) -> Clock:
    """Ray Tune alone."""
    clock = Clock()
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            tuner = tune.Tuner(
                tune.with_resources(Bare, {"cpu": 1}),
                param_space={"x": tune.uniform(0, 1)},
                tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=True),
                run_config=tune.RunConfig(
                    name="bare",
                    storage_path=folder,
                    verbose=0,
                    callbacks=[BareWatch(clock)],
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            )
            results = tuner.fit()
            assert len(results) == trials
            assert not results.errors
    finally:
        ray.shutdown()
    return clock


def take_turns(contenders: Mapping[str, Callable[[], Clock]], rounds: int) -> dict[str, list[Clock]]:
    """Clocks of each, round by round; every other round goes backwards."""
    clocks: dict[str, list[Clock]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(contenders)[:: 1 if number % 2 == 0 else -1]:
            clocks[name].append(contenders[name]())
    return clocks


def table(clocks: Mapping[str, list[Clock]], trials: int) -> str:
    """A markdown table of medians over rounds, with the lowest and the highest."""
    lines = [
        "| | all, s a trial | / bare | after the start, s a trial | / bare |",
        "|---|---|---|---|---|",
    ]
    whole = {name: [clock.all(trials) for clock in found] for name, found in clocks.items()}
    later = {name: [clock.after_the_start(trials) for clock in found] for name, found in clocks.items()}
    for name in clocks:
        cells = [cell for times in (whole, later) for cell in (spread(times[name]), ratio(times, name))]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + f"\n\nGoal: all, ours / bare at most {GOAL}."


def spread(times: list[float]) -> str:
    """Median, and the extremes."""
    return f"{statistics.median(times):.3f} ({min(times):.3f} – {max(times):.3f})"


def ratio(times: Mapping[str, list[float]], name: str) -> str:
    """The median against that of bare."""
    return f"{statistics.median(times[name]) / statistics.median(times[BARE]):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="also write benchmarks/results/overhead.md")
    settings = parser.parse_args()
    size = {"trials": settings.trials, "workers": settings.workers}
    contenders = {BARE: partial(bare, **size)}
    contenders |= {f"ours, {sampler}": partial(ours, sampler, **size) for sampler in ("random", "tpe")}
    clocks = take_turns(contenders, settings.rounds)
    title = f"Overhead: {settings.trials} trials, {settings.workers} workers, {settings.rounds} rounds"
    publish("overhead", title, about(), table(clocks, settings.trials), write=settings.write)


if __name__ == "__main__":
    main()
