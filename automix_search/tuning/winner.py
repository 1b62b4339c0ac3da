"""From a row of the leaderboard to a policy that says where it comes from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from automix_search.compute.jobs import learned_name
from automix_search.evidence import Verdict
from automix_search.policy import Judged, Policy, Provenance, Score, Versus
from automix_search.policy.learned_file import as_learned
from automix_search.tuning.leaderboard import Row
from automix_search.tuning.ledger import Record

LIBRARIES = ("automix-search", "torch", "torchvision", "timm", "ray", "optuna", "numpy")


@cache
def versions() -> dict[str, str]:
    """Versions of this package and of the libraries that decide results."""
    return {name: version(name) for name in LIBRARIES}


def exported(
    row: Row,
    rows: Sequence[Row],
    metric: str,
    run: str,
    about: Mapping[str, Any],
    methods: Sequence[type] = (),
    kept: Path | None = None,
    verdict: Verdict | None = None,
) -> Policy:
    """The policy of a row with its provenance.

    Args:
        row: Whose policy.
        rows: The leaderboard, for the baselines' scores.
        metric: What the search optimises.
        run: Name of the run.
        about: What the trainer says of data, model and recipe.
        methods: Classes of the user's own.
        kept: Folder with what policies learned in the trainings of the run.
        verdict: What the search said in the end.
    """
    policy = row.policy(methods)
    learned, training = policy.learned, None
    if learned is not None and kept is not None:
        names = [*row.trainings, row.record.name]
        training = next((name for name in names if (kept / learned_name(name)).exists()), None)
        learned = learned if training is None else as_learned(learned, kept / learned_name(training))
    provenance = Provenance(
        run=run,
        trial=row.name,
        training=training,
        data=about.get("data"),
        model=about.get("model"),
        trainer=row.record.asked["settings"] or about.get("recipe"),
        score=score_of(row, metric),
        verdict=None if verdict is None else judged_in_short(verdict),
        baselines={
            other.name: score for other in rows if other.baseline and (score := score_of(other, metric))
        },
        versions=versions(),
    )
    return policy.model_copy(update={"provenance": provenance, "learned": learned})


def forget_learned(folder: Path, records: Mapping[str, Record], best: Collection[str]) -> None:
    """Delete what policies learned that are not among the best, which may be large.

    What a training wrote that has not ended for good stays: it may be among the best when it has.

    Args:
        folder: Where the trainings of a run keep their files.
        records: All jobs of the run, by name.
        best: Candidates to keep.
    """
    for file in folder.glob(learned_name("*")):
        record = records.get(file.stem)
        if record is None or (record.ended and record.candidate not in best):
            file.unlink(missing_ok=True)


def judged_in_short(verdict: Verdict) -> Judged:
    """What of a verdict goes with a policy."""
    against = {
        each.against: Versus(answer=each.answer, gain=each.gain, interval=each.interval)
        for each in verdict.comparisons
    }
    return Judged(
        answer=verdict.answer,
        trial=verdict.candidate,
        seeds=len(verdict.seeds),
        margin=verdict.margin,
        confidence=verdict.confidence,
        against=against,
    )


def score_of(row: Row, metric: str) -> Score | None:
    """The best evidence there is for a row: the test split, the race over several seeds, or what the search saw."""
    found = row.test or row.valid
    if found is not None or row.search is None:
        return found
    return Score(metric=metric, split="valid", mean=row.search, seeds=(row.record.asked["seed"],))
