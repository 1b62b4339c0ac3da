"""`kill -9` of the driver of a search on Ray: nothing is left running, and a resumed search is as a whole one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from automix_search.tuning.ledger import read_ledger, read_records
from automix_search.tuning.run_folder import RunFolder
from automix_search.tuning.sampling import open_study

TRIALS = 12

TRAINER = """
import time
from automix_search.training.base import AbstractTrainer

class Patient(AbstractTrainer):
    epochs = 2

    def train(self, assignment):
        for epoch in (1, 2):
            time.sleep(0.1)
            score = 1 - assignment.policy.loss.smoothing
            yield {"epoch": epoch, "accuracy": score, **({"test_accuracy": score} if assignment.test else {})}
"""

LAUNCH = f"""
from automix_search import search
search(trainer="patient.py:Patient", space="quick", cluster={{"format": "automix-search/cluster/1", "kind": "local",
       "workers": 2, "object_store_gb": 0.1}}, trials={TRIALS}, name="run")
"""

RESUME = """
from pathlib import Path
from automix_search.api import resume
from automix_search.tuning.run_folder import RunFolder
resume(RunFolder(Path("runs/run")))
"""


def start(code: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=log, stderr=log)


def finished(ledger: Path) -> int:
    text = ledger.read_text() if ledger.exists() else ""
    return text.count('"event": "finished"')


def parents() -> dict[int, int]:
    """Every live process and its parent; one that is dead but not yet collected is not live."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(stat.parent.name)] = int(parent)
    return found


def descendants(process: int) -> set[int]:
    above, found = parents(), {process}
    while more := {child for child, parent in above.items() if parent in found} - found:
        found |= more
    return found - {process}


def name_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def wait_until(happened, seconds: float, folder: Path) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, (folder / "log.txt").read_text()[-3000:]
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
@pytest.mark.parametrize("events", [1, 9])
def test_killed_driver_leaves_nothing_running_and_is_resumed(tmp_path: Path, events: int) -> None:
    (tmp_path / "patient.py").write_text(TRAINER)
    run = RunFolder(tmp_path / "runs" / "run")
    driver = start(LAUNCH, tmp_path)
    wait_until(lambda: finished(run.ledger) >= events or driver.poll() is not None, 120, tmp_path)
    assert driver.poll() is None, (tmp_path / "log.txt").read_text()[-3000:]
    below = descendants(driver.pid)
    # Ray's two agents hold no data and no device; they miss their raylet after a minute, and end.
    agents = {process for process in below if "Agent" in name_of(process)}
    assert len(below - agents) >= 4  # gcs, raylet and two workers
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    wait_until(lambda: not (below - agents) & parents().keys(), 30, tmp_path)
    before = {
        name: record.value for name, record in read_records(run.ledger).items() if record.state == "finished"
    }

    assert start(RESUME, tmp_path).wait(180) == 0, (tmp_path / "log.txt").read_text()[-3000:]
    records = read_records(run.ledger)
    assert all(record.state == "finished" for record in records.values())
    assert before.items() <= {name: record.value for name, record in records.items()}.items()
    ends = Counter(event["job"] for event in read_ledger(run.ledger) if event["event"] == "finished")
    assert set(ends.values()) == {1}
    assert sum(record.stage == "search" for record in records.values()) == TRIALS
    assert [trial.state.name for trial in open_study(run.study, "max").trials] == ["COMPLETE"] * TRIALS
