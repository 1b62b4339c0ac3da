"""The folder of one search; a user can read all of it."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from automix_search.errors import InputError, unknown_name

LAUNCH = "launch.yaml"


class RunFolder:
    """Where everything of one search is kept.

    launch.yaml (resolved), environment.json (versions, objective, data and model), ledger.jsonl (the truth),
    study.journal (opens in optuna-dashboard), leaderboard.csv, policy.yaml (the best so far), verdict.json (what
    the search said in the end), trials/ (checkpoints of unfinished trainings), weights/ (what policies learned before),
    and what trackers keep.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.launch = path / LAUNCH
        self.environment = path / "environment.json"
        self.ledger = path / "ledger.jsonl"
        self.study = path / "study.journal"
        self.leaderboard = path / "leaderboard.csv"
        self.policy = path / "policy.yaml"
        self.verdict = path / "verdict.json"
        self.trials = path / "trials"
        self._lock_file = path / ".lock"
        self._lock: IO[str] | None = None

    @property
    def name(self) -> str:
        """The folder's name, by which commands find it."""
        return self.path.name

    def weights_file(self, sha256: str) -> Path:
        """Where something is kept that a policy learned before the search began."""
        return (self.path / "weights" / f"{sha256}.safetensors").absolute()

    def read_environment(self) -> dict[str, Any]:
        """What the search runs on: `versions`, `objective`, and `about` data, model and recipe.

        Raises:
            InputError: The search has not begun, or the file is damaged.
        """
        try:
            environment: dict[str, Any] = json.loads(self.environment.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"the search in {self.path} has not begun yet") from None
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {self.environment}: {error}") from None
        return environment

    @property
    def owner(self) -> str | None:
        """The live process that works in the folder, by its number; None when there is none."""
        try:
            with open(self._lock_file, encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return file.read().strip() or "unknown"
        except OSError:
            pass
        return None

    def sweep(self) -> None:
        """Delete half-written files that a killed process left behind; the caller holds the lock."""
        for file in (*self.path.glob(".*.*"), *self.trials.glob(".*")):
            file.unlink(missing_ok=True)

    def __enter__(self) -> RunFolder:
        self._acquire()
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _acquire(self) -> None:
        """Lock the folder for this process; the lock goes with the process, however it ends."""
        try:
            file = open(self._lock_file, "a+", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise InputError(f"cannot write in {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise InputError(
                f"{self.path} is in use by a live search (process {owner}); wait for it, or stop it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._lock = file


def create_run(runs_dir: Path, name: str) -> RunFolder:
    """Make a new run folder.

    Raises:
        InputError: It exists already, or cannot be made.
    """
    path = runs_dir / name
    if name in ("", ".", "..") or Path(name).name != name:
        raise InputError(f"`{name}` cannot be the name of a run: it must be one folder name")
    try:
        path.mkdir(parents=True)
        (path / "trials").mkdir()
    except FileExistsError:
        raise InputError(
            f"{path} exists already; choose another --name, or go on with it: automix-search resume {path}"
        ) from None
    except OSError as error:
        raise InputError(f"cannot make {path}: {error.strerror}") from None
    return RunFolder(path)


def find_run(run: str, runs_dir: Path) -> RunFolder:
    """A run by folder or by name.

    Raises:
        InputError: There is no such run; with the nearest name.
    """
    for path in (Path(run), runs_dir / run):
        if (path / LAUNCH).is_file():
            return RunFolder(path)
    if Path(run).is_dir():
        raise InputError(f"{run} is not the folder of a run: it has no {LAUNCH}")
    raise InputError(
        unknown_name(f"run (looked in {runs_dir})", run, [found.name for found in list_runs(runs_dir)])
    )


def list_runs(runs_dir: Path) -> list[RunFolder]:
    """All runs of a folder, oldest first."""
    if not runs_dir.is_dir():
        return []
    found = [RunFolder(path) for path in runs_dir.iterdir() if (path / LAUNCH).is_file()]
    return sorted(found, key=lambda run: run.launch.stat().st_mtime)
