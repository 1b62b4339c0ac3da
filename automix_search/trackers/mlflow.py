"""MLflow: a run for each training, in one experiment for each search."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from automix_search.errors import InputError
from automix_search.trackers.base import (
    AbstractLog,
    AbstractTracker,
    Ending,
    Fact,
    Report,
    Search,
    Training,
    library,
)
from automix_search.trackers.secrets import hidden

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
"""Telemetry off, and a server that is gone noticed in seconds, not minutes; set before MLflow is imported."""

LONGEST_VALUE = 5000
"""Characters of a parameter or a tag that every store of MLflow takes."""

STATUS = {"finished": "FINISHED", "pruned": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


class MLflow(AbstractTracker):
    """A run for each training, on an MLflow server or in a database file."""

    kind: Literal["mlflow"] = "mlflow"
    uri: str | None = Field(
        None,
        description="Where runs are kept, such as sqlite:///mlflow.db or https://host; null: where "
        "MLFLOW_TRACKING_URI says, else MLflow's own default.",
    )
    experiment: str | None = Field(
        None, min_length=1, description="The experiment; null: the name of the run."
    )

    @field_validator("uri")
    @classmethod
    def _has_no_secret(cls, uri: str | None) -> str | None:
        parts = urlsplit(uri or "")
        if parts.password or parts.query or (parts.username and parts.scheme.startswith("http")):
            raise ValueError(
                "must hold no user, password or query, since launch.yaml keeps it; "
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_URI, and leave `uri` out"
            )
        return uri

    def check(self) -> None:
        try:
            self._client().search_experiments(max_results=1)
        except InputError:
            raise
        except Exception as error:
            where = self.uri or "the place that MLFLOW_TRACKING_URI or MLflow itself names"
            raise InputError(f"the tracker `mlflow` cannot use {where}: {hidden(error)}") from None

    def open(self, search: Search) -> AbstractLog:
        client, name = self._client(), self.experiment or search.name
        found = client.get_experiment_by_name(name)
        experiment = client.create_experiment(name) if found is None else found.experiment_id
        return MLflowLog(client, experiment, search)

    def _client(self) -> Any:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        tracking = library("mlflow.tracking", "mlflow")
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table that it makes
        return tracking.MlflowClient(tracking_uri=self.uri)


class MLflowLog(AbstractLog):
    """Runs of one experiment, found again by their tags."""

    def __init__(self, client: Any, experiment: str, search: Search) -> None:
        self._client = client
        self._experiment = experiment
        self._search = search
        self._runs: dict[str, str] = {}
        self._epochs: dict[str, float] = {}
        self._entities = library("mlflow.entities", "mlflow")

    def begin(self, training: Training, told: Sequence[Report] | None) -> None:
        run = self._find(training.name)
        if run is None:
            run = self._create(training)
        else:
            self._client.update_run(run.info.run_id, status="RUNNING")
        self._runs[training.name] = run.info.run_id
        self._epochs[training.name] = run.data.metrics.get("epoch", 0)

    def report(self, job: str, report: Report) -> None:
        if report.epoch <= self._epochs[job]:  # written by a process that was killed before it noted it
            return
        time_ms = _milliseconds(report.time)
        metrics = [
            self._entities.Metric(_key(name), value, time_ms, report.epoch)
            for name, value in report.metrics.items()
        ]
        self._client.log_batch(self._runs[job], metrics=metrics)

    def end(self, job: str, ending: Ending) -> None:
        run = self._runs.pop(job)
        tags = {"automix.state": ending.state, "automix.reason": ending.reason}
        self._client.log_batch(run, tags=self._tags(tags))
        self._client.set_terminated(run, STATUS[ending.state], _milliseconds(ending.time))

    def _find(self, job: str) -> Any:
        """The run of a training that an earlier process, or an earlier attempt, has begun; None where there is none."""
        wanted = f"tags.`automix.search` = '{self._search.key}' and tags.`automix.job` = '{job}'"
        found = self._client.search_runs([self._experiment], wanted, max_results=1)
        return found[0] if found else None

    def _create(self, training: Training) -> Any:
        tags = {
            "automix.search": self._search.key,
            "automix.run": self._search.name,
            "automix.job": training.name,
            "automix.stage": training.stage,
            "automix.policy": training.policy_text,
        }
        start_ms = _milliseconds(training.time)
        run = self._client.create_run(
            self._experiment,
            start_time=start_ms,
            run_name=training.name,
            tags={name: value[:LONGEST_VALUE] for name, value in tags.items()},
        )
        self._client.log_batch(run.info.run_id, params=self._params(training.facts))
        return run

    def _params(self, facts: Mapping[str, Fact]) -> list[Any]:
        return [self._entities.Param(_key(name), _text(value)) for name, value in facts.items()]

    def _tags(self, tags: Mapping[str, str]) -> list[Any]:
        return [self._entities.RunTag(name, value[:LONGEST_VALUE]) for name, value in tags.items()]


def _key(name: str) -> str:
    """A name of a parameter or a metric that MLflow takes."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _text(value: Fact) -> str:
    return str(value)[:LONGEST_VALUE]


def _milliseconds(time: float) -> int:
    return round(time * 1000)
