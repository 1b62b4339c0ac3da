"""What a search must get right when things go wrong around it: each of these was wrong once."""

from __future__ import annotations

import math
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from toys import Failing, Toy, in_process, toy_plan

from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import Job, Place, perform
from automix_search.errors import InputError, SearchError
from automix_search.policy import Policy, load_policy
from automix_search.tuning.ledger import Ledger, read_records
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.sampling import open_study
from automix_search.tuning.search import conduct


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "run")


def test_new_trials_that_beat_the_old_finalists_are_confirmed(run: RunFolder) -> None:
    """After a whole search, `resume --trials +N`: the best new trial must be a finalist."""
    conduct(run, toy_plan(trials=3, sampler="random"), in_process())
    rows = conduct(run, toy_plan(trials=40, sampler="random"), in_process(), resume=True)
    scored = [row for row in rows if not row.baseline and row.search is not None]
    best = max(scored, key=lambda row: row.search or 0.0)
    assert best.valid is not None, (
        f"{best.name} scored {best.search}, the winner {rows[0].name} {rows[0].search}"
    )


def test_policy_file_carries_the_whole_evidence_of_the_baselines(run: RunFolder) -> None:
    """Where a baseline wins (or on several workers) the others' last seeds end after the leader's."""

    class Plain(Toy):
        def value(self, policy: Policy, seed: int) -> float:
            return 1 - policy.loss.smoothing - 0.1 * (len(policy.mix.options) > 1) + 0.01 * math.sin(seed)

    rows = conduct(run, toy_plan(Plain()), in_process())
    provenance = load_policy(run.policy).provenance
    assert provenance is not None
    assert dict(provenance.baselines) == {row.name: row.test for row in rows if row.baseline}


