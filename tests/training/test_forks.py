"""A training that goes on from another one's checkpoint: all of it is taken over but the policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bars import MIXUP, assert_equal, assignment, policy, trainer

from automix_search.compute.jobs import Fork, Job, Place, perform
from automix_search.errors import InputError
from automix_search.policy import Policy
from automix_search.training.checkpoint import load_checkpoint
from automix_search.training.run import Run
from automix_search.training.seeding import GlobalRandom

NONE = policy()
OTHER = policy(mix={"kind": "cutmix"}, transform={"batch": [{"kind": "affine"}]})


def table(probability: float) -> Policy:
    """Every operation of a small table with one probability and magnitude."""
    lines = [
        {"op": op, "probability": probability, "magnitude": 0.9}
        for op in ("rotate", "invert", "cutout", "color")
    ]
    return policy(transform={"batch": [{"kind": "operation_table", "operations": lines}]})


def segment(
    folder: Path, name: str, chosen: Policy = MIXUP, until: int | None = 1, **more: object
) -> list[object]:
    """Reports of a training that ends after an epoch."""
    return list(trainer().train(assignment(chosen, checkpoint=folder / name, until=until, **more)))


def begun(path: Path, chosen: Policy) -> Run:
    """A training that has just gone on from a checkpoint."""
    random, mine = GlobalRandom(0, torch.device("cpu")), trainer()
    with random.active():
        run = mine.prepare(assignment(chosen), random)
        run.load(path)
    return run


def test_a_clone_has_all_of_its_source_but_the_policy(tmp_path: Path) -> None:
    segment(tmp_path, "source.pt", until=2)
    source = load_checkpoint(tmp_path / "source.pt")
    clone = begun(tmp_path / "source.pt", OTHER)
    assert_equal(clone.optimisation.state_dict(), source["optimisation"])
    assert_equal(clone.augmenter.state_dict(), source["augmenter"])
    assert (clone.epoch, clone.metrics) == (2, source["metrics"])


def test_the_policy_of_a_clone_counts_from_its_first_step(tmp_path: Path) -> None:
    segment(tmp_path, "source.pt")
    same = segment(tmp_path, "same.pt", until=2, origin=tmp_path / "source.pt")
    other = segment(tmp_path, "other.pt", OTHER, until=2, origin=tmp_path / "source.pt")
    assert [report["epoch"] for report in (*same, *other)] == [2, 2]  # type: ignore[index]
    assert same != other


def test_a_checkpoint_of_its_own_goes_before_that_of_its_source(tmp_path: Path) -> None:
    segment(tmp_path, "source.pt")
    done = segment(tmp_path, "mine.pt", until=2, origin=tmp_path / "source.pt")
    (tmp_path / "source.pt").unlink()
    assert segment(tmp_path, "mine.pt", until=2, origin=tmp_path / "source.pt") == done


def test_a_table_of_zeros_is_the_baseline() -> None:
    plain = list(trainer().train(assignment(NONE)))
    assert list(trainer().train(assignment(table(0.0)))) == plain
    assert list(trainer().train(assignment(table(1.0)))) != plain


JOB = Job("m00g001", "population", "m00", MIXUP, seed=1, epochs=3, fork=Fork("m00g000", "a.pt", 1), until=2)


def test_a_job_is_carried_out_from_the_checkpoint_that_it_names(tmp_path: Path) -> None:
    place = Place(checkpoints=tmp_path)
    first = replace(JOB, name="m00g000", fork=None, until=1)
    list(perform(trainer(), first, place))
    assert [file.name for file in tmp_path.iterdir()] == [first.checkpoint_name]
    job = replace(JOB, fork=Fork(first.name, first.checkpoint_name, 1))
    reports = [*perform(trainer(), first, place), *perform(trainer(), job, place)]
    whole = list(perform(trainer(), replace(first, name="whole", until=None), Place()))
    scores = [[report[name] for name in ("epoch", "accuracy", "train_loss")] for report in (*reports, *whole)]
    assert scores[:2] == scores[2:4]


def test_another_origin_or_end_is_another_checkpoint() -> None:
    names = {
        job.checkpoint_name
        for job in (
            JOB,
            replace(JOB, until=3),
            replace(JOB, fork=None),
            replace(JOB, fork=Fork("m01g000", "b.pt", 1)),
            replace(JOB, policy=NONE),
        )
    }
    assert len(names) == 5


def test_without_its_checkpoint_it_does_not_begin_anew(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the checkpoint .*a\.pt: No such file"):
        list(perform(trainer(), JOB, Place(checkpoints=tmp_path)))
    with pytest.raises(InputError, match="m00g001 goes on from a checkpoint, but this place keeps none"):
        list(perform(trainer(), JOB, Place()))
