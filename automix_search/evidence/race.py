"""Which contenders of a race may still be the best.

All that are still in have scores on the same first seeds: one, then two, four, and so on, until the last round. After
each round those leave whose mean paired gain over the incumbent, the best so far, is surely below zero.

Noise is pooled over all contenders, so that few seeds say much: the residual of the two-way layout of seeds and
contenders. The error (1 - confidence) is divided among the rounds and the rivals that a contender may lose to, so that
the truly best stays in with at least that confidence, however close the others are: subset selection. Contenders whose
noise is far above the others' leave a little too easily. Where the scores show no noise at all, nobody leaves.

Reference:
    Gupta, On some multiple decision (selection and ranking) rules, Technometrics 7, 1965,
    https://doi.org/10.1080/00401706.1965.10490251
    Hutter, Hoos, Leyton-Brown, Sequential model-based optimization for general algorithm configuration (Sec. 3.1,
    intensification), LION 2011, https://doi.org/10.1007/978-3-642-25566-3_40
"""

from __future__ import annotations

import math

from scipy.special import stdtrit

from automix_search.evidence.layout import Direction, Layout, Noise, Scores


def rounds(at_most: int) -> tuple[int, ...]:
    """Seeds that each contender has after each round: 1, 2, 4, ..., `at_most`."""
    doubled = (2**step for step in range(at_most.bit_length()))
    return (*(seeds for seeds in doubled if seeds < at_most), at_most)


def survivors(
    scores: Scores,
    direction: Direction,
    *,
    planned: int,
    noise: Noise | None = None,
    confidence: float = 0.95,
) -> tuple[str, ...]:
    """Contenders that may still be the best, best first; the incumbent leads.

    Args:
        scores: Of those still in; the seeds that all have in common are looked at.
        direction: Which way the score is better.
        planned: Decisions in the whole race: its rounds.
        noise: An estimate from other seeds than these, of contenders that were not chosen for their scores.
        confidence: That the truly best contender stays in over the whole race.
    """
    layout = Layout.of(scores, direction)
    means = layout.means
    order = sorted(range(len(means)), key=lambda place: (-means[place], layout.contenders[place]))
    rivals = max(1, len(order) - 1)
    reach = _reach(layout, noise, (1 - confidence) / planned / rivals)
    best = means[order[0]]
    return tuple(layout.contenders[place] for place in order if best - means[place] <= reach)


def _reach(layout: Layout, outside: Noise | None, error: float) -> float:
    """How far a mean may lie below another by chance; without any estimate of noise, any distance."""
    own = layout.noise()
    noise = own.pooled(outside) if own is not None else outside
    if noise is None:
        return math.inf
    return -float(stdtrit(noise.degrees, error)) * math.sqrt(2 * noise.variance / len(layout.seeds))
