"""`automix-search doctor`."""

from __future__ import annotations

import json

import pytest

from automix_search.compute.doctor import Finding

WELL = Finding("disk", "ok", "9.0 GiB free")
WORSE = Finding("threads", "warn", "2 cores; OMP_NUM_THREADS=64", "unset OMP_NUM_THREADS")
ILL = Finding("torch", "fail", "not installed", "pip install 'torch>=2.6'")


@pytest.fixture
def found(monkeypatch):
    def set_findings(*findings):
        monkeypatch.setattr("automix_search.compute.doctor.examine", lambda runs: iter(findings))

    return set_findings


@pytest.mark.parametrize(("findings", "code"), [((WELL,), 0), ((WELL, WORSE), 0), ((ILL, WELL), 1)])
def test_only_a_failure_fails(run, found, findings, code):
    found(*findings)
    assert run("doctor").code == code


def test_every_line_tells_what_is_wrong_and_the_mend(run, found):
    found(WELL, WORSE, ILL)
    out = run("doctor").out
    for finding in (WELL, WORSE, ILL):
        assert f"{finding.status:4}  {finding.name:7}  {finding.detail}" in out
        assert finding.mend in out


def test_json_holds_the_same(run, found):
    found(WELL, ILL)
    outcome = run("doctor", "--json")
    assert outcome.code == 1
    assert json.loads(outcome.out) == [
        {"name": "disk", "status": "ok", "detail": "9.0 GiB free", "mend": ""},
        {"name": "torch", "status": "fail", "detail": "not installed", "mend": "pip install 'torch>=2.6'"},
    ]


def test_this_machine_is_examined(run, tmp_path):
    findings = json.loads(run("doctor", "--json", "--runs-dir", tmp_path / "runs").out)
    names = [finding["name"] for finding in findings]
    assert {"python", "torch", "ray", "devices", "threads", "disk", "writing", "telemetry"} <= set(names)
    assert str(tmp_path) in findings[names.index("writing")]["detail"]
    assert list(tmp_path.iterdir()) == []
