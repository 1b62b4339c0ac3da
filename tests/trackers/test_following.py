"""Every tracker is told all of a search, once, whatever happens on the way; read with the libraries' own means."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from followed import Fragile, KillAt, Killed, Told, Toy, in_the_ledger, searched
from readers import read_mlflow, read_tensorboard, read_wandb

from automix_search.trackers.following import Place

LIBRARIES = {"tensorboard": "tensorboard", "mlflow": "mlflow", "wandb": "wandb"}
READERS: dict[str, Callable[[Path], dict[str, Told]]] = {
    "tensorboard": read_tensorboard,
    "mlflow": read_mlflow,
    "wandb": read_wandb,
}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the libraries', inside themselves
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(
    params=["tensorboard", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("mlflow", "wandb"))]
)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    kind: str = request.param
    if importlib.util.find_spec(LIBRARIES[kind]) is None:
        pytest.skip(f"{LIBRARIES[kind]} is not installed: pip install 'automix-search[{kind}]'")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # much faster than its databases
    return kind


@pytest.fixture
def tracker(kind: str, tmp_path: Path) -> dict[str, Any]:
    """The tracker's line of a launch file."""
    return {"kind": kind} | ({"uri": f"file://{tmp_path}/mlruns"} if kind == "mlflow" else {})


def test_a_whole_search(kind, tracker, tmp_path, caplog):
    searched(tmp_path, [tracker], trainer=Fragile())
    told = READERS[kind](tmp_path)
    assert told == in_the_ledger(tmp_path)
    assert {each.state for each in told.values()} == {"finished", "pruned", "failed"}
    assert {each.stage for each in told.values()} == {"baseline", "search", "race", "confirm"}
    assert {each.reason for each in told.values()} == {"", "stopped early", "ValueError: too smooth"}
    assert told["t0001"].facts.keys() >= {"mix", "loss.smoothing", "candidate", "seed", "epochs"}
    assert warnings_of(caplog) == []


