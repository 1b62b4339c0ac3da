"""From the trainings of the confirmation to the verdict, and the file that holds it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path

from automix_search.documents import Document, write_atomically
from automix_search.errors import InputError
from automix_search.evidence import Verdict, default_margin, judge
from automix_search.metrics import METRICS
from automix_search.training.base import Objective
from automix_search.tuning.finalists import best_trial
from automix_search.tuning.ledger import Record
from automix_search.tuning.scores import tested
from automix_search.validation import dump, validate


def judgement(
    records: Mapping[str, Record], objective: Objective, *, margin: float | None, confidence: float
) -> Verdict | None:
    """What the confirmation says of the best trial against each baseline; None before it says anything.

    Args:
        records: All jobs of the run, by name.
        objective: What was optimised.
        margin: The largest difference that does not matter; None takes what is usual for the metric.
        confidence: Of all comparisons together.
    """
    scores = tested(records.values(), objective.metric)
    candidate = best_trial(records, objective)
    rivals = [record.candidate for record in records.values() if record.stage == "baseline"]
    if candidate is None or candidate not in scores:
        return None
    paired = [name for name in rivals if scores.get(name, {}).keys() & scores[candidate].keys()]
    if not paired:
        return None
    return judge(
        candidate,
        scores,
        paired,
        metric=objective.metric,
        direction=objective.direction,
        margin=_usual(objective, scores, paired) if margin is None else margin,
        confidence=confidence,
    )


def _usual(objective: Objective, scores: Mapping[str, Mapping[int, float]], baselines: list[str]) -> float:
    known = next((metric for metric in METRICS if metric.name == objective.metric), None)
    mean = statistics.fmean(statistics.fmean(scores[name].values()) for name in baselines)
    return default_margin(known is not None and known.bounded, mean)


def write_verdict(verdict: Verdict | None, path: Path) -> None:
    """Write verdict.json; where there is no verdict (yet) there is no such file."""
    if verdict is None:
        path.unlink(missing_ok=True)
    else:
        write_atomically(path, json.dumps(dump(verdict), indent=2) + "\n")


def read_verdict(path: Path) -> Verdict | None:
    """The verdict of a run; None where there is none yet.

    Raises:
        InputError: The file is damaged.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    return validate(Verdict, Document(tree, str(path)))
