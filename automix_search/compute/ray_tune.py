"""Trainings on Ray: Ray Tune starts, places, reuses and stops the workers; what runs is decided by the job source.

Ray's own experiment state is disposable: it is written to a temporary folder and never restored. Choosing and
stopping go through a `Searcher` and a `TrialScheduler` of ours; nothing is left to Ray's Optuna bridge or to its
schedulers, whose state does not survive a restart (docs/decisions/own-ray-bridge.md).
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from automix_search.compute.jobs import Failure, Job, JobSource, Place, perform
from automix_search.errors import InputError, SearchError
from automix_search.training.base import AbstractTrainer, Resources
from automix_search.user_code import user_modules

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_DATA_USAGE_DISABLED": "1",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
"""Telemetry off, no output but ours, no hidden change of folder; set before Ray is imported."""

for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402
import torch  # noqa: E402
from ray import tune  # noqa: E402
from ray.tune.schedulers import FIFOScheduler, TrialScheduler  # noqa: E402
from ray.tune.search import Searcher  # noqa: E402

WORKER_DIED = "the worker process died: out of memory, or killed from outside"


class RayTune:
    """Runs trainings on a Ray cluster.

    Args:
        place: Device, threads and checkpoints of a training.
        workers: How many trainings run at once; None means as many as the cluster holds.
        resources: What each of them gets.
        address: A running cluster's address; None starts one on this machine for the time of the search.
        dashboard: Whether a cluster started here gets Ray's dashboard.
        object_store_gb: Shared memory of a cluster started here, in gigabytes; None leaves it to Ray.
    """

    def __init__(
        self,
        place: Place,
        workers: int | None,
        resources: Resources,
        *,
        address: str | None = None,
        dashboard: bool = False,
        object_store_gb: float | None = None,
    ) -> None:
        self.place = place
        self.workers = workers
        self.object_store_gb = object_store_gb
        self.resources = resources
        self.address = address
        self.dashboard = dashboard

    def run(self, trainer: AbstractTrainer, source: JobSource) -> None:
        """Run jobs until the source is finished."""
        for module in user_modules():
            ray.cloudpickle.register_pickle_by_value(module)
        self._connect()
        try:
            with tempfile.TemporaryDirectory(
                prefix="automix-search-ray-", ignore_cleanup_errors=True
            ) as state:
                _bridge_run(trainer, source, self, state)
        finally:
            ray.shutdown()

    def _connect(self) -> None:
        if ray.is_initialized():
            raise InputError("Ray runs in this process already: call `ray.shutdown()` before the search")
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # failed trainings are told by us
        if self.address is not None:
            try:
                ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR)
            except ConnectionError:
                raise InputError(f"there is no Ray cluster at {self.address}") from None
            return
        gpus = torch.cuda.device_count() if self.resources.gpus else 0
        ray.init(
            address="local",  # whatever other cluster is about
            num_cpus=max(1, round((self.workers or 1) * self.resources.cpus)),
            num_gpus=gpus,
            include_dashboard=self.dashboard,
            object_store_memory=None if self.object_store_gb is None else int(self.object_store_gb * 2**30),
            log_to_driver=False,
            logging_level=logging.ERROR,
        )


def _bridge_run(trainer: AbstractTrainer, source: JobSource, executor: RayTune, state: str) -> None:
    bridge = _Bridge(source, executor.workers or _fitting(executor.resources))
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(bridge.workers)  # else workers start one after the other
    resources = {"cpu": executor.resources.cpus, "gpu": executor.resources.gpus}
    worker = tune.with_parameters(_Worker, trainer=trainer, place=executor.place)
    tuner = tune.Tuner(
        tune.with_resources(worker, resources),
        tune_config=tune.TuneConfig(
            search_alg=_JobSearcher(bridge),
            scheduler=_JobScheduler(bridge),
            num_samples=-1,
            reuse_actors=True,
            trial_name_creator=lambda trial: trial.trial_id,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=state,
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    )
    tuner.fit()
    if bridge.error is not None:
        raise bridge.error
    if not source.finished:
        raise SearchError("Ray Tune ended before the search did; go on with `automix-search resume`")


def _fitting(resources: Resources) -> int:
    """How many trainings the connected cluster holds at once."""
    has = ray.cluster_resources()
    fits = [has.get("CPU", 0) / resources.cpus] if resources.cpus else []
    fits += [has.get("GPU", 0) / resources.gpus] if resources.gpus else []
    return max(1, int(min(fits))) if fits else 1


class _Worker(tune.Trainable):
    """A process that trains one job after the other; imports and data are paid once."""

    def setup(self, config: dict[str, Any], trainer: AbstractTrainer, place: Place) -> None:  # type: ignore[override]
        torch.set_num_threads(place.threads)
        self._trainer = trainer
        self._place = place
        self._begin(config["job"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config["job"])
        return True

    def _begin(self, job: Job) -> None:
        self._job = job
        self._epochs: Iterator[Mapping[str, float]] | None = None

    def step(self) -> dict[str, Any]:
        """One epoch, as a result that Ray passes on whole; a failure is one too, so that its traceback gets home."""
        try:
            if self._epochs is None:
                self._epochs = perform(self._trainer, self._job, self._place)
            metrics = next(self._epochs, None)
        except Exception as error:
            return {"failure": Failure.of(error)}
        return {"metrics": None if metrics is None else tuple(metrics.items())}


class _Bridge:
    """Between Ray's callbacks and the job source; an error in the source ends the run and is raised after it."""

    def __init__(self, source: JobSource, workers: int) -> None:
        self.source = source
        self.workers = workers
        self.running: dict[str, str] = {}
        self.error: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Ray pickles the tuner for a restore that is never used; the ledger and its open file stay out of it."""
        return {}

    def next_config(self, trial_id: str) -> Any:
        """The config of a new trial, None where there is none now, or Ray's sign that there will be none."""
        if self.error is not None:
            return Searcher.FINISHED
        if len(self.running) >= self.workers:
            return None
        try:
            job = self.source.next_job()
            finished = job is None and self.source.finished
        except Exception as error:
            self.error = error
            return Searcher.FINISHED
        if job is None:
            return Searcher.FINISHED if finished else None
        self.running[trial_id] = job.name
        return {"job": job}

    def stops(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Pass a result on; whether the training is to stop."""
        try:
            return self.error is not None or self._pass_on(self.running[trial_id], result)
        except Exception as error:
            self.error = error
            return True

    def _pass_on(self, name: str, result: Mapping[str, Any]) -> bool:
        if "failure" in result:
            self.source.ended(name, result["failure"])
            return True
        if result["metrics"] is None:
            self.source.ended(name)
            return True
        return self.source.reported(name, dict(result["metrics"]))

    def died(self, trial_id: str, failure: Failure) -> None:
        name = self.running.get(trial_id)
        if name is not None and self.error is None:
            try:
                self.source.ended(name, failure)
            except Exception as error:
                self.error = error

    def gone(self, trial_id: str) -> None:
        self.running.pop(trial_id, None)


def worker_failure(text: str) -> Failure:
    """The failure of a worker outside of a training, from what Ray says of it."""
    if "creation task" not in text:
        return Failure(WORKER_DIED, text)
    cause = text.strip().splitlines()[-1]
    mend = "code of your own must stand in one file, given as `file.py:Name`, or be installed on every node"
    return Failure(f"a worker cannot load the trainer: {cause}; {mend}", text, users=True)


class _JobSearcher(Searcher):
    """Hands the source's jobs to Ray Tune as trials."""

    def __init__(self, bridge: _Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        config: dict[str, Any] | None = self._bridge.next_config(trial_id)
        return config

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        self._bridge.gone(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Nothing is saved: the ledger is the truth."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing is restored: the ledger is the truth."""


class _JobScheduler(FIFOScheduler):
    """Lets the source decide after each epoch whether a training goes on."""

    def __init__(self, bridge: _Bridge) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._bridge = bridge

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        stop = self._bridge.stops(trial.trial_id, result)
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Nothing: a job waits for the worker that is starting for it.

        Ray's own choice gives it the next worker that is free and throws the starting one away, so that trainings
        shorter than the start of a worker would run one at a time for ever.
        """

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        text = Path(trial.error_file).read_text(encoding="utf-8") if trial.error_file else ""
        self._bridge.died(trial.trial_id, worker_failure(text))
