"""`report` and `watch`."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_search import launching, write_toys

from automix_search.report.page.server import PageServer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run) -> Path:
    monkeypatch.chdir(tmp_path)
    write_toys()
    assert run(*launching()).code == 0
    return tmp_path


def test_a_report_is_written_into_the_run_or_where_it_is_wanted(run, folder):
    found = run("report", "first")
    assert (found.code, found.out) == (0, "runs/first/report.html: open it in a browser\n")
    assert run("report", "first", "-o", "there.html").code == 0
    assert Path("there.html").read_bytes() == Path("runs/first/report.html").read_bytes()


def test_a_run_that_is_not_there_is_told(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in ("report", "watch"):
        found = run(command, "nothing")
        assert (found.code, found.out) == (2, "")
        assert "nothing" in found.err


def test_watching_ends_with_ctrl_c(run, folder, monkeypatch):
    served = []

    def interrupted(server: PageServer) -> None:
        served.append((server.server_address[0], server.live.run.name))
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", interrupted)
    found = run("watch", "first", "--port", 0)
    assert found.code == 130
    assert found.out.startswith("http://127.0.0.1:")
    assert served == [("127.0.0.1", "first")]
