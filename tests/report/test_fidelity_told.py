"""Early stopping in words."""

from __future__ import annotations

from typing import Any

import pytest
from rehearsed import plan

from automix_search.policy import Policy
from automix_search.report.fidelity import fidelity_told, stopping_told
from automix_search.tuning.stopping import Asha

FOUR = {name: Policy() for name in ("none", "base", "trivial", "default")}


@pytest.mark.parametrize(
    ("rule", "changes", "told"),
    [
        (
            Asha(),
            {},
            "first rung after epoch 6 of 24 and 1 of 3 go on, assumed; "
            "an audit over 4 baselines and 3 sentinels sets it as the search goes",
        ),
        (
            Asha(first_epoch=2, reduction=4),
            {},
            "first rung after epoch 2 of 24 and 1 of 4 go on, as asked; "
            "an audit over 4 baselines and 3 sentinels tells whether that was right",
        ),
        (
            Asha(),
            {"trials": 1},
            "first rung after epoch 6 of 24 and 1 of 3 go on, assumed; "
            "4 baselines and 1 sentinel are too few for an audit, which takes 6",
        ),
        (Asha(), {"epochs": 1}, "nobody: there is no rung before the last of 1 epoch"),
    ],
)
def test_what_is_assumed(rule: Asha, changes: dict[str, Any], told: str) -> None:
    settings = {"epochs": 24, "baselines": FOUR, "stopping": rule} | changes
    assert stopping_told(plan(**settings), rule) == told


def found(**changes: Any) -> dict[str, Any]:
    """An audit that found epoch 6 of 24."""
    rungs = [
        {"epoch": 3, "tau": None, "interval": [-1.0, 1.0], "pairs": 0, "curves": 7},
        {"epoch": 6, "tau": 0.714, "interval": [0.154, 0.964], "pairs": 21, "curves": 7},
    ]
    whole = {
        "rule": "asha",
        "epochs": 24,
        "curves": 7,
        "enough": True,
        "decides": True,
        "assumed": {"first_epoch": 3, "reduction": 3},
        "found": {"first_epoch": 6, "reduction": 2},
        "rungs": rungs,
        "epsilon": 0.004,
        "stopped": 14,
        "warning": None,
    }
    return whole | changes


NOTHING = {"first_epoch": None, "reduction": None}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {},
            "epoch 6 of 24 ranks like the end with tau 0.71 (0.15 to 0.96) over 7 trainings; "
            "14 trainings were stopped early.",
        ),
        (
            {"found": NOTHING, "warning": "no epoch was found", "stopped": 1},
            "no epoch was found; nothing is to be stopped early; 1 training was stopped early.",
        ),
        (
            {"enough": False, "decides": False, "found": NOTHING, "warning": "only 4", "stopped": 0},
            "only 4; epoch 3 of 24 stays an assumption; 0 trainings were stopped early.",
        ),
        (
            {"decides": False, "assumed": {"first_epoch": 6, "reduction": 3}, "found": NOTHING},
            "epoch 6 of 24, as asked, has tau 0.71 (0.15 to 0.96) over 7 trainings; "
            "the audit finds no first rung; 14 trainings were stopped early.",
        ),
        (
            {"rule": "none", "decides": False},
            "epoch 6 of 24 ranks like the end with tau 0.71 (0.15 to 0.96) over 7 trainings; "
            "nothing was stopped early, and from there on it might have been.",
        ),
        (
            {"rule": "none", "decides": False, "found": NOTHING, "warning": "no epoch was found"},
            "no epoch was found; nothing was stopped early, which was right for all that is known.",
        ),
        (
            {"decides": False},
            "epoch 3 of 24, as asked, has no tau that could be told; "
            "the audit finds epoch 6 as the first rung; 14 trainings were stopped early.",
        ),
    ],
)
def test_what_was_found(changes: dict[str, Any], told: str) -> None:
    assert fidelity_told(found(**changes)) == f"Fidelity: {told}"
