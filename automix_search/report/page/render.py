"""From sections to one HTML file: nothing in it is loaded from elsewhere, and a policy in its head forbids it.

Scripts are allowed by their hashes, so that text of a run's could not run as one even if it were not escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from automix_search.report.page.material import Material
from automix_search.report.page.palette import DARK
from automix_search.report.page.parts import Section
from automix_search.report.wording import count, duration

FOLDER = Path(__file__).parent
LIVE = "live.js"
SCRIPTS = ("page.js",)


def render(material: Material, sections: Sequence[Section], *, live: bool = False) -> str:
    """The page.

    Args:
        material: Whose page it is.
        sections: What it shows, in order.
        live: Whether a server of ours serves it, which it asks now and then whether there is more.
    """
    scripts = {name: _script(name) for name in ("plotly", *SCRIPTS, *((LIVE,) if live else ()))}
    return (
        _templates()
        .get_template("page.html.j2")
        .render(
            run=material.run.name,
            state=_state(material),
            sections=sections,
            live=live,
            size=material.size,
            style=Markup(_text("page.css")),
            scripts={name: Markup(text) for name, text in scripts.items()},
            policy=content_policy(live=live),
            dark=json_in_html(DARK),
        )
    )


def content_policy(*, live: bool) -> str:
    """What the page's browser may load and run: what stands in it, and when it is live the state of its run."""
    names = ("plotly", *SCRIPTS, *((LIVE,) if live else ()))
    hashes = " ".join(f"'sha256-{_digest(_script(name))}'" for name in names)
    reach = "connect-src 'self'; " if live else ""
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; {reach}"
        "base-uri 'none'; form-action 'none'"
    )


def json_in_html(tree: Any) -> Markup:
    """Plain data as JSON that may stand between script tags whatever it holds."""
    return _safe(json.dumps(tree))


def _figure(figure: Any) -> Markup:
    return _safe(figure.to_json())


def _safe(text: str) -> Markup:
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _state(material: Material) -> str:
    status = material.status
    said = f"{status.state}, {status.trials_done} of {count(status.trials, 'trial')} over, {duration(status.elapsed_s)}"
    data = (material.about.get("data") or {}).get("name")
    return said + (f", on {data}" if data else "") + f", for {material.objective.metric}"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = _figure
    return environment


@cache
def _script(name: str) -> str:
    return _whole(get_plotlyjs()) if name == "plotly" else _text(name)


def _text(name: str) -> str:
    return _whole((FOLDER / name).read_text(encoding="utf-8"))


def _whole(script: str) -> str:
    """A script such that it is the same after it was read as HTML, which knows one end of a line."""
    script = script.replace("\r\n", "\n").replace("\r", "\n")
    if "</script" in script.lower():
        raise AssertionError("a script holds its own end")
    return script


@cache
def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
