"""`automix-search launch`: what it takes, what it prints, and how it ends."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import pytest
from toy_search import QUICK, command, launching, wait_for, write_toys

from automix_search.policy import load_policy
from automix_search.tuning.ledger import read_records


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of the user's own with `toy.py`."""
    monkeypatch.chdir(tmp_path)
    write_toys()
    return tmp_path


def records(name: str = "first"):
    return read_records(Path("runs", name, "ledger.jsonl"))


def test_a_search_from_its_plan_to_its_verdict(run):
    outcome = run(*launching())
    assert (outcome.code, outcome.err) == (0, "")
    plan, *_ = outcome.out.partition("[1/")
    for told in (
        "quick, 8 parameters",
        "toy.py:Toy",
        "none, base, trivial, default",
        "2 × 2 epochs",
        "runs/first/",
    ):
        assert told in plan
    assert "22 trainings: 4 baselines, 2 trials, 6 to race, 10 to confirm" in plan
    assert "unknown until the first epoch" in plan
    assert outcome.out.count(" finished accuracy ") == 22
    assert "[22/22] " in outcome.out
    assert "Undecided: 2 seeds cannot tell whether t000" in outcome.out
    assert "policy.yaml is `default`, who leads on validation" in outcome.out  # it always mixes
    for typed in (
        "export runs/first -o policy.yaml",
        "leaderboard runs/first",
        "resume runs/first --trials +2",
    ):
        assert f"automix-search {typed}" in outcome.out
    assert 'load_policy("runs/first/policy.yaml")' in outcome.out
    assert load_policy("runs/first/policy.yaml").provenance.trial == "default"


def test_without_a_terminal_no_control_characters_are_printed(run):
    assert "\x1b" not in run(*launching()).out


def test_json_is_all_that_standard_output_gets(run):
    outcome = run(*launching(), "--json")
    result = json.loads(outcome.out)
    assert result["run"] == "runs/first"
    assert result["winner"] == result["leaderboard"][0]
    assert len(result["leaderboard"]) == 6
    assert result["verdict"]["answer"] in ("equal", "worse", "undecided")
    assert "[22/22]" in outcome.err


def test_a_plan_alone_makes_nothing(run, folder):
    outcome = run(*launching(), "--epochs", 8, "--trials", 9, "--scheduler", "asha", "--plan")
    assert (outcome.code, outcome.err) == (0, "")
    told = " ".join(outcome.out.split())
    assert (
        "stopping first rung after epoch 2 of 8 and 1 of 3 go on, assumed; an audit over 4 baselines" in told
    )
    assert "runs/first/" in told
    assert "finished" not in told
    assert [path.name for path in folder.iterdir()] == ["toy.py"]
    assert run(*launching(), "--plan", "--json").out == ""


def test_a_search_with_early_stopping_tells_what_its_audit_found(run):
    asha = ("--epochs", 8, "--trials", 5, "--scheduler", "asha", "--set", "race.finalists=0")
    told = " ".join(run(*launching(), *asha).out.split())
    assert "Fidelity: epoch 1 of 8 ranks like the end with tau 1.00 (" in told
    fidelity = json.loads(run(*launching(name="second"), *asha, "--json").out)["fidelity"]
    assert fidelity["found"] == {"first_epoch": 1, "reduction": 3}
    assert json.loads(run(*launching(name="third"), "--json").out)["fidelity"] is None


def test_a_recipe_is_searched_with_an_estimate_of_its_time(run):
    outcome = run("launch", *QUICK, "--epochs", 1, "--set", "race.finalists=0", "--name", "digits")
    assert outcome.code == 0, outcome.err
    assert "a training, 1 at a time)" in outcome.out
    assert "tiny_cnn, digits (" in outcome.out
    assert "digits-cnn.yaml" in outcome.out
    assert "not confirmed" in outcome.out
    assert {record.asked["epochs"] for record in records("digits").values()} == {1}


