"""What a training costs: time of a step, memory at its peak."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from automix_search.training import cost
from automix_search.training.cost import PEAK_MEMORY, STEP_TIME, Meter

CPU = torch.device("cpu")


def test_on_the_cpu_a_step_takes_what_the_process_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter([10.0, 16.0])
    monkeypatch.setattr("time.process_time", lambda: next(spent))
    assert Meter(CPU).read(3)[STEP_TIME] == 2.0


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the system tells no peaks")
def test_the_peak_is_that_of_the_epoch_and_not_of_an_earlier_one() -> None:
    megabytes = 300
    first = Meter(CPU)
    held = np.ones(megabytes * 10**6, dtype=np.uint8)
    high = first.read(1)[PEAK_MEMORY]
    del held
    low = Meter(CPU).read(1)[PEAK_MEMORY]
    assert high - low > 0.8 * megabytes


def test_a_system_that_tells_no_peaks_costs_nothing_but_the_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("_PEAK", "_STATUS"):
        monkeypatch.setattr(cost, name, tmp_path / "none" / "such")
    assert set(Meter(CPU).read(1)) == {STEP_TIME}
