"""What a page is made of: sections, and in them paragraphs, charts, tables, pictures and code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Paragraph:
    """Some sentences; `strong` ones are the answer to what the reader came for."""

    kind: ClassVar[str] = "paragraph"
    text: str
    strong: bool = False


@dataclass(frozen=True)
class Chart:
    """A figure of Plotly's.

    Attributes:
        title: What it shows, in a few words: its heading, and its name for those who cannot see it.
        figure: What is drawn.
        caption: How to read it, and what is to be seen.
        width: Pixels below which it is scrolled and not squeezed.
    """

    kind: ClassVar[str] = "chart"
    title: str
    figure: Any
    caption: str
    width: int = 0


@dataclass(frozen=True)
class Cell:
    """A cell of a table; `order` is what its column is sorted by, where that is not the text."""

    text: str
    order: float | None = None


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows; `marked` rows stand out."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    marked: frozenset[int] = frozenset()
    sortable: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture as a `data:` address, with what stands below it."""

    source: str
    text: str


@dataclass(frozen=True)
class Pictures:
    """Rows of pictures, each with a title."""

    kind: ClassVar[str] = "pictures"
    caption: str
    rows: Sequence[tuple[str, Sequence[Picture]]]


@dataclass(frozen=True)
class Code:
    """Something to type, or a file."""

    kind: ClassVar[str] = "code"
    title: str
    text: str


@dataclass(frozen=True)
class Fold:
    """Parts that are shown when the reader asks for them."""

    kind: ClassVar[str] = "fold"
    title: str
    parts: Sequence[Part]


Part = Paragraph | Chart | Table | Pictures | Code | Fold


@dataclass(frozen=True)
class Section:
    """A section of the page; `key` is its anchor."""

    key: str
    title: str
    parts: Sequence[Part]
