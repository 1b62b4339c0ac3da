"""Rendering to text."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console, RenderableType

Render = Callable[..., str]


@pytest.fixture
def render() -> Render:
    """What a renderable looks like on a terminal of some width, trailing blanks left out."""

    def render_at(renderable: RenderableType, width: int = 100) -> str:
        console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
        console.print(renderable)
        assert isinstance(console.file, io.StringIO)
        lines = console.file.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        return "\n".join(line.rstrip() for line in lines)

    return render_at
