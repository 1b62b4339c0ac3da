"""What a comparison with another library found."""

from __future__ import annotations

import math
from dataclasses import dataclass

from automix_search.policy.exporters import Omission


@dataclass(frozen=True)
class Finding:
    """One number that was compared.

    Attributes:
        what: What it is about: `mixup: images`.
        measure: What the number is: `largest difference`.
        found: The number.
        allowed: The largest that counts as equal.
    """

    what: str
    measure: str
    found: float
    allowed: float

    @property
    def equal(self) -> bool:
        """Whether the difference is small enough; a number that is none is not."""
        return self.found <= self.allowed


@dataclass(frozen=True)
class Verification:
    """All that was found.

    Attributes:
        against: The other library with its version.
        findings: What was compared.
        left_out: What of the policy the other library cannot express.
        remarks: What differs by rounding, or holds under a condition.
        uncompared: Parts of the policy that were not looked at, by their paths.
    """

    against: str
    findings: tuple[Finding, ...]
    left_out: tuple[Omission, ...]
    remarks: tuple[str, ...]
    uncompared: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether the other library does the same, in all that was compared."""
        return not self.left_out and all(finding.equal for finding in self.findings)


RARE = 0.001
"""How often draws of one distribution may be taken for those of two."""


def largest_distance(first: int, second: int) -> float:
    """How far two samples of one distribution are apart at the most, by Kolmogorov and Smirnov; rarely farther."""
    return math.sqrt(-math.log(RARE / 2) / 2 * (first + second) / (first * second))


def largest_gap(count: int) -> float:
    """How far the parts of two samples of `count` are apart at the most that have the same chance; rarely farther."""
    return 3.29 * math.sqrt(2 * 0.25 / count)