def test_flags_override_the_file(run):
    Path("mine.yaml").write_text(
        "format: automix-search/launch/1\ntrainer: toy.py:Toy\ncluster: debug\ntrials: 7\nseed: 3\nname: mine\n"
        "race: {finalists: 1, seeds: 2}\n"
        "confirm: {seeds: 4}\n"
    )
    assert run("launch", "mine.yaml", "--trials", 1, "--set", "confirm.seeds=1", "--epochs", 3).code == 0
    found = records("mine").values()
    assert {record.asked["epochs"] for record in found} == {3}
    assert {record.asked["seed"] for record in found if record.stage == "search"} == {3}
    assert sum(record.stage == "search" for record in found) == 1
    assert sum(record.stage == "confirm" for record in found) == 5


def test_set_changes_what_is_named(run):
    assert (
        run(*launching(), "--set", "space.loss.smoothing=0.125", "--set", "space.transform.batch=[]").code
        == 0
    )
    smoothing = {
        record.asked["policy"]["loss"]["smoothing"]
        for record in records().values()
        if record.stage == "search"
    }
    assert smoothing == {0.125}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trials", 0), "--trials: must be greater than or equal to 1, but got 0"),
        (("--space", "quik"), "--space: unknown space preset `quik`; did you mean `quick`?"),
        (("--space", "no.yaml"), "--space: there is no space file `no.yaml`"),
        (
            ("--trainer", "digit-cnn"),
            "--trainer: unknown trainer preset `digit-cnn`; did you mean `digits-cnn`?",
        ),
        (("--trainer", "toy.py:Tyo"), "unknown name `Tyo`; did you mean `Toy`?"),
        (("--trainer", "no.py:Toy"), "cannot read no.py"),
        (("--cluster", "locl"), "--cluster: unknown cluster preset `locl`; did you mean `local`?"),
        (("--time-budget", "3 parsecs"), "--time-budget: a time is written like"),
        (("--sampler", "tep"), "--sampler: unknown sampler `tep`; did you mean `tpe`?"),
        (("--scheduler", "ahsa"), "unknown scheduler `ahsa`; did you mean `asha`?"),
        (("--seed", -1), "--seed: must be greater than or equal to 0"),
        (("--epochs", 0), "--epochs: must be greater than or equal to 1"),
        (("--name", "a/b"), "`a/b` cannot be the name of a run"),
        (("--set", "confirm.seeds"), "--set takes path=value"),
        (("--set", "confirm.seeds=0"), "--set confirm.seeds: must be greater than or equal to 1, but got 0"),
        (("--set", "confrm.seeds=3"), "--set confrm.seeds: unknown field `confrm`; did you mean `confirm`?"),
        (("--set", "seed.deep=3"), "--set seed.deep"),
        (("--set", "trials=[1"), "--set trials:1 is not YAML"),
        (("--set", "trainer.epochs=3"), "`trainer.epochs` cannot be set: toy.py:Toy is code"),
        (
            ("--set", "space.loss.smoothing=7"),
            "must be less than 1, but got 7 (changed by --set space.loss.smoothing)",
        ),
        (("--set", "cluster.kind=lokal"), "did you mean `local`?"),
        (("missing.yaml",), "cannot read missing.yaml: No such file"),
    ],
)
def test_a_mistake_gets_one_sentence_before_anything_starts(run, arguments, said):
    outcome = run(*launching(), *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert said in outcome.err
    assert not Path("runs").exists()


def test_a_recipe_changed_wrongly_names_the_change(run):
    outcome = run("launch", *QUICK, "--set", "trainer.epochs=none")
    assert outcome.code == 2
    assert "`set: trainer.epochs`: must be" in outcome.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trials: 0\n", "mine.yaml:2 trials: must be greater than or equal to 1, but got 0"),
        ("spce: quick\n", "mine.yaml:2 spce: unknown field `spce`; did you mean `space`?"),
        ("space: quik\n", "mine.yaml:2 space: unknown space preset `quik`; did you mean `quick`?"),
        ("confirm: {seeds: no}\n", "mine.yaml:2 confirm.seeds: must be"),
        ("trials: 1\ntrials: 2\n", "mine.yaml:3 has the key `trials` twice"),
        ("trials: [\n", "mine.yaml:3 is not YAML"),
        ("set: {trials: 3}\n", "must begin with `space.`, `trainer.` or `cluster.`"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(run, text, said):
    Path("mine.yaml").write_text("format: automix-search/launch/1\n" + text)
    outcome = run("launch", "mine.yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_a_file_that_is_no_launch_file(run):
    Path("mine.yaml").write_text("- trials: 3\n")
    assert "mine.yaml does not say what it is" in run("launch", "mine.yaml", "--trials", 3).err


def test_a_number_of_a_wrong_kind_is_wrong_usage(run):
    outcome = run("launch", "--trials", "many")
    assert outcome.code == 2
    assert "Usage" in outcome.err


def test_a_run_that_exists_is_not_written_over(run):
    assert run(*launching()).code == 0
    before = Path("runs/first/ledger.jsonl").read_bytes()
    outcome = run(*launching())
    assert outcome.code == 2
    assert "runs/first exists already" in outcome.err
    assert Path("runs/first/ledger.jsonl").read_bytes() == before


def test_a_trainer_that_never_reports_its_metric(run):
    outcome = run(*launching("Forgetful"))
    assert outcome.code == 2
    assert "the trainer never reports `accuracy`" in outcome.err
    assert "it reports: acuracy" in outcome.err


def test_a_search_whose_every_training_fails_ends_early(run):
    outcome = run(*launching("Broken"), "--trials", 40)
    assert outcome.code == 1
    assert outcome.err.startswith("error: every training fails")
    assert "no such luck" in outcome.err
    assert len(records()) < 10


def test_what_is_unexpected_is_told_in_one_line_and_kept(run, monkeypatch):
    def fall_over(*_, **__):
        raise ZeroDivisionError("division by zero\nand more")

    monkeypatch.setattr("automix_search.api.conduct", fall_over)
    outcome = run(*launching())
    assert outcome.code == 1
    assert outcome.err.startswith("error: ZeroDivisionError: division by zero (unexpected")
    assert outcome.err.count("\n") == 1
    assert "in fall_over" in Path("runs/first/traceback.txt").read_text()
    assert "resume runs/first" in outcome.err


def test_the_command_as_a_process():
    process = command(*launching())
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "[22/22]" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly(run, number):
    process = command(*launching("Stuck"))
    wait_for(5, "reported", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "stopped; 1 training interrupted; runs/first/policy.yaml is the best so far" in out
    assert out.splitlines()[-1] == "go on with: automix-search resume runs/first"
    assert [record.state for record in records().values()] == ["finished", "finished", "interrupted"]
    assert load_policy("runs/first/policy.yaml").provenance.run == "first"
    assert "interrupted" in run("status", "first").out


@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_what_would_settle_the_verdict_can_be_typed(run, sampler):
    """The candidate is confirmed anew, at its very point of the space, whoever leads and whatever came first."""
    changes = ("--set", "confirm={seeds: 2, margin: 0.0001}", "--set", "race.seeds=1")
    outcome = run("launch", "--trainer", "toy.py:Swaying", "--name", "first", "--cluster", "debug", "--trials", 8,
                  "--sampler", sampler, *changes)  # fmt: skip
    typed = next(line for line in outcome.out.splitlines() if line.startswith("automix-search launch"))
    again = run(*shlex.split(typed)[1:])
    assert again.code == 0, again.err
    found, anew = (
        json.loads(Path("runs", name, "verdict.json").read_text()) for name in ("first", "first-again")
    )
    assert records("first-again")["t0000"].asked["params"] == records()[found["candidate"]].asked["params"]
    assert len(anew["seeds"]) == found["to_settle"]["seeds"]
    assert not set(anew["seeds"]) & set(found["seeds"])
