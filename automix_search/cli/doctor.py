"""`automix-search doctor`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automix_search.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from automix_search.compute.doctor import Finding

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    runs_dir: Annotated[Path, typer.Option(help="The folder that will hold the runs.")] = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Examine this machine: versions, devices, threads, disk, shared memory, writing; and say how to mend it.

    Exit code 1 if something keeps a search from running.

    Example: automix-search doctor --runs-dir /data/runs
    """
    from automix_search.compute.doctor import examine

    findings = list(examine(runs_dir))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _print_table(findings)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(1)


def _print_table(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for finding in findings:
        detail = Text(finding.detail)
        if finding.mend:
            detail.append(f"\n→ {finding.mend}", style="bold")
        table.add_row(Text(finding.status, style=STYLES[finding.status]), finding.name, detail)
    out = console()
    out.print(table)
    failures = sum(finding.status == "fail" for finding in findings)
    out.print(f"\n{failures or 'Nothing'} to mend before a search can run.")
