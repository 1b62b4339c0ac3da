"""Comparisons of one candidate with each baseline, and the answer that they add up to.

The error (1 - confidence) is that of all comparisons together. Holm's procedure decides how much of it each may use,
and the interval shown has just that level. Hence an interval never contradicts the answer or the adjusted p-value
beside it: it leaves out zero exactly where Holm rejects "no difference". No interval is narrower than that of a single
comparison at the stated confidence, so each by itself covers its true gain at least that often.

The rule for one comparison, in this order:

- `equal`: the interval lies within the margin on both sides, even where it leaves out zero. The margin says what
  does not matter, and a difference that is surely smaller does not matter. This is the test of equivalence by two
  one-sided tests, at half the usual error or less.
- `better`, `worse`: the interval lies above, below zero.
- `undecided`: all else, and a single seed always.

The answer over all baselines: `better` than all is better; `worse` than any is worse; `equal` where each is better or
equal, not all better; `undecided` otherwise.

Reference:
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979,
    https://www.jstor.org/stable/4615733
    Schuirmann, A comparison of the two one-sided tests procedure and the power approach for assessing the
    equivalence of average bioavailability, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987,
    https://doi.org/10.1007/BF01068419
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import Field

from automix_search.evidence.holm import adjusted, shares
from automix_search.evidence.paired import PairedDifference
from automix_search.families import Spec

Answer = Literal["better", "equal", "worse", "undecided"]
"""How a candidate stands to a baseline, or to all of them."""


class Comparison(Spec):
    """How the candidate stands to one baseline. Gains are positive where the candidate is better."""

    against: str = Field(description="The baseline.")
    answer: Answer
    gain: float = Field(description="Mean difference over paired seeds.")
    sd: float | None = Field(description="Standard deviation of the differences; null with one seed.")
    standard_error: float | None = Field(description="Of the gain; null with one seed.")
    effect_size: float | None = Field(description="Gain in standard deviations of the differences.")
    interval: tuple[float, float] | None = Field(description="Of the gain; the answer is read from it.")
    confidence: float = Field(description="Of this interval, at Holm's level.")
    p: float | None = Field(description="Two-sided, of the paired t test.")
    p_holm: float | None = Field(description="The same, adjusted for all comparisons.")
    seeds: int = Field(description="Paired seeds.")

    @property
    def difference(self) -> PairedDifference:
        """What it was made from."""
        return PairedDifference(self.gain, self.sd, self.seeds)


def compare(
    differences: Mapping[str, PairedDifference], margin: float, confidence: float = 0.95
) -> tuple[Comparison, ...]:
    """Compare with each baseline, all of them together.

    Args:
        differences: Baseline -> how much better the candidate is.
        margin: The largest difference that does not matter, in the metric's own unit.
        confidence: That no false difference is claimed, over all comparisons.
    """
    p_values = _p_values(differences.values())
    levels = shares(p_values, 1 - confidence)
    return tuple(
        _comparison(name, difference, level, p_holm, margin)
        for (name, difference), level, p_holm in zip(
            differences.items(), levels, adjusted(p_values), strict=True
        )
    )


def answers(
    differences: Collection[PairedDifference], margin: float, confidence: float = 0.95
) -> tuple[Answer, ...]:
    """Only the answers of `compare`."""
    levels = shares(_p_values(differences), 1 - confidence)
    return tuple(
        answer_of(one.interval(level), margin) for one, level in zip(differences, levels, strict=True)
    )


def answer_of(interval: tuple[float, float] | None, margin: float) -> Answer:
    """What an interval of the gain says, by the rule of this module."""
    if interval is None:
        return "undecided"
    low, high = interval
    if -margin <= low and high <= margin:
        return "equal"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "undecided"


def overall(found: Collection[Answer]) -> Answer:
    """The answer over all baselines, from those of each; `undecided` where there are none."""
    if "worse" in found:
        return "worse"
    if not found or "undecided" in found:
        return "undecided"
    return "equal" if "equal" in found else "better"


def _p_values(differences: Collection[PairedDifference]) -> list[float]:
    return [1.0 if one.p is None else one.p for one in differences]


def _comparison(
    against: str, found: PairedDifference, error: float, p_holm: float, margin: float
) -> Comparison:
    interval = found.interval(error)
    return Comparison(
        against=against,
        answer=answer_of(interval, margin),
        gain=found.gain,
        sd=found.sd,
        standard_error=found.standard_error,
        effect_size=found.effect_size,
        interval=interval,
        confidence=1 - error,
        p=found.p,
        p_holm=None if found.p is None else p_holm,
        seeds=found.seeds,
    )
