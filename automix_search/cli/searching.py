"""What `launch` and `resume` share: the plan, the search with its progress, and what there is at the end."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

from automix_search.cli.output import console, print_json
from automix_search.cli.stop_signals import INTERRUPTED, StopSignals

if TYPE_CHECKING:
    from automix_search.api import SearchResult
    from automix_search.launch import Launch
    from automix_search.tuning.run_folder import RunFolder

SHOWN_AT_THE_END = 10
"""So many of the best candidates are shown at the end, beside all baselines."""


def conduct_search(run: RunFolder, launch: Launch, *, as_json: bool) -> None:
    """Print the plan, run the search in a folder that the caller has locked, and print what came out.

    Args:
        run: The run folder.
        launch: What to do.
        as_json: Whether standard output gets nothing but the result as JSON; the rest goes to standard error.

    Raises:
        InputError: A mistake of the user's that shows only now.
        SearchError: Every training fails, or something unexpected went wrong; its traceback is kept in the run.
    """
    from automix_search.errors import AutomixError, SearchError
    from automix_search.report.next_steps import command

    out = console(stderr=as_json)
    going_on = f"go on with: {command('resume', run.path)}"
    with StopSignals(going_on) as signals:
        try:
            result = _search(run, launch, out, signals)
        except KeyboardInterrupt:
            _print_stopped(run, out, going_on)
            raise typer.Exit(INTERRUPTED) from None
        except AutomixError:
            raise
        except Exception as error:
            file = run.path / "traceback.txt"
            file.write_text(traceback.format_exc(), encoding="utf-8")
            reason = (str(error).splitlines() or [""])[0]
            raise SearchError(
                f"{type(error).__name__}: {reason} (unexpected; its traceback is in {file}). {going_on}"
            ) from error
    _print_result(result, launch, out, as_json=as_json)


def _search(run: RunFolder, launch: Launch, out: Console, signals: StopSignals) -> SearchResult:
    from automix_search.api import carry_out
    from automix_search.report.progress import progress_view

    print_plan(run, launch, out)
    with progress_view(launch.plan, out) as view:
        return carry_out(run, launch, (signals, view))


def print_plan(run: RunFolder, launch: Launch, out: Console) -> None:
    """Print what a launch will do in a run folder, which need not be there yet."""
    from automix_search.compute.executors import executor_of
    from automix_search.families import kind_of
    from automix_search.report.estimate import calibrate
    from automix_search.report.plan import plan_view
    from automix_search.tuning.ledger import read_records

    plan = launch.plan
    executor = executor_of(launch.profile, plan.trainer.resources, None, 0.0)
    records = read_records(run.ledger).values()
    done = sum(record.ended for record in records if record.stage != "population")
    with out.status("measuring a few training steps"):
        epoch_s = calibrate(plan, executor.place)
    view = plan_view(
        plan,
        executor,
        origins=launch.origins,
        run=run.path,
        epoch_s=epoch_s,
        done=done,
        trackers=[kind_of(type(tracker)) for tracker in launch.config.trackers],
    )
    out.print(view)


def _print_stopped(run: RunFolder, out: Console, going_on: str) -> None:
    from automix_search.report.wording import count
    from automix_search.tuning.ledger import read_records

    cut = sum(record.state == "interrupted" for record in read_records(run.ledger).values())
    kept = f"; {run.policy} is the best so far" if run.policy.exists() else ""
    out.print(Text(f"stopped; {count(cut, 'training')} interrupted{kept}"), soft_wrap=True)
    out.print(Text(going_on), soft_wrap=True)


def _print_result(result: SearchResult, launch: Launch, out: Console, *, as_json: bool) -> None:
    from automix_search.report.fidelity import fidelity_told
    from automix_search.report.next_steps import COMMAND, next_steps
    from automix_search.report.verdict import verdict_told
    from automix_search.tuning.leaderboard import as_data
    from automix_search.tuning.strategies import Sampling
    from automix_search.validation import dump

    found, audit = result.verdict, _audit(result, launch)
    said = verdict_told(result.rows, result.objective, found, result.run.path)
    if as_json:
        rows = [as_data(row) for row in result.rows]
        verdict = {"said": said, **(dump(found) if found else {})}
        answer = {"verdict": verdict, "fidelity": audit, "winner": rows[0], "leaderboard": rows}
        print_json({"run": str(result.run.path), **answer})
        return
    print_leaderboard(result, out, best=SHOWN_AT_THE_END)
    out.print()
    for line in said.splitlines():
        out.print(Text(line, style="bold"), soft_wrap=line.startswith(COMMAND))  # to be copied whole
    out.print()
    if audit is not None:
        out.print(Text(f"{fidelity_told(audit)}\n"), soft_wrap=True)
    trials = launch.config.trials if isinstance(launch.plan.strategy, Sampling) else None
    steps = next_steps(result.run.path, result.about, trials)
    for label, text in steps:
        out.print(Text.assemble((f"{label:<22}", "dim"), text), soft_wrap=True)


def _audit(result: SearchResult, launch: Launch) -> dict[str, Any] | None:
    """What the search has shown of its early stopping; None where it had none."""
    from automix_search.tuning.fidelity_audit import audit_of
    from automix_search.tuning.ledger import read_records
    from automix_search.tuning.stopping import NoStopping

    rule = launch.plan.stopping
    if isinstance(rule, NoStopping):
        return None
    return audit_of(read_records(result.run.ledger), result.objective, rule)


def print_leaderboard(result: SearchResult, out: Console, *, best: int | None = None) -> None:
    """Print the leaderboard, or only its best few rows and the baselines."""
    from automix_search.report.tables import leaderboard_table, shortened
    from automix_search.report.wording import count, duration

    rows = list(result.rows) if best is None else shortened(result.rows, best)
    out.print(
        leaderboard_table(rows, result.objective, methods=result.methods, width=out.width, share=result.share)
    )
    if len(rows) < len(result.rows):
        out.print(Text(f"and {count(len(result.rows) - len(rows), 'trial')} more", style="dim"))
    for row in rows:
        if row.population_s is not None:
            took = f"{row.name}: the trainings of its population took {duration(row.population_s)} before its own"
            out.print(Text(took, style="dim"), soft_wrap=True)
