"""Which view of a running search suits where it is printed."""

from __future__ import annotations

from rich.console import Console

from automix_search.report.lines import Lines
from automix_search.report.live import LiveView
from automix_search.report.tally import Tally
from automix_search.tuning.plan import SearchPlan


def progress_view(plan: SearchPlan, console: Console) -> LiveView | Lines:
    """A live view on a terminal, else plain lines; enter it around the search and give it as an observer."""
    tally = Tally(plan)
    return LiveView(tally, console) if console.is_terminal else Lines(tally, console.file)
