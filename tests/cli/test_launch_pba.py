"""`strategy: pba` in a launch file: what it refuses, what it says, and a whole search of the digits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_search import write_toys

from automix_search.policy import load_policy
from automix_search.report.wording import duration
from automix_search.training.checkpoint import load_checkpoint
from automix_search.training.classification import ClassificationTrainer
from automix_search.tuning.ledger import Record, named, read_ledger, read_records
from automix_search.tuning.population.lineage import lineage

TABLE = [
    {"op": op, "probability": "default", "magnitude": "default"} for op in ("rotate", "shear_x", "cutout")
]
SPACE = {
    "format": "automix-search/space/1",
    "name": "small-table",
    "transform": {"batch": [{"kind": "operation_table", "operations": TABLE}]},
}
TINY = (
    "--set",
    "strategy={kind: pba, population: 3, interval: 2}",
    "--epochs",
    4,
    "--set",
    "race.seeds=1",
    "--set",
    "confirm.seeds=1",
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, but for a space and trainers of no substance."""
    monkeypatch.chdir(tmp_path)
    write_toys()
    Path("table.yaml").write_text(json.dumps(SPACE))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "strategy=pbt"), "unknown search strategy `pbt`; did you mean `pba`?"),
        (
            ("--set", "strategy={kind: pba, population: 1}"),
            "population: must be greater than or equal to 2, but got 1",
        ),
        (
            ("--set", "strategy=pba", "--scheduler", "asha"),
            "the strategy `pba` gives up members in its own way, so leave `scheduler` out",
        ),
        (
            ("--set", "strategy=pba"),
            "so it searches `transform` and `mix` only, but quick has the parameter `loss.smoothing`",
        ),
        (
            ("--set", "strategy=pba", "--space", "pba", "--epochs", 3),
            "`strategy.interval` must be below the epochs of a training, 3, but got 3",
        ),
        (
            ("--set", "strategy=pba", "--space", "pba", "--trainer", "toy.py:Toy"),
            "the strategy `pba` goes on from checkpoints, and Toy does not say that it can",
        ),
        (
            ("--set", "strategy=pba", "--space", "table.yaml", "--set", "space.learned={kind: ct_augment}"),
            "the strategy `pba` changes policies itself; search one that learns by `sampling`",
        ),
        (
            ("--set", "strategy=pba", "--set", "space.transform.batch=[]", "--space", "pba"),
            "the strategy `pba` needs something to change, but pba has no parameter",
        ),
    ],
)
def test_what_cannot_be_is_told_before_anything_starts(run, arguments, said):  # type: ignore[no-untyped-def]
    outcome = run("launch", "--cluster", "debug", *arguments)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())
    assert not Path("runs").exists()


def test_workers_that_share_no_disk_cannot_hand_on_checkpoints(run):  # type: ignore[no-untyped-def]
    cluster = {
        "format": "automix-search/cluster/1",
        "kind": "address",
        "address": "localhost:1",
        "workers": 1,
    }
    Path("far.yaml").write_text(json.dumps(cluster))
    outcome = run("launch", "--space", "table.yaml", "--cluster", "far.yaml", *TINY)
    assert outcome.code == 2
    assert "set `cluster.shared_runs` to true" in outcome.err


def members(records: dict[str, Record]) -> list[Record]:
    return named(records.values(), "population")


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["debug", "local"])
def test_a_population_of_digits(run, cluster, tmp_path):  # type: ignore[no-untyped-def]
    """The real trainer: 3 members, 2 generations of 2 epochs; then the schedule from scratch, race and verdict."""
    workers = (
        () if cluster == "debug" else ("--set", "cluster.workers=2", "--set", "cluster.object_store_gb=0.1")
    )
    outcome = run("launch", "--space", "table.yaml", "--cluster", cluster, *workers, "--name", "first", *TINY)
    assert outcome.code == 0, outcome.err
    told = " ".join(outcome.out.split())
    assert "a population of 3, 2 × 2 epochs, whose policies change in between (seed 0)" in told
    assert (
        "at most 18 trainings: 4 baselines, 3 members of a population, 1 trial, 5 to race, 5 to confirm"
        in told
    )
    assert "[21/21]" in outcome.out

    folder = tmp_path / "runs" / "first"
    records = read_records(folder / "ledger.jsonl")
    assert {record.state for record in records.values()} == {"finished"}
    assert len(members(records)) == 6
    assert [metrics["epoch"] for metrics in records["m00g001"].metrics] == [3, 4]
    events = [event["event"] for event in read_ledger(folder / "ledger.jsonl")]
    assert (events.count("forked"), events.count("mutated")) == (3, 1)
    assert list((folder / "trials").glob("*.pt")) == []

    (trial,) = named(records.values(), "search")
    last = records[trial.asked["params"]["lineage"]]
    assert sum(phase.epochs for phase in lineage(records, last)) == 4
    assert "m00" not in (folder / "leaderboard.csv").read_text()
    assert load_policy(folder / "policy.yaml").provenance is not None


def test_members_go_on_from_where_their_parents_left_off(run, monkeypatch, tmp_path):  # type: ignore[no-untyped-def]
    """The real trainer in a real search: what a segment begins with is what its source ended with, bit for bit."""
    begun: list[tuple[str, bool]] = []
    train = ClassificationTrainer.train

    def watched(self, assignment):  # type: ignore[no-untyped-def]
        if assignment.origin is not None:
            state = load_checkpoint(assignment.origin)
            begun.append((assignment.origin.name.partition("-")[0], state["epoch"] == 1))
        return train(self, assignment)

    monkeypatch.setattr(ClassificationTrainer, "train", watched)
    quick = ("--set", "strategy={kind: pba, population: 2, interval: 1}", "--epochs", 2, "--seed", 1)
    launched = ("launch", "--space", "table.yaml", "--cluster", "debug", "--name", "first", *quick)
    outcome = run(*launched, "--set", "race.finalists=0")
    assert outcome.code == 0, outcome.err
    records = read_records(tmp_path / "runs" / "first" / "ledger.jsonl")
    sources = [record.asked["fork"]["source"] for record in members(records) if record.asked["fork"]]
    assert begun == [(source, True) for source in sources]
    assert len(set(sources)) == 1
    first, second = (records[name] for name in ("m00g001", "m01g001"))
    assert first.asked["seed"] != second.asked["seed"]
    assert first.metrics != second.metrics
    assert "more trials" not in outcome.out
    took = sum(record.seconds for record in members(records))
    rows = json.loads(run("leaderboard", "first", "--json").out)
    assert {row["name"]: row["population_s"] for row in rows if row["population_s"]} == {"t0000": took}
    for told in (outcome.out, run("leaderboard", "first").out):
        assert f"t0000: the trainings of its population took {duration(took)}" in told
    more = run("resume", "first", "--trials", "+3")
    assert (more.code, "a search by `pba` comes to one trial" in more.err) == (2, True)
