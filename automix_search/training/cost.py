"""What a training costs: time of a step, and memory at its peak."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import torch

STEP_TIME = "step_time_s"
PEAK_MEMORY = "peak_memory_mb"
COSTS = (STEP_TIME, PEAK_MEMORY)

_PEAK = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Meter:
    """Time and memory of one epoch, from when it is made.

    On a GPU time is that of the clock, and memory what tensors take. On the CPU time is that which the process has
    spent on its cores, so that other jobs of the machine do not count, and memory is that of the process, where
    the system tells it.

    Args:
        device: Where the training runs.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        else:
            with suppress(OSError):
                _PEAK.write_text("5")
        self._clock = time.perf_counter if device.type == "cuda" else time.process_time
        self._start = self._clock()

    def read(self, steps: int) -> dict[str, float]:
        """Seconds of a step and peak of memory in MB; the caller has waited for the device."""
        costs = {STEP_TIME: (self._clock() - self._start) / steps}
        peak = self._peak_mb()
        return costs if peak is None else costs | {PEAK_MEMORY: peak}

    def _peak_mb(self) -> float | None:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 1e6
        with suppress(OSError, ValueError, StopIteration):
            lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
            peak = next(line for line in lines if line.startswith("VmHWM:"))
            return int(peak.split()[1]) * 1024 / 1e6
        return None
