"""What a policy network did on average, as transforms that need no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automix_search.learned.operators import LARGEST_CUT
from automix_search.schedules import AbstractSchedule, Constant
from automix_search.transforms.operations import POSITIONS
from automix_search.validation import dump

PARTS = 40
"""Single operators in a list; chances are rounded to whole numbers of them."""


def static_transforms(
    chances: Mapping[str, float], levels: Mapping[str, float], schedule: AbstractSchedule
) -> list[dict[str, Any]]:
    """One round of operators, each drawn as often as its chance says, at its level.

    Cutout and the flip, which lists of sub-policies do not hold, are transforms of their own.

    Args:
        chances: Of each operator in a round; they sum to 1.
        levels: Of each operator that has one.
        schedule: Of the part of the images that is augmented.
    """
    when = {} if isinstance(schedule, Constant) else {"schedule": dump(schedule)}
    singles = [
        [_single(name, levels)] for name, count in whole_parts(chances, PARTS).items() for _ in range(count)
    ]
    round_of_all: list[dict[str, Any]] = [{"kind": "sub_policies", "sub_policies": singles, **when}]
    if "cutout" in chances:
        size = _rounded(LARGEST_CUT * levels["cutout"])
        round_of_all.append(
            {"kind": "cutout", "size": size, "probability": _rounded(chances["cutout"]), **when}
        )
    if "flip" in chances:
        round_of_all.append({"kind": "hflip", "probability": _rounded(chances["flip"]), **when})
    return round_of_all


def _single(name: str, levels: Mapping[str, float]) -> dict[str, Any]:
    """An operator of a list; the identity where it has a transform of its own."""
    op = name if name in POSITIONS else "identity"
    return {"op": op, "probability": 1.0, "magnitude": _rounded(levels.get(name, 0))}


def _rounded(number: float) -> float:
    return round(min(number, 1.0), 4)


def whole_parts(chances: Mapping[str, float], parts: int) -> dict[str, int]:
    """Chances as numbers of parts that add up to `parts`: rounded down, and the largest remainders up."""
    exact = {name: chance * parts for name, chance in chances.items()}
    whole = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: whole[name] - exact[name])
    for name in by_remainder[: parts - sum(whole.values())]:
        whole[name] += 1
    return whole
