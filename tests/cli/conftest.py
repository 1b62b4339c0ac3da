"""The command line, run in this process."""

from __future__ import annotations

import sys

import pytest
from running import Outcome, Run

from automix_search.cli import main


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `automix-search` with some arguments."""

    def run_once(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["automix-search", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as stop:
            main()
        code = stop.value.code
        assert code is None or isinstance(code, int)
        return Outcome(code or 0, *capsys.readouterr())

    return run_once
