"""A search for several metrics and costs at once."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from toys import Toy, in_process, toy_plan

from automix_search.errors import InputError
from automix_search.launch import LaunchConfig, resolve
from automix_search.policy import load_policy
from automix_search.training.base import Objective
from automix_search.training.objectives import aimed, objective_of
from automix_search.tuning.judgement import read_verdict
from automix_search.tuning.ledger import read_records
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.sampling import open_study
from automix_search.tuning.search import conduct
from automix_search.tuning.stopping import Asha


class Torn(Toy):
    """The more smoothing the better the score, and the dearer the step."""

    objective = Objective("score", "max", (Objective("cost", "min"),))

    def __init__(self) -> None:
        super().__init__()
        self.objective = Objective("score", "max", (Objective("cost", "min"),))

    def value(self, policy, seed):  # type: ignore[no-untyped-def]
        return 0.5 + policy.loss.smoothing

    def train(self, assignment):  # type: ignore[no-untyped-def]
        smoothing = assignment.policy.loss.smoothing
        for metrics in super().train(assignment):
            yield {**metrics, "cost": 1 + 4 * smoothing**2 + 2.0 * (len(assignment.policy.mix.options) > 1)}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "run")


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random", "gp"])
@pytest.mark.parametrize("stopping", [None, Asha(first_epoch=1, reduction=2)])
def test_the_front_comes_first_and_its_knee_before_all(
    run: RunFolder, sampler: str, stopping: Asha | None
) -> None:
    changes = {} if stopping is None else {"stopping": stopping}
    rows = conduct(run, toy_plan(Torn(), trials=14, sampler=sampler, **changes), in_process())
    front = [row for row in rows if row.distance is not None]
    assert rows[: len(front)] == front
    assert [row.distance for row in front] == sorted(
        row.distance for row in front if row.distance is not None
    )
    finished = [row for row in rows if row.state == "finished"]
    for row in front:
        assert not any(
            other.values["score"] >= row.values["score"]
            and other.values["cost"] <= row.values["cost"]
            and other.values != row.values
            for other in finished
        )
    states = {trial.state.name for trial in open_study(run.study, "max", "min").trials}
    assert states <= {"COMPLETE", "PRUNED"}


def test_the_knee_is_neither_the_best_nor_the_cheapest(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(Torn(), trials=40, sampler="random"), in_process())
    scores = [row.values["score"] for row in rows if row.distance is not None]
    assert min(scores) < rows[0].values["score"] < max(scores)


def test_the_knee_is_judged_without_a_race(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(Torn(), trials=10), in_process())
    best = next(row for row in rows if not row.baseline)
    records = read_records(run.ledger).values()
    assert not [record for record in records if record.stage == "race"]
    assert {record.candidate for record in records if record.stage == "confirm"} == {
        "none", "base", "trivial", "default", best.name,
    }  # fmt: skip
    verdict = read_verdict(run.verdict)
    assert verdict is not None
    assert (verdict.candidate, verdict.metric) == (best.name, "score")
    provenance = load_policy(run.policy).provenance
    assert provenance is not None
    assert provenance.trial == rows[0].name
    assert {row["rank"] for row in csv.DictReader(run.leaderboard.read_text().splitlines())} >= {"1", "2"}


def test_a_metric_that_is_never_reported_is_told(run: RunFolder) -> None:
    class Silent(Torn):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            for metrics in super().train(assignment):
                yield {name: value for name, value in metrics.items() if name != "cost"}

    with pytest.raises(InputError, match=r"never reports `cost`"):
        conduct(run, toy_plan(Silent()), in_process())


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("accuracy", Objective("accuracy", "max")),
        ("valid/top1 max", Objective("accuracy", "max")),
        ("valid/ece min", Objective("ece", "min")),
        ("cost/step_time min", Objective("step_time_s", "min")),
        ("peak_memory", Objective("peak_memory_mb", "min")),
        ("mine max", Objective("mine", "max")),
    ],
)
def test_how_an_objective_is_written(text: str, objective: Objective) -> None:
    assert objective_of(text) == objective


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acuracy", "did you mean `accuracy`"),
        ("ece max", "`ece` is better when lower"),
        ("cost/step_tim", "did you mean `step_time`"),
        ("test/accuracy", "must begin with `valid/` or `cost/`"),
        ("accuracy up", "is written like"),
        ("accuracy max 2", "is written like"),
    ],
)
def test_how_it_is_not_written(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        objective_of(text)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective": ["accuracy", "ece"], "sampler": "cmaes"}, "`cmaes` optimises one metric"),
        (
            {"objective": ["accuracy", "ece"], "strategy": {"kind": "pba"}, "space": "pba"},
            "`pba` optimises one",
        ),
        (
            {"objective": ["cost/step_time", "accuracy"]},
            "first objective guides the search and cannot be a cost",
        ),
        ({"objective": ["mine max"]}, "unknown metric `mine`"),
    ],
)
def test_what_cannot_be_searched_is_told_before_anything_starts(changes: dict, said: str) -> None:  # type: ignore[type-arg]
    config = LaunchConfig.model_validate({"trainer": "digits-cnn", "cluster": "debug", **changes})
    with pytest.raises(InputError, match=said):
        resolve(config)


def test_a_recipe_reports_all_that_is_wanted() -> None:
    plan = resolve(
        LaunchConfig(trainer="digits-cnn", cluster="debug", objective=("accuracy", "ece", "cost/step_time"))
    ).plan
    assert [goal.metric for goal in plan.trainer.objective.all] == ["accuracy", "ece", "step_time_s"]
    assert {metric.name for metric in plan.trainer.metrics} >= {"accuracy", "ece"}  # type: ignore[attr-defined]
    assert Objective.of(
        {"metric": "a", "direction": "min", "also": [{"metric": "b", "direction": "max"}]}
    ).also


def test_a_trainer_of_ones_own_is_aimed_without_being_changed() -> None:
    toy = Toy()
    found = aimed(toy, [Objective("score", "max"), Objective("cost", "min")])
    assert len(found.objective.all) == 2
    assert toy.objective.also == ()


def test_no_trainer_is_aimed_at_a_cost_alone() -> None:
    """It has no test split, on which the verdict would be found missing after a whole search."""
    with pytest.raises(InputError, match="cannot be a cost"):
        aimed(Toy(), [Objective("step_time_s", "min")])
