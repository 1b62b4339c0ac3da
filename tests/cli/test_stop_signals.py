"""Ctrl-C once, and twice."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from automix_search.cli.stop_signals import SIGNALS, StopSignals


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), StopSignals("bye"):
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_signals_that_somebody_takes_are_taken_back():
    with StopSignals("bye") as signals:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signals.noticed({}, {})
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_a_second_signal_ends_the_process_at_once_without_a_traceback():
    script = """
import signal
from automix_search.cli.stop_signals import StopSignals
with StopSignals("go on with: resume"):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        signal.raise_signal(signal.SIGINT)
        print("not reached")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "\nstopped at once\ngo on with: resume\n"
