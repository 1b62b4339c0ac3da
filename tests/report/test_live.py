"""What is seen of a running search, on a terminal and in a log file."""

from __future__ import annotations

import io

import pytest
from rehearsed import Rehearsal, plan
from rich.console import Console

from automix_search.policy import Policy
from automix_search.report.lines import Lines
from automix_search.report.live import MOST_RUNNING, LiveView, live_view
from automix_search.report.progress import progress_view
from automix_search.report.tally import Tally
from automix_search.validation import dump


class Flushed(io.StringIO):
    """A file that knows whether everything was flushed."""

    whole = True

    def write(self, text: str) -> int:
        self.whole = False
        return super().write(text)

    def flush(self) -> None:
        self.whole = True


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def test_the_view_shows_what_runs_what_is_best_and_what_failed(render):
    tally = Tally(plan())
    view = LiveView(tally, terminal())
    search = Rehearsal(view)
    smoothed = dump(Policy.model_validate({"loss": {"kind": "soft_cross_entropy", "smoothing": 0.1}}))
    search.trained("t0000", 0.8, policy=smoothed)
    search.asked("t0001")
    search.tell("failed", "t0001", reason="RuntimeError: broken")
    search.asked("t0002")
    search.reported("t0002", 3, 0.512345)
    search.asked("t0003")
    first, *lines = render(live_view(tally)).splitlines()
    assert first.startswith("searching")
    assert "2/24 trainings" in first
    assert lines == [
        "running   t0002          epoch 3/4  accuracy 0.5123",
        "          t0003          epoch 0/4  accuracy –",
        "best      t0000  accuracy 0.8000  none, smoothing 0.1",
        "failed    1, last t0001: RuntimeError: broken",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_line_fits(render, width):
    tally = Tally(plan())
    search = Rehearsal(LiveView(tally, terminal()))
    for place in range(30):
        search.asked(f"t{place:04d}")
    search.tell("failed", "t0000", reason="a reason as long as reasons can be, " * 9)
    lines = render(live_view(tally), width).splitlines()
    assert len(lines) == 1 + MOST_RUNNING + 1 + 1
    assert "and 21 more" in lines[-2]


def test_a_reason_is_no_markup(render):
    tally = Tally(plan())
    search = Rehearsal(LiveView(tally, terminal()))
    search.asked("t0000")
    search.tell("failed", "t0000", reason="list index [/red] out of [bold]range")
    assert "[/red] out of [bold]range" in render(live_view(tally))


def test_the_terminal_is_left_clean():
    console = terminal()
    with LiveView(Tally(plan()), console) as view:
        Rehearsal(view).trained("t0000", 0.5)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().rstrip().endswith("\x1b[2K")


def test_without_a_terminal_there_is_a_line_for_each_training_that_ends():
    file = Flushed()
    with Lines(Tally(plan()), file) as lines:
        search = Rehearsal(lines)
        search.trained("none", 0.7, "baseline")
        search.trained("t0000", 0.65432)
        assert file.whole
        search.asked("t0001")
        search.reported("t0001", 1, 0.2)
        search.tell("pruned", "t0001", value=0.2, reason="stopped early")
        search.asked("t0002")
        search.tell("failed", "t0002", reason="RuntimeError: [bold]broken")
        search.asked("t0003")
        search.tell("interrupted", "t0003", reason="the search was stopped")
    assert file.getvalue().splitlines() == [
        "[1/24] none finished accuracy 0.7000 after 1 epoch · best none 0.7000",
        "[2/24] t0000 finished accuracy 0.6543 after 1 epoch · best none 0.7000",
        "[3/24] t0001 ended early (stopped early) accuracy 0.2000 after 1 epoch · best none 0.7000",
        "[4/24] t0002 failed: RuntimeError: [bold]broken · best none 0.7000",
        "[4/24] t0003 interrupted: the search was stopped · best none 0.7000",
    ]


def test_the_view_suits_where_it_is_printed():
    assert isinstance(progress_view(plan(), terminal()), LiveView)
    assert isinstance(progress_view(plan(), Console(file=io.StringIO())), Lines)
