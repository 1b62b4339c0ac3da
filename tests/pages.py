"""Pages of documentation, taken apart: code, commands, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from automix_search.api import SearchResult, search
from automix_search.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
FILE = re.compile(r"^# ([\w./-]+\.(?:py|yaml))$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: Where it stands.
        language: What its fence says: python, yaml, sh, text.
        text: What stands inside.
        line: The line of its first line.
    """

    page: Path
    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The name that it gives itself in its first line, `# my_loop.py`; None if it is no file."""
        found = FILE.match(self.text)
        return None if found is None else found[1]

    def run(self, names: dict[str, Any]) -> None:
        """Execute it; a failure names page and line."""
        code = "\n" * (self.line - 1) + self.text
        exec(compile(code, str(self.page), "exec", dont_inherit=True), names)


def blocks(page: Path, language: str = "") -> list[Block]:
    """The fenced blocks of a page, in order; only those of a language if one is given."""
    text = page.read_text(encoding="utf-8")
    found = (
        Block(page, match[1], match[2], text.count("\n", 0, match.start()) + 2)
        for match in FENCE.finditer(text)
    )
    return [block for block in found if language in ("", block.language)]


def links(page: Path) -> list[str]:
    """Where the links of a page lead, other sites left out."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return [link for link in LINK.findall(text) if "://" not in link]


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each `automix-search` command in a page's shell blocks, without the program's name."""
    for block in blocks(page, "sh"):
        for line in block.text.splitlines():
            for command in line.split("&&"):
                words = shlex.split(command, comments=True)
                places = [place for place, word in enumerate(words) if Path(word).name == "automix-search"]
                if places:
                    yield words[places[0] + 1 :]


def parse(words: list[str]) -> None:
    """Let the command line read a command without carrying it out.

    Raises:
        ValueError: There is no such command, option or argument.
    """
    command: Any = typer.main.get_command(app)
    try:
        while hasattr(command, "commands"):
            name, *words = words
            command = command.commands[name]
        command.make_context(command.name, words)
    except Exception as error:  # typer brings an error class of its own, or click's, by its version
        raise ValueError(f"`{shlex.join(words)}`: {error!r}") from error


def small_search(**arguments: Any) -> SearchResult:
    """`search` as a page calls it, but in this process and as short as can be."""
    small = {
        "cluster": "debug",
        "trials": 2,
        "epochs": 1,
        "settings": {"race": {"finalists": 1, "seeds": 1}, "confirm": {"seeds": 1}},
    }
    return search(**{**arguments, **small})
