"""TensorBoard: a folder of event files for each training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from automix_search.trackers.base import (
    AbstractLog,
    AbstractTracker,
    Ending,
    Report,
    Search,
    Training,
    library,
)


class TensorBoard(AbstractTracker):
    """Event files in the run folder, one folder for each training: `tensorboard --logdir runs/NAME/tensorboard`."""

    kind: Literal["tensorboard"] = "tensorboard"

    def check(self) -> None:
        _writer()

    def open(self, search: Search) -> AbstractLog:
        return TensorBoardLog(search.folder / "tensorboard")


def _writer() -> Any:
    return library("tensorboardX.event_file_writer", "tensorboard")


class TensorBoardLog(AbstractLog):
    """Event files, each event on the disk at once.

    tensorboardX's `SummaryWriter` is not used: its thread writes later, dies of a full disk, and who writes then
    waits for ever.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Any] = {}
        self._protos = library("tensorboardX.proto.event_pb2", "tensorboard")
        self._summary = library("tensorboardX.summary", "tensorboard")

    def begin(self, training: Training, told: Sequence[Report] | None) -> None:
        folder = self._folder / training.name
        folder.mkdir(parents=True, exist_ok=True)
        part = f".{len(list(folder.iterdir()))}"  # files of one second would have the same name
        self._files[training.name] = _writer().EventsWriter(str(folder / "events"), part)
        if told is None:
            _, start, _ = self._summary.hparams(training.facts, {})
            self._write(training.name, start, training.time)
            text = f"```json\n{training.policy_text}\n```"
            self._write(training.name, self._summary.text("policy", text), training.time)
        else:
            self._purge(training, told[-1].epoch + 1 if told else 1)
        self._files[training.name].flush()

    def report(self, job: str, report: Report) -> None:
        for metric, value in report.metrics.items():
            self._write(job, self._summary.scalar(metric, value), report.time, report.epoch)
        self._files[job].flush()

    def end(self, job: str, ending: Ending) -> None:
        told = f"{ending.state}: {ending.reason}" if ending.reason else ending.state
        self._write(job, self._summary.text("state", told), ending.time)
        if ending.well:
            _, _, end = self._summary.hparams({}, {})
            self._write(job, end, ending.time)
        self._files.pop(job).close()

    def close(self) -> None:
        while self._files:
            self._files.popitem()[1].close()

    def _purge(self, training: Training, step: int) -> None:
        """Take back what was written from a step on: an earlier process may have been killed before it noted it."""
        start = self._protos.SessionLog(status=self._protos.SessionLog.START)
        event = self._protos.Event(wall_time=training.time, step=step, session_log=start)
        self._files[training.name].write_event(event)

    def _write(self, job: str, summary: Any, time: float, step: int = 0) -> None:
        self._files[job].write_event(self._protos.Event(wall_time=time, step=step, summary=summary))
