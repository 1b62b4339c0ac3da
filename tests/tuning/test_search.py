"""A whole search in process, with toy trainings."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import optuna
import pytest
from toys import Diverging, Failing, Toy, in_process, toy_plan

from automix_search.errors import InputError, SearchError
from automix_search.policy import load_policy
from automix_search.tuning.ledger import read_ledger, read_records
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.sampling import open_study
from automix_search.tuning.search import conduct
from automix_search.tuning.stopping import Asha, Median


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "run")


def states(run: RunFolder) -> Counter[str]:
    return Counter(trial.state.name for trial in open_study(run.study, "max").trials)


def test_every_trial_is_scored_and_the_best_come_first(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(trials=12), in_process())
    assert [row.rank for row in rows] == list(range(1, 17))
    assert {row.name for row in rows if row.baseline} == {"none", "base", "trivial", "default"}
    assert states(run) == {"COMPLETE": 12}
    raced = [row for row in rows if row.valid is not None]
    assert len(raced) == 4 + 3
    assert rows[: len(raced)] == raced
    standing = [(len(row.valid.seeds), row.valid.mean) for row in raced if row.valid]
    assert standing == sorted(standing, reverse=True)


def test_the_search_finds_the_optimum_of_the_toy(run: RunFolder) -> None:
    best = conduct(run, toy_plan(trials=40), in_process())[0]
    assert (
        not best.baseline or best.name == "default"
    )  # `default` has the optimal smoothing, but pays for mixing
    assert abs(best.policy().loss.smoothing - 0.1) < 0.02


def test_smaller_is_better_where_the_objective_says_so(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(Toy("min"), trials=10), in_process())
    raced = [(-len(row.valid.seeds), row.valid.mean) for row in rows if row.valid]
    assert raced == sorted(raced)
    assert open_study(run.study, "min").best_value == min(
        row.search for row in rows if row.search is not None and not row.baseline
    )


def test_confirmation_uses_paired_seeds_that_the_search_has_not_seen(run: RunFolder) -> None:
    plan = toy_plan(confirm_seeds=5, seed=3)
    conduct(run, plan, in_process())
    seeds: dict[str, dict[str, list[int]]] = {"race": {}, "confirm": {}}
    for record in read_records(run.ledger).values():
        if record.stage in seeds:
            seeds[record.stage].setdefault(record.candidate, []).append(record.asked["seed"])
        else:
            assert record.asked["seed"] == 3
    assert len(seeds["race"]) == 7
    assert all(found == plan.racing_seeds[: len(found)] for found in seeds["race"].values())
    assert len(seeds["confirm"]) == 4 + 1
    assert all(found == plan.fresh_seeds for found in seeds["confirm"].values())
    assert len({3, *plan.racing_seeds, *plan.fresh_seeds}) == 1 + 4 + 5


def test_the_test_split_is_read_by_the_confirmation_only(run: RunFolder) -> None:
    conduct(run, toy_plan(), in_process())
    for record in read_records(run.ledger).values():
        read = ["test_score" in metrics for metrics in record.metrics]
        assert read == [False, False, False, record.stage == "confirm"]


def test_the_winner_is_chosen_by_validation_not_by_test(run: RunFolder) -> None:
    class Misleading(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            for metrics in super().train(assignment):
                yield {**metrics, **({"test_score": -metrics["score"]} if "test_score" in metrics else {})}

    rows = conduct(run, toy_plan(Misleading()), in_process())
    assert rows[0].valid is not None
    assert rows[0].valid.mean == max(row.valid.mean for row in rows if row.valid)


def test_policy_file_is_the_leader_with_its_evidence(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(), in_process())
    policy = load_policy(run.policy)
    assert policy.provenance is not None
    assert policy.provenance.trial == rows[0].name
    assert policy.provenance.score == rows[0].test
    assert set(policy.provenance.baselines) == {"none", "base", "trivial", "default"}
    assert policy.model_copy(update={"provenance": None}) == rows[0].policy()


def test_policy_file_is_the_best_so_far_at_every_moment(run: RunFolder) -> None:
    class Look:
        def noticed(self, event, records):  # type: ignore[no-untyped-def]
            finished = [
                record.value
                for record in records.values()
                if record.value is not None and record.stage in ("baseline", "search")
            ]
            if event["event"] == "finished" and not any(r.stage == "race" for r in records.values()):
                score = load_policy(run.policy).provenance.score  # type: ignore[union-attr]
                assert score is not None
                assert score.mean == max(finished)
                self.looked = True

    look = Look()
    conduct(run, toy_plan(), in_process(), [look])
    assert look.looked


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "cmaes", "grid", "optuna.samplers:QMCSampler"])
@pytest.mark.parametrize(
    "stopping", [Asha(first_epoch=1, reduction=2, sentinels=0), Median(first_epoch=1, min_trainings=2)]
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_every_sampler_with_every_early_stopping(
    run: RunFolder, sampler: str, stopping: Asha | Median
) -> None:
    conduct(run, toy_plan(trials=13, sampler=sampler, stopping=stopping), in_process())
    found = states(run)
    assert set(found) == {"COMPLETE", "PRUNED"}
    assert sum(found.values()) == 13


def test_a_grid_is_tried_whole_and_no_more(run: RunFolder) -> None:
    conduct(run, toy_plan(trials=100, sampler="grid", grid_points=3), in_process())
    points = [tuple(sorted(trial.params.items())) for trial in open_study(run.study, "max").trials]
    assert len(points) == len(set(points)) == 3 * (1 + 3 * 3)  # smoothings x (none + alphas x probabilities)


def test_early_stopped_trials_are_told_pruned_with_their_value_at_each_epoch(run: RunFolder) -> None:
    conduct(run, toy_plan(trials=20, stopping=Asha(first_epoch=2, reduction=2)), in_process())
    pruned = [trial for trial in open_study(run.study, "max").trials if trial.state.name == "PRUNED"]
    assert pruned
    for trial in pruned:
        record = read_records(run.ledger)[trial.user_attrs["trial"]]
        assert record.state == "pruned"
        assert trial.intermediate_values == {int(m["epoch"]): m["score"] for m in record.metrics}
        assert list(trial.intermediate_values) == [1, 2]


def test_diverged_trials_are_failures_and_never_stay_running(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(Diverging(), trials=12), in_process())
    found = states(run)
    assert found["FAIL"] > 0
    assert set(found) == {"COMPLETE", "FAIL"}
    assert all(not math.isnan(row.search) for row in rows if row.search is not None)
    failed = [row.record for row in rows if row.state == "failed"]
    assert all("diverged" in record.reason for record in failed)
    assert rows[-1].state == "failed"


def test_a_failed_training_is_tried_again_and_keeps_its_traceback(run: RunFolder) -> None:
    attempts: Counter[float] = Counter()

    def first_time(assignment) -> bool:  # type: ignore[no-untyped-def]
        attempts[assignment.policy.loss.smoothing] += 1
        return attempts[assignment.policy.loss.smoothing] == 1

    rows = conduct(run, toy_plan(Failing(first_time), finalists=0), in_process())
    assert {row.state for row in rows} == {"finished"}
    events = read_ledger(run.ledger)
    retried = [event for event in events if event["event"] == "interrupted"]
    assert all("ValueError: the toy broke" in event["traceback"] for event in retried)
    assert retried
    assert max(event["attempt"] for event in events if event["event"] == "asked") == 2


def test_a_trial_that_always_fails_is_told_fail_and_the_search_goes_on(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(Failing(lambda a: a.policy.loss.smoothing > 0.1), trials=12), in_process())
    assert states(run)["FAIL"] > 0
    assert states(run)["COMPLETE"] > 0
    assert {row.state for row in rows} == {"finished", "failed"}


def test_where_everything_fails_the_search_stops_early_and_says_why(run: RunFolder) -> None:
    with pytest.raises(SearchError, match=r"every training fails.*ValueError: the toy broke"):
        conduct(run, toy_plan(Failing(lambda _: True), trials=100), in_process())
    assert len(read_records(run.ledger)) < 10


def test_a_mistake_of_the_users_in_a_training_is_not_tried_again(run: RunFolder) -> None:
    with pytest.raises(InputError, match="no such thing"):
        conduct(run, toy_plan(Failing(lambda _: True, InputError("no such thing"))), in_process())
    assert len(read_records(run.ledger)) == 1


def test_a_metric_that_is_never_reported_ends_the_search_with_one_sentence(run: RunFolder) -> None:
    class Silent(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            yield {"acuracy": 0.5}

    with pytest.raises(InputError, match=r"never reports `score`.*it reports: acuracy"):
        conduct(run, toy_plan(Silent()), in_process())


def test_a_trainer_that_reports_nothing_fails(run: RunFolder) -> None:
    class Empty(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            yield from ()

    with pytest.raises(SearchError, match="reported nothing"):
        conduct(run, toy_plan(Empty()), in_process())


def test_same_seed_same_leaderboard_to_the_byte(tmp_path: Path) -> None:
    runs = [create_run(tmp_path, name) for name in "ab"]
    for run in runs:
        conduct(run, toy_plan(trials=15, stopping=Asha(first_epoch=1)), in_process())
    first, second = (run.leaderboard.read_bytes() for run in runs)
    assert first == second
    other = create_run(tmp_path, "c")
    conduct(other, toy_plan(trials=15, stopping=Asha(first_epoch=1), seed=1), in_process())
    assert other.leaderboard.read_bytes() != first


def test_a_time_budget_ends_the_trials_but_not_baselines_and_confirmation(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(trials=50, time_budget_s=1e-9), in_process())
    assert [row.name for row in rows if not row.baseline] == []
    assert all(row.test is not None for row in rows)


def test_a_one_point_space_is_a_comparison(run: RunFolder) -> None:
    from automix_search.policy import Policy
    from automix_search.spaces import space_of

    rows = conduct(run, toy_plan(trials=3, space=space_of(Policy())), in_process())
    assert (
        sum(row.test is not None for row in rows if not row.baseline) == 1
    )  # the same candidate is confirmed once


def test_ledger_says_all(run: RunFolder) -> None:
    conduct(run, toy_plan(trials=5), in_process())
    events = [json.loads(line) for line in run.ledger.read_text().splitlines()]
    assert events[0]["event"] == "opened"
    assert events[-1]["event"] == "closed"
    asked = [event for event in events if event["event"] == "asked" and event["stage"] == "search"]
    assert all({"params", "policy", "seed", "epochs"} <= set(event) for event in asked)


def test_plan_is_used_as_given() -> None:
    plan: SearchPlan = toy_plan(epochs=7)
    assert plan.length == 7
    assert toy_plan().length == Toy.epochs


def test_optuna_reads_the_journal_as_its_dashboard_does(run: RunFolder) -> None:
    conduct(run, toy_plan(trials=5), in_process())
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(run.study)))
    (name,) = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)
    assert {len(trial.intermediate_values) for trial in study.trials} == {4}


def test_early_stopping_of_a_minimised_objective_stops_the_same_trials(tmp_path: Path) -> None:
    stopped = []
    for direction in ("max", "min"):
        run = create_run(tmp_path, direction)
        plan = toy_plan(
            Toy(direction),
            trials=15,
            sampler="random",
            stopping=Asha(first_epoch=1, reduction=2),
            finalists=0,
        )
        rows = conduct(run, plan, in_process())
        stopped.append({row.name for row in rows if row.state == "pruned"})
    assert stopped[0] == stopped[1]
    assert stopped[0]
