"""Weights & Biases: a run for each training, in one group for each search."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from automix_search.errors import InputError
from automix_search.trackers.base import (
    AbstractLog,
    AbstractTracker,
    Ending,
    Report,
    Search,
    Training,
    library,
)

SETTINGS = {
    "console": "off",
    "silent": True,
    "disable_git": True,
    "disable_code": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}
"""Nothing is kept but what this package tells: no output, code, command line, environment, nothing of the machine."""


class WeightsAndBiases(AbstractTracker):
    """A run for each training; offline, they are kept in the run folder until `wandb sync` sends them."""

    kind: Literal["wandb"] = "wandb"
    project: str = Field("automix-search", min_length=1, description="The project.")
    entity: str | None = Field(
        None, min_length=1, description="User or team; null: the default of the account."
    )
    mode: Literal["offline", "online"] = Field("offline", description="Whether anything leaves this machine.")

    def check(self) -> None:
        wandb = _wandb()
        if self.mode == "online" and not wandb.login(prompt=False):
            raise InputError(
                "the tracker `wandb` has no key for `mode: online`; run `wandb login`, set WANDB_API_KEY, or "
                "take `mode: offline`"
            )

    def open(self, search: Search) -> AbstractLog:
        return WandbLog(self, search)


def _wandb() -> Any:
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its telemetry; set before it is imported
    return library("wandb", "wandb")


class WandbLog(AbstractLog):
    """Runs of one group, whose ids follow from the search and the training."""

    def __init__(self, tracker: WeightsAndBiases, search: Search) -> None:
        self._wandb = _wandb()
        self._tracker = tracker
        self._search = search
        self._runs: dict[str, Any] = {}

    def begin(self, training: Training, told: Sequence[Report] | None) -> None:
        key = hashlib.sha256(f"{self._search.key}/{training.name}".encode()).hexdigest()[:16]
        if self._tracker.mode == "offline":
            self._forget(key)
        run = self._runs[training.name] = self._wandb.init(
            project=self._tracker.project,
            entity=self._tracker.entity,
            mode=self._tracker.mode,
            dir=self._search.folder,
            id=key,
            name=training.name,
            group=self._search.name,
            job_type=training.stage,
            tags=[training.stage],
            config={**training.facts, "policy": training.policy},
            resume="allow",
            reinit="create_new",
            settings=self._wandb.Settings(**SETTINGS),
        )
        for report in told or ():
            if report.epoch >= run.starting_step:  # 0 offline; else what the server has is not sent again
                self.report(training.name, report)

    def report(self, job: str, report: Report) -> None:
        self._runs[job].log(dict(report.metrics), step=report.epoch)

    def end(self, job: str, ending: Ending) -> None:
        run = self._runs.pop(job)
        run.summary.update({"state": ending.state, "reason": ending.reason})
        run.finish(exit_code=0 if ending.well else 1)

    def close(self) -> None:
        while self._runs:
            self._runs.popitem()[1].finish(exit_code=1)

    def _forget(self, key: str) -> None:
        """Delete what an earlier process left of a run: it is written anew, for a killed one leaves an empty file."""
        for folder in self._search.folder.glob(f"wandb/offline-run-*-{key}"):
            shutil.rmtree(folder)
