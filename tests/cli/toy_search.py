"""Trainers of milliseconds, as files of a user's own, and short ways to launch them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

TOY = '''
"""A trainer whose score follows from the policy: the more mixing, the better."""

import math
import random
import time

from automix_search.training.base import AbstractTrainer, Objective


class Toy(AbstractTrainer):
    objective = Objective("accuracy", "max")
    epochs = 2

    def train(self, assignment):
        for epoch in range(1, assignment.epochs + 1):
            yield self.metrics(assignment, epoch)

    def metrics(self, assignment, epoch):
        noise = random.Random(assignment.seed).uniform(0, 0.02)
        mixes = any(option.method.kind != "none" for option in assignment.policy.mix.options)
        value = 0.5 + 0.3 * mixes * assignment.policy.mix.probability + 0.01 * epoch + noise
        last = assignment.test and epoch == assignment.epochs
        return {"accuracy": value} | ({"test_accuracy": value - 0.1} if last else {})


class Lower(Toy):
    objective = Objective("accuracy", "min")


class Slow(Toy):
    def train(self, assignment):
        for metrics in super().train(assignment):
            time.sleep(0.05)
            yield metrics


class Stuck(Toy):
    """The third training never gets beyond its first epoch."""

    started = 0

    def train(self, assignment):
        Stuck.started += 1
        for metrics in super().train(assignment):
            yield metrics
            if Stuck.started == 3:
                time.sleep(60)


class Broken(Toy):
    def train(self, assignment):
        raise RuntimeError("no such luck")


class Forgetful(Toy):
    def metrics(self, assignment, epoch):
        return {"acuracy": 0.5}


class Swaying(Toy):
    """Every policy has its own luck with every seed."""

    def metrics(self, assignment, epoch):
        luck = random.Random(f"{assignment.seed}{assignment.policy}").gauss(0, 0.003)
        last = assignment.test and epoch == assignment.epochs
        return {"accuracy": 0.5 + luck} | ({"test_accuracy": 0.5 + luck} if last else {})


class Elsewhere(Toy):
    def describe(self):
        return {"trainer": "Toy", "data": {"name": "other", "digest": "1"}}
'''

QUICK = ("--cluster", "debug", "--trials", 2, "--set", "race.seeds=1", "--set", "confirm.seeds=2")


def write_toys() -> None:
    """Put the trainers into `toy.py` of the current folder."""
    with open("toy.py", "w", encoding="utf-8") as file:
        file.write(TOY)


def launching(trainer: str = "Toy", name: str = "first") -> tuple[object, ...]:
    """Arguments of a search that takes no time."""
    return ("launch", "--trainer", f"toy.py:{trainer}", "--name", name, *QUICK)


def command(*arguments: object) -> subprocess.Popen[str]:
    """The real command, in a process of its own."""
    script = "from automix_search.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(times: int, event: str, process: subprocess.Popen[str], name: str = "first") -> None:
    """Wait until the ledger of a run has so many events of a kind."""
    ledger, deadline = Path("runs", name, "ledger.jsonl"), time.monotonic() + 60
    while not (ledger.exists() and ledger.read_text().count(f'"event": "{event}"') >= times):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
