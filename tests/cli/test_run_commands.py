"""The commands about a run: resume, status, leaderboard, export, compare, runs."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
import yaml
from toy_search import command, launching, wait_for, write_toys
from typer.testing import CliRunner

from automix_search.cli.app import app
from automix_search.policy import load_policy
from automix_search.tuning.ledger import read_records
from automix_search.tuning.run_folder import RunFolder


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A folder with the finished search `first`."""
    folder = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_toys()
        result = CliRunner().invoke(app, list(map(str, launching())))
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(searched, tmp_path, monkeypatch):
    """A copy of it, as the current folder."""
    shutil.copytree(searched, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Path("runs/first")


@pytest.fixture
def half(folder):
    """The same search, killed in the middle of its second trial."""
    lines = (folder / "ledger.jsonl").read_text().splitlines(keepends=True)
    end = next(place for place, text in enumerate(lines) if '"asked"' in text and '"job": "t0001"' in text)
    (folder / "ledger.jsonl").write_text("".join(lines[: end + 2]) + lines[end + 2][:20])
    return folder


def test_a_finished_search(run, folder):
    outcome = run("status", "first")
    assert outcome.code == 0
    for told in (
        "state     finished",
        "2 of 2 are over",
        "confirm   10 finished",
        "best      default accuracy 0.8",
    ):
        assert told in outcome.out
    found = json.loads(run("status", folder, "--json").out)
    assert (found["state"], found["process"], found["trials"]) == ("finished", None, {"done": 2, "of": 2})
    assert found["stages"]["baseline"] == {"finished": 4}
    assert found["best"]["name"] == "default"


def test_a_search_that_was_killed(run, half):
    out = run("status", "first").out
    assert "interrupted" in out
    assert "1 finished, 1 cut off" in out
    assert "go on     automix-search resume runs/first" in out
    assert json.loads(run("status", "first", "--json").out)["trials"] == {"done": 1, "of": 2}


def test_a_search_that_is_running(run, half):
    with RunFolder(half):
        assert "running by process" in run("status", "first").out
        refused = run("resume", "first")
    assert refused.code == 2
    assert "is in use by a live search" in refused.err


def test_a_search_that_has_not_begun(run, folder):
    (folder / "ledger.jsonl").unlink()
    (folder / "environment.json").unlink()
    assert "state   new" in run("status", "first").out
    assert "has not begun yet" in run("leaderboard", "first").err


def test_a_killed_search_is_resumed_without_repeating_anything(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_toys()
    process = command(*launching("Slow"))
    wait_for(5, "finished", process)
    process.kill()
    process.communicate()
    ended = {name for name, record in read_records(Path("runs/first/ledger.jsonl")).items() if record.ended}
    outcome = run("resume", "first")
    assert outcome.code == 0, outcome.err
    assert f"{len(ended)} of them are done" in outcome.out
    assert not [name for name in ended if f" {name} finished" in outcome.out]
    assert "[22/22]" in outcome.out
    assert json.loads(run("status", "first", "--json").out)["stages"] == {
        "baseline": {"finished": 4}, "search": {"finished": 2}, "race": {"finished": 6},
        "confirm": {"finished": 10},
    }  # fmt: skip


@pytest.mark.parametrize(("option", "trials"), [("+3", 5), ("4", 4), ("2", 2)])
def test_trials_are_added_or_set(run, folder, option, trials):
    assert run("resume", "first", "--trials", option).code == 0
    found = read_records(folder / "ledger.jsonl").values()
    assert sum(record.stage == "search" for record in found) == trials
    assert yaml.safe_load((folder / "launch.yaml").read_text())["trials"] == trials


@pytest.mark.parametrize(
    ("option", "said"),
    [("1", "must be at least 2, as many as runs/first has begun"), ("x", "must be +N"), ("+0", "must be +N")],
)
def test_trials_that_cannot_be(run, folder, option, said):
    outcome = run("resume", "first", "--trials", option)
    assert outcome.code == 2
    assert said in outcome.err


def test_the_leaderboard(run, folder):
    lines = run("leaderboard", "first").out.splitlines()
    assert lines[1].split()[:2] == ["1", "default*"]
    assert [line[0] for line in lines if line[:2].strip().isdigit()] == list("123456")
    rows = json.loads(run("leaderboard", "first", "--json").out)
    table = list(csv.DictReader(io.StringIO(run("leaderboard", "first", "--csv").out)))
    assert [row["name"] for row in rows] == [row["name"] for row in table]
    assert (rows[0]["seeds"], rows[0]["test_seeds"]) == (1, 2)
    assert run("leaderboard", "first", "--csv").out == (folder / "leaderboard.csv").read_text()
    assert run("leaderboard", "first", "--csv", "--json").code == 2


def test_the_winner_is_exported(run, folder):
    assert run("export", "first").out == (folder / "policy.yaml").read_text()
    assert run("export", "first", "-o", "mine.yaml").code == 0
    assert load_policy("mine.yaml") == load_policy(folder / "policy.yaml")
    refused = run("export", "first", "-o", "mine.yaml", "--rank", 3)
    assert refused.code == 2
    assert "mine.yaml exists already" in refused.err
    assert run("export", "first", "-o", "mine.yaml", "--rank", 3, "--force").code == 0
    third = json.loads(run("leaderboard", "first", "--json").out)[2]["name"]
    assert load_policy("mine.yaml").provenance.trial == third
    assert json.loads(run("export", "first", "--rank", 3, "--json").out)["provenance"]["trial"] == third


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("first", "--rank", 7), "`rank` must lie in 1 to 6, but got 7"),
        (("first", "--rank", 0), "`rank` must lie in 1 to 6, but got 0"),
        (("frist",), "unknown run (looked in runs) `frist`; did you mean `first`?"),
        ((".",), "is not the folder of a run"),
        (("first", "-o", "no/where.yaml"), "cannot write no/where.yaml"),
    ],
)
def test_what_cannot_be_exported(run, folder, arguments, said):
    outcome = run("export", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_two_searches_are_compared(run, folder):
    assert run(*launching(name="second"), "--seed", 5).code == 0
    outcome = run("compare", "first", "second")
    assert outcome.code == 0
    assert outcome.out.split()[:2] == ["first", "second"]
    assert "best baseline  default" in outcome.out
    assert "On the test split the winner of" in outcome.out
    assert "same data" not in outcome.out
    found = json.loads(run("compare", "first", "second", "--json").out)
    assert (found["metric"], found["same_data"]) == ("accuracy", True)
    assert [each["run"] for each in found["runs"]] == ["first", "second"]


def test_searches_on_other_data_are_compared_with_a_warning(run, folder):
    run(*launching("Elsewhere", "second"))
    assert "cannot be compared" in " ".join(run("compare", "first", "second").out.split())


def test_searches_of_other_objectives_are_not_compared(run, folder):
    run(*launching("Lower", "second"))
    outcome = run("compare", "first", "second")
    assert outcome.code == 2
    assert "can be compared" in outcome.err


def test_all_runs(run, folder):
    run(*launching(name="second"), "--set", "race.finalists=0")
    lines = run("runs").out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["first", "finished", "2/2"],
        ["second", "finished", "2/2"],
    ]
    assert [each["run"] for each in json.loads(run("runs", "--json").out)] == ["runs/first", "runs/second"]
    assert run("runs", "--runs-dir", "empty").out == "there are no runs in empty\n"


def test_runs_in_another_folder_are_found_by_name(run, folder):
    Path("runs").rename("elsewhere")
    assert run("status", "first").code == 2
    assert run("status", "first", "--runs-dir", "elsewhere").code == 0
    assert run("status", "elsewhere/first").code == 0
