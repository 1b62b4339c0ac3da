"""Colours of the figures: each stands in a figure as on light paper, and is swapped where the reader's page is dark."""

from __future__ import annotations

TRIAL, BASELINE, GOOD, BAD, RACE = "#0b62b4", "#b4520a", "#1a7d4c", "#b3251d", "#6c4fa3"
"""Trials; baselines; better, or confirmed; worse, or failed; the race."""
PALE, BAND = "#8b9099", "#e7e9ed"
"""What counts less; a range that is shaded."""

SCALE = ("#c6d4e8", "#a3bcdd", "#7fa3d1", "#5c89c2", "#3c6fb1", "#22579c", "#0f4180", "#082c61")
"""From the worst scores to the best."""

DARK = {
    TRIAL: "#6db1f6",
    BASELINE: "#f1a35f",
    GOOD: "#5dc895",
    BAD: "#ff8b81",
    RACE: "#b8a0ef",
    PALE: "#7e8590",
    BAND: "#2b3038",
    **dict(
        zip(
            SCALE,
            ("#2d3d53", "#38506f", "#45658c", "#557ba9", "#6a93c6", "#86acde", "#a9c8f1", "#d7e8ff"),
            strict=True,
        )
    ),
}
"""What each becomes on a dark page."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
"""Tell lines of one colour apart."""
