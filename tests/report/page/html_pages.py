"""A page of HTML, taken apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

EMPTY = {"meta", "link", "img", "br", "hr", "input"}


@dataclass
class Element:
    """A tag with its attributes, the elements inside and the text directly inside."""

    tag: str
    attributes: dict[str, str | None]
    inside: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str = "", **attributes: str) -> Iterator[Element]:
        """All elements below with this tag and these attributes (`_` stands for `-`)."""
        for element in self.inside:
            wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
            if tag in ("", element.tag) and wanted.items() <= element.attributes.items():
                yield element
            yield from element.all(tag, **attributes)

    def one(self, tag: str, **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def said(self) -> str:
        """All text inside, scripts left out."""
        parts = [self.text, *(each.said for each in self.inside if each.tag not in ("script", "style"))]
        return " ".join(" ".join(parts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.open[-1].inside.append(element)
        if tag not in EMPTY:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"<{self.open[-1].tag}> is closed by </{tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].text += data


def read_html(text: str) -> Element:
    """A page as a tree; every tag must be closed where it should be."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert [element.tag for element in reader.open] == ["document"]
    return reader.open[0]


def figures(page: Element) -> dict[str, Any]:
    """What is drawn, by the figure's heading."""
    found = {}
    for figure in page.all("figure", class_="chart"):
        plot = figure.one("div", class_="plot")
        data = figure.one("script", id=str(plot.attributes["data-figure"]))
        found[figure.one("h3").said] = json.loads(data.text)
    return found
