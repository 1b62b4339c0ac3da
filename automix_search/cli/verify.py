"""`automix-search verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_search.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from automix_search.policy.verification import Verification


def verify(
    policy: Annotated[Path, typer.Argument(help="A policy file.")],
    against: Annotated[str, typer.Option(help="timm or torchvision.")],
    as_json: AsJson = False,
) -> None:
    """Compare a policy with what `export` writes of it for another library; exit code 1 if they differ.

    Both mix the same batches with the same draws: images, targets and loss are compared, then how often each method is
    drawn and with which shares. Transforms are not compared.

    Example: automix-search verify policy.yaml --against timm
    """
    from automix_search.policy import load_policy
    from automix_search.policy.verification import verify as compare

    found = compare(load_policy(policy), against)
    if as_json:
        print_json(_as_tree(found))
    else:
        _print(found, str(policy))
    if not found.equal:
        raise typer.Exit(1)


def _print(found: Verification, policy: str) -> None:
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False)
    for heading in ("what", "measure", "found", "at most", ""):
        table.add_column(heading, justify="right" if heading in ("found", "at most") else "left")
    for finding in found.findings:
        state = "equal" if finding.equal else "differs"
        table.add_row(finding.what, finding.measure, f"{finding.found:.2g}", f"{finding.allowed:.2g}", state)
    if found.findings:
        out.print(table)
    for omission in found.left_out:
        out.print(f"cannot be expressed: {omission}", markup=False)
    for remark in found.remarks:
        out.print(f"note: {remark}", markup=False)
    for path in found.uncompared:
        out.print(f"not compared: {path}", markup=False)
    answer = "do the same in all that was compared" if found.equal else "differ"
    out.print(f"{policy} and {found.against} {answer}", markup=False)


def _as_tree(found: Verification) -> dict[str, Any]:
    findings = [
        {
            "what": finding.what,
            "measure": finding.measure,
            "found": finding.found,
            "allowed": finding.allowed,
            "equal": finding.equal,
        }
        for finding in found.findings
    ]
    return {
        "against": found.against,
        "equal": found.equal,
        "findings": findings,
        "left_out": [str(omission) for omission in found.left_out],
        "notes": list(found.remarks),
        "not_compared": list(found.uncompared),
    }