def test_no_random_number_is_drawn_from_where_a_trainer_may_draw_its_own(kind, tracker, tmp_path):
    states = []
    for name, trackers in (("alone", []), ("first", [tracker])):
        random.seed(5)
        np.random.seed(5)
        searched(tmp_path, trackers, name=name)
        states.append((random.getstate(), np.random.get_state()[1].tolist()))
    assert states[0] == states[1]


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What this package has warned of."""
    return [record.getMessage() for record in caplog.records if record.name == "automix_search"]


@pytest.mark.parametrize("event", [1, 2, 7, 20, 45])
def test_stopped_and_resumed(kind, tracker, tmp_path, event):
    with pytest.raises(Killed):
        searched(tmp_path, [tracker], observers=[KillAt(event)])
    searched(tmp_path, [tracker], resume=True)
    assert READERS[kind](tmp_path) == in_the_ledger(tmp_path)


def test_what_was_interrupted_says_so(kind, tracker, tmp_path):
    with pytest.raises(Killed):
        searched(tmp_path, [tracker], observers=[KillAt(7)])
    told = READERS[kind](tmp_path)
    assert told == in_the_ledger(tmp_path)
    assert [each.state for each in told.values()].count("interrupted") == 1


def test_a_tracker_that_is_named_later_is_told_all(kind, tracker, tmp_path):
    with pytest.raises(Killed):
        searched(tmp_path, [], observers=[KillAt(20)])
    searched(tmp_path, [tracker], resume=True)
    assert READERS[kind](tmp_path) == in_the_ledger(tmp_path)


def test_a_search_that_is_over_tells_nothing_twice(kind, tracker, tmp_path):
    searched(tmp_path, [tracker])
    before = READERS[kind](tmp_path)
    searched(tmp_path, [tracker], resume=True)
    assert READERS[kind](tmp_path) == before == in_the_ledger(tmp_path)


def test_a_tracker_that_fails_is_off_and_the_search_is_the_same(kind, tracker, tmp_path, caplog, monkeypatch):
    searched(tmp_path, [], trainer=Toy())
    alone = (tmp_path / "first" / "leaderboard.csv").read_text()
    shutil.rmtree(tmp_path / "first")
    with monkeypatch.context() as patch:
        break_at(7, patch)
        searched(tmp_path, [tracker])
    assert warnings_of(caplog) == [
        f"the tracker `{kind}` is off from here on: no space left at https://host; "
        "`automix-search resume` tells it the rest"
    ]
    assert (tmp_path / "first" / "leaderboard.csv").read_text() == alone
    searched(tmp_path, [tracker], resume=True)
    assert READERS[kind](tmp_path) == in_the_ledger(tmp_path)


@pytest.mark.parametrize("event", [2, 3, 6, 7])
def test_an_event_that_was_told_but_not_noted_is_told_once(kind, tracker, tmp_path, monkeypatch, event):
    """The ledger begins: opened, asked, four times reported, finished."""
    count = iter(range(1, 1000))

    def killed(self: Place, whole: Any = Place.advance) -> None:
        if next(count) == event:
            raise OSError("killed")
        whole(self)

    with monkeypatch.context() as patch:
        patch.setattr(Place, "advance", killed)
        searched(tmp_path, [tracker])
    searched(tmp_path, [tracker], resume=True)
    assert READERS[kind](tmp_path) == in_the_ledger(tmp_path)


def break_at(report: int, patch: pytest.MonkeyPatch) -> None:
    """Make every tracker fail at the epoch of this number that it is told of."""
    from automix_search.trackers.mlflow import MLflowLog
    from automix_search.trackers.tensorboard import TensorBoardLog
    from automix_search.trackers.wandb import WandbLog

    count = iter(range(1, 1000))
    for log in (TensorBoardLog, MLflowLog, WandbLog):

        def broken(self: Any, job: str, told: Any, whole: Any = log.report) -> None:
            if next(count) == report:
                raise OSError("no space left at https://me:secret@host")
            whole(self, job, told)

        patch.setattr(log, "report", broken)


def test_nothing_of_the_environment_is_kept(kind, tracker, tmp_path, monkeypatch):
    secret = "0123456789abcdef0123456789abcdef01234567"
    for name in ("WANDB_API_KEY", "MLFLOW_TRACKING_PASSWORD", "MY_OWN_TOKEN"):
        monkeypatch.setenv(name, secret)
    searched(tmp_path, [tracker], trials=1)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 10
    assert [file for file in files if secret.encode() in file.read_bytes()] == []


KILLED = """
import os, pathlib, signal
from followed import searched
from automix_search.trackers.following import Place

def killed(place, whole=Place.advance):
    if place.events == int(os.environ["AT"]):
        os.kill(os.getpid(), signal.SIGKILL)
    whole(place)

Place.advance = killed
searched(pathlib.Path(os.environ["FOLDER"]), [eval(os.environ["TRACKER"])])
"""


@pytest.mark.slow
@pytest.mark.parametrize("event", [4, 17])
def test_killed_without_a_word_and_resumed(kind, tracker, tmp_path, event):
    own = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}  # not this process's
    environment = {**own, "AT": str(event), "FOLDER": str(tmp_path), "TRACKER": repr(tracker)}
    command = [sys.executable, "-c", KILLED]
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parent, check=False)
    assert done.returncode == -signal.SIGKILL
    searched(tmp_path, [tracker], resume=True)
    assert READERS[kind](tmp_path) == in_the_ledger(tmp_path)


@pytest.mark.slow
def test_a_database_of_mlflow(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="pip install 'automix-search[mlflow]'")
    monkeypatch.chdir(tmp_path)
    tracker = {"kind": "mlflow", "uri": f"sqlite:///{tmp_path}/mlflow.db"}
    with pytest.raises(Killed):
        searched(tmp_path, [tracker], observers=[KillAt(20)])
    searched(tmp_path, [tracker], resume=True)
    assert read_mlflow(tmp_path) == in_the_ledger(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "first"}
