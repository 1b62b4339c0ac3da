"""What a search tries first: `portfolio` and `--warm-start`."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_search import launching, write_toys

from automix_search.documents import read_yaml
from automix_search.tuning.ledger import named, read_records


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of the user's own with `toy.py`."""
    monkeypatch.chdir(tmp_path)
    write_toys()
    return tmp_path


def trials(name):
    records = read_records(Path("runs", name, "ledger.jsonl")).values()
    return [record.asked["params"] for record in named(records, "search")]


def written(name):
    return read_yaml(Path("runs", name, "launch.yaml")).tree


QUICK = ("--set", "race.finalists=0")


def test_the_first_points_are_told_written_out_and_tried(run):
    outcome = run(*launching(), "--trials", "5", "--set", "portfolio=3", *QUICK)
    assert outcome.code == 0
    plan = " ".join(outcome.out.partition("[1/")[0].split())
    assert "the first 3 known beforehand, the others chosen by tpe" in plan
    assert "first cutmix, mixup, affine" in plan
    points = written("first")["portfolio"]
    assert [point["origin"] for point in points] == ["cutmix", "mixup", "affine"]
    assert trials("first")[:3] == [point["params"] for point in points]


def test_nothing_is_known_beforehand_where_that_is_asked_for(run):
    outcome = run(*launching(), "--trials", "4", "--set", "portfolio=0", *QUICK)
    assert "known beforehand" not in outcome.out
    assert written("first")["portfolio"] == []


def test_a_resumed_search_keeps_its_first_points(run):
    run(*launching(), "--trials", "4", *QUICK)
    before = written("first")["portfolio"]
    assert run("resume", "first", "--trials", "+20").code == 0
    assert written("first")["portfolio"] == before
    assert len(trials("first")) == 24


def test_a_search_starts_from_earlier_ones_and_needs_them_no_more(run):
    run(*launching(name="old"), "--trials", "4", *QUICK)
    outcome = run(*launching(), "--trials", "4", "--warm-start", "old", "--set", "portfolio=2", *QUICK)
    plan = " ".join(outcome.out.partition("[1/")[0].split())
    assert "points of earlier runs: 4 of runs/old" in plan
    points = written("first")["portfolio"]
    assert [point["origin"].partition("/")[0] for point in points] == ["old", "old"]
    assert all(point["params"] in trials("old") for point in points)
    assert trials("first")[:2] == [point["params"] for point in points]
    assert written("first")["warm_start"] == []
    Path("runs/old/launch.yaml").unlink()
    assert run("resume", "first", "--trials", "+1").code == 0
    assert len(trials("first")) == 5


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--warm-start", "old"), "unknown run (looked in runs) `old`"),
        (("--warm-start", "old", "--sampler", "grid"), "leave `warm_start` out"),
        (("--set", "portfolio=2", "--sampler", "grid"), "leave `portfolio` out"),
        (("--set", "portfolio=2", "--set", "strategy=pba"), "leave `portfolio` out"),
        (("--warm-start", "old", "--set", "portfolio=0"), "has no room for the points of `warm_start`"),
        (("--set", "portfolio=-1"), "portfolio"),
        (("--set", "portfolio=[{origin: mine, params: {mix: cutmx}}]"), "portfolio[0], from mine"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_starts(run, flags, said):
    outcome = run(*launching(), *flags)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())
    assert not Path("runs/first").exists()


def test_python_goes_on_with_the_first_points_that_it_began_with(folder):
    from automix_search import search

    given = {
        "trainer": "toy.py:Toy",
        "cluster": "debug",
        "name": "py",
        "settings": {"race": {"finalists": 0}},
    }
    search(**given, trials=4)
    before = written("py")["portfolio"]
    search(**given, trials=12, resume=True)
    assert written("py")["portfolio"] == before
    assert len(before) == 1
    assert len(trials("py")) == 12
