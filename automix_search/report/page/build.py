"""The sections of the page, in their order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from automix_search.documents import write_atomically
from automix_search.report.page.again import again, environment
from automix_search.report.page.board import board
from automix_search.report.page.classes import classes
from automix_search.report.page.cost import cost
from automix_search.report.page.curves import curves
from automix_search.report.page.fidelity import fidelity
from automix_search.report.page.importance import importance
from automix_search.report.page.incumbent import incumbent
from automix_search.report.page.learned import learned
from automix_search.report.page.material import Material, material_of
from automix_search.report.page.parameters import parameters
from automix_search.report.page.parts import Section
from automix_search.report.page.pictures import pictures
from automix_search.report.page.render import render
from automix_search.report.page.trade_off import trade_off
from automix_search.report.page.verdict import verdict
from automix_search.tuning.run_folder import RunFolder

SECTIONS: tuple[Callable[[Material], Section | None], ...] = (
    verdict,
    board,
    incumbent,
    curves,
    parameters,
    importance,
    fidelity,
    trade_off,
    classes,
    cost,
    pictures,
    learned,
    environment,
    again,
)


def build_page(run: RunFolder, *, live: bool = False) -> str:
    """The page of a run as it stands; it may be running. No code of the user's own is run.

    Args:
        run: Its folder.
        live: Whether the page is served by `watch`, and comes anew when the run has got on.

    Raises:
        InputError: A file of the run is damaged.
    """
    material = material_of(run)
    found = (section(material) for section in SECTIONS)
    return render(material, [section for section in found if section is not None], live=live)


def write_page(run: RunFolder, path: Path) -> None:
    """Write the page of a run to a file, whole or not at all.

    Raises:
        InputError: A file of the run is damaged, or the page cannot be written.
    """
    write_atomically(path, build_page(run))