def test_killed_between_ledger_and_policy_file(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends right after the last line that matters: policy.yaml must be caught up on resume."""

    class Rising(Toy):
        calls = count(1)

        def value(self, policy: Policy, seed: int) -> float:
            return next(self.calls) / 1000

    append, finished = Ledger.append, count(1)

    def dying(self: Ledger, kind: str, **fields: object) -> None:
        append(self, kind, **fields)
        if kind == "finished" and next(finished) == 4 + 5:
            raise Killed

    plan = toy_plan(Rising(), trials=5, finalists=0)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", dying)
        with pytest.raises(Killed):
            conduct(run, plan, in_process())
    rows = conduct(run, plan, in_process(), resume=True)
    provenance = load_policy(run.policy).provenance
    assert provenance is not None
    assert provenance.trial == rows[0].name


def test_a_trainer_that_never_scores_the_test_split_is_told_so(run: RunFolder) -> None:
    class Untested(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            for metrics in super().train(assignment):
                yield {name: value for name, value in metrics.items() if name != "test_score"}

    with pytest.raises(InputError, match="test_score"):
        conduct(run, toy_plan(Untested()), in_process())


def test_a_candidate_that_diverges_on_a_seed_of_the_race_does_not_win_by_it(run: RunFolder) -> None:
    """Its mean over the seeds that went well may not be compared with the others' means over all seeds."""
    bad = toy_plan().racing_seeds

    class Unstable(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            for metrics in super().train(assignment):
                if assignment.seed in bad and assignment.policy.loss.smoothing not in (0.0, 0.1):
                    value = metrics["score"] + 1 if assignment.seed == bad[0] else math.nan
                    yield {**metrics, "score": value}
                else:
                    yield metrics

    rows = conduct(run, toy_plan(Unstable()), in_process())
    assert rows[0].valid is not None
    assert len(rows[0].valid.seeds) == 4
    assert rows[0].baseline


def test_a_search_in_which_every_training_diverges_stops_early(run: RunFolder) -> None:
    class Nan(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            yield {"epoch": 1, "score": math.nan}

    with pytest.raises(SearchError):
        conduct(run, toy_plan(Nan(), trials=60), in_process())
    assert len(read_records(run.ledger)) < 20


def test_a_search_in_which_every_trial_fails_stops_early_though_baselines_train(run: RunFolder) -> None:
    plain = [policy.loss.smoothing for policy in toy_plan().baselines.values()]
    with pytest.raises(SearchError):
        conduct(
            run, toy_plan(Failing(lambda a: a.policy.loss.smoothing not in plain), trials=60), in_process()
        )


@pytest.mark.parametrize("number", [np.float32(0.5), "tensor"])
def test_metrics_that_are_numbers_of_numpy_or_torch_are_taken(run: RunFolder, number: object) -> None:
    import torch

    class Numbers(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            value = torch.tensor(0.5) if number == "tensor" else number
            for epoch in range(1, assignment.epochs + 1):
                yield {"epoch": epoch, "score": value, "test_score": value}

    conduct(run, toy_plan(Numbers(), trials=2), in_process())


def test_a_trainer_that_yields_more_epochs_than_asked_is_stopped(run: RunFolder) -> None:
    class Endless(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            for epoch in range(1, 50):
                yield {"epoch": epoch, "score": epoch / 100, "test_score": 0.0}

    conduct(run, toy_plan(Endless(), trials=2, finalists=0), in_process())
    assert max(record.epochs for record in read_records(run.ledger).values()) == Toy.epochs


def test_neighbouring_seeds_search_different_points(tmp_path: Path) -> None:
    points = []
    for seed in (0, 1):
        run = create_run(tmp_path, f"seed{seed}")
        conduct(run, toy_plan(trials=8, seed=seed, sampler="random", finalists=0), in_process())
        points.append({tuple(sorted(trial.params.items())) for trial in open_study(run.study, "max").trials})
    assert not points[0] & points[1]


def test_a_training_never_goes_on_from_the_checkpoint_of_another_policy_or_seed(tmp_path: Path) -> None:
    """After a power cut the ledger (not synced) may be behind the checkpoints (synced), and names are given again."""
    seen = []

    class Looking(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            seen.append(assignment.checkpoint)
            yield {"epoch": 1, "score": 0.0}

    for seed in (0, 1):
        job = Job(name="t0000", stage="search", candidate="t0000", policy=Policy(), seed=seed, epochs=1)
        list(perform(Looking(), job, Place(checkpoints=tmp_path)))
    assert seen[0] != seen[1]


def test_a_job_that_failed_by_a_mistake_of_the_users_is_done_when_the_mistake_is_mended(
    run: RunFolder,
) -> None:
    """A full disk, a damaged checkpoint: mended by the user, then `resume`."""
    broken = [True]
    trainer = Failing(lambda _: broken[0], InputError("cannot write the checkpoint: No space left on device"))
    with pytest.raises(InputError):
        conduct(run, toy_plan(trainer), in_process())
    broken[0] = False
    rows = conduct(run, toy_plan(trainer), in_process(), resume=True)
    assert {row.state for row in rows} == {"finished"}


def test_killed_while_a_grid_point_was_waiting(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna

    ask, calls = optuna.Study.ask, count(1)

    def dying(self: optuna.Study, *args: object, **named: object) -> optuna.Trial:
        if next(calls) == 3:
            raise Killed
        return ask(self, *args, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "ask", dying)
        with pytest.raises(Killed):
            conduct(run, toy_plan(sampler="grid"), in_process())
    rows = conduct(run, toy_plan(sampler="grid"), in_process(), resume=True)
    assert sum(not row.baseline for row in rows) == 8


def test_what_was_running_is_recorded_as_interrupted_when_the_search_ends_by_an_error(run: RunFolder) -> None:
    class TwoAtOnce(InProcess):
        def run(self, trainer, source):  # type: ignore[no-untyped-def]
            first, _second = source.next_job(), source.next_job()
            source.reported(first.name, {"nonsense": 0.0})

    with pytest.raises(InputError):
        conduct(run, toy_plan(), TwoAtOnce(Place()))
    assert not [record.name for record in read_records(run.ledger).values() if record.state == "asked"]


def test_data_described_with_tuples_is_the_same_data_on_resume(run: RunFolder) -> None:
    class Described(Toy):
        def describe(self):  # type: ignore[no-untyped-def]
            return {"data": {"size": (8, 8)}}  # JSON gives it back as a list

    conduct(run, toy_plan(Described(), trials=1), in_process())
    conduct(run, toy_plan(Described(), trials=1), in_process(), resume=True)


def test_race_and_confirmation_use_all_workers_but_wait_for_what_is_before_them(run: RunFolder) -> None:
    class TwoAtOnce(InProcess):
        """Keeps two trainings open, as two workers would."""

        seen: tuple[tuple[str, ...], ...] = ()

        def run(self, trainer, source):  # type: ignore[no-untyped-def]
            open_jobs: list[Job] = []
            while not source.finished:
                while len(open_jobs) < 2 and (job := source.next_job()) is not None:
                    open_jobs.append(job)
                self.seen += (tuple(job.stage for job in open_jobs),)
                if open_jobs:
                    self._train(trainer, open_jobs.pop(0), source)

    executor = TwoAtOnce(Place())
    conduct(run, toy_plan(trials=4), executor)
    for stage in ("race", "confirm"):
        assert (stage, stage) in executor.seen
        assert not any(stage in stages and set(stages) != {stage} for stages in executor.seen)
