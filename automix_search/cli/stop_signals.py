"""Ctrl-C, and the signal by which schedulers end a job: both stop a search cleanly."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = "\x1b[?25h"
INTERRUPTED = 130


class StopSignals:
    """Within it, the first such signal raises KeyboardInterrupt and the second ends the process at once.

    Ray takes SIGTERM for itself when it starts; as an observer of the search, this takes it back. Ending at once
    loses nothing that is finished: the ledger is written event by event.

    Args:
        parting: What to say when the process ends at once.
    """

    def __init__(self, parting: str) -> None:
        self._parting = parting
        self._stopping = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._handle) for each in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def noticed(self, event: Mapping[str, Any], records: Mapping[str, Any]) -> None:
        """Take back signals that somebody else has taken."""
        for each in self._before:
            if signal.getsignal(each) != self._handle:
                signal.signal(each, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            cursor = SHOW_CURSOR if sys.stdout.isatty() else ""
            os.write(2, f"{cursor}\nstopped at once\n{self._parting}\n".encode())
            os._exit(INTERRUPTED)
        self._stopping = True
        raise KeyboardInterrupt
