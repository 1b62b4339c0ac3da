"""Optuna's journal file, written by one process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

from automix_search.errors import InputError


class OwnJournal(JournalFileBackend):
    """A journal that nobody else writes, which the run folder's lock sees to; anybody may read it.

    A proposal is some ten lines, and Optuna locks the file and waits for the disk at each: 1.5 ms a line, most of a
    proposal's time. Neither is needed: what is written survives the process, and what a machine's sudden end may take
    is brought back from the ledger. A line that was cut off is dropped when the file is opened again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _drop_half_a_line(path)
        super().__init__(str(path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
        try:
            with open(self._path, "ab") as file:
                file.write("".join(lines).encode())
        except OSError as error:
            raise InputError(f"cannot write {self._path}: {error.strerror}") from None


def _drop_half_a_line(path: Path) -> None:
    text = path.read_bytes() if path.exists() else b""
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        os.truncate(path, whole)
