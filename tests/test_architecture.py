"""The picture of docs/architecture.md, drawn from the source: who imports whom, and how large things are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "automix_search"
FILES = sorted(PACKAGE.rglob("*.py"))

ORDER = (
    *("errors", "hashed_files", "documents", "ranges", "families", "randomness", "schema_walk", "validation"),
    *("images", "schedules", "user_code", "signals", "models"),
    *("mixing", "transforms", "losses", "learned"),
    *("policy", "spaces", "data", "metrics", "training", "evidence"),
    *("compute", "tuning", "trackers", "report", "presets", "testing", "launch", "api", "cli"),
)
"""A room may import what stands before it."""
RANK = {name: place for place, name in enumerate(ORDER)}

TORCH_ONLY = ("mixing", "transforms", "losses", "learned")
BEFORE_COMPUTE = ORDER[: ORDER.index("compute")]
PRESET_FOLDERS = ("search_spaces", "trainers", "cluster")
BANNED = {"utils", "util", "helpers", "common", "manager", "managers", "misc"}
LONGEST_FILE, LONGEST_FUNCTION = 500, 60


def name_of(path: Path) -> str:
    """The dotted name of a module inside the package: `mixing.base`; a package is called like its folder."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {name_of(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> set[str]:
    """Modules of this package that a file imports: the longest prefix of each name that is a module."""
    found = set[str]()
    for name in imports(path):
        if name.startswith("automix_search."):
            parts = name.removeprefix("automix_search.").split(".")
            prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
            found |= {next((prefix for prefix in prefixes if prefix in MODULES), parts[0])}
    return found


GRAPH = {name: own_imports(path) for name, path in MODULES.items() if name}


def room(module: str) -> str:
    """The first part of a module's name."""
    return module.partition(".")[0]


def against_the_order(graph: dict[str, set[str]]) -> list[str]:
    """Imports that point from a room to one below it."""
    return [
        f"{module} imports {other}"
        for module, others in graph.items()
        for other in others
        if room(module) != room(other) and RANK.get(room(other), 0) > RANK.get(room(module), 0)
    ]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Functions of a file with their number of lines, docstrings not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False) or ""
            yield node.name, (node.end_lineno or node.lineno) - node.lineno - text.count("\n")


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle; empty when there is none."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for other in sorted(graph.get(module, ())):
            if circle := visit(other, [*path, module]):
                return circle
        done.add(module)
        return []

    return next((circle for module in sorted(graph) if (circle := visit(module, []))), [])


def test_the_source_is_found():
    assert len(FILES) > 20
    assert sum(map(len, GRAPH.values())) > 40
    assert GRAPH["mixing.pixels.fmix"] >= {"mixing.base", "randomness", "ranges"}


def test_the_cycle_finder_finds_a_cycle():
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_a_wrong_import_would_be_found():
    assert against_the_order({"mixing.mixup": {"policy.schema"}}) == ["mixing.mixup imports policy.schema"]
    assert against_the_order({"policy.schema": {"mixing.mixup", "policy.files"}}) == []


def test_every_room_has_its_place_in_the_order():
    assert {room(module) for module in GRAPH} <= set(ORDER)


def test_imports_point_one_way_only():
    assert against_the_order(GRAPH) == []


def test_there_are_no_circles():
    assert cycle_in(GRAPH) == []


@pytest.mark.parametrize("distribution", ["ray", "optuna"])
def test_what_stands_before_compute_knows_neither_ray_nor_optuna(distribution):
    looked_at = [path for name, path in MODULES.items() if name and room(name) in BEFORE_COMPUTE]
    assert len(looked_at) > 20
    assert [path.name for path in looked_at for name in imports(path) if room(name) == distribution] == []


def test_the_torch_rooms_read_no_files():
    looked_at = [path for name, path in MODULES.items() if room(name) in TORCH_ONLY]
    assert len(looked_at) > 10
    readers = ("yaml", "pathlib", "tempfile", "automix_search.documents")
    assert [path.name for path in looked_at for name in imports(path) if name.startswith(readers)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: name_of(path) or "automix_search")
def test_files_and_functions_are_small(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    assert [name for name, lines in functions(path) if lines > LONGEST_FUNCTION] == []


@pytest.mark.parametrize("folder", PRESET_FOLDERS)
def test_presets_are_no_packages(folder):
    assert (ROOT / folder).is_dir()
    assert list((ROOT / folder).rglob("__init__.py")) == []


def test_nothing_is_called_after_nothing_and_no_folder_after_presets():
    for path in FILES:
        *folders, file = path.relative_to(PACKAGE).with_suffix("").parts
        assert not BANNED & {*folders, file}, path
        assert not {*PRESET_FOLDERS} & {*folders}, path


def test_no_package_is_empty():
    packages = [path.parent for path in FILES if path.name == "__init__.py"]
    assert len(packages) > 10
    empty = [folder for folder in packages if not any(path.read_text() for path in folder.rglob("*.py"))]
    assert empty == []
