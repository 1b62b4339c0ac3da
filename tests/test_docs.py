"""The documentation is true: links lead somewhere, code runs, files are valid, commands exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pages import PAGES, ROOT, blocks, commands, links, parse, small_search
from test_architecture import MODULES, ORDER, room
from torch import nn

from automix_search.cli.catalogue import catalogue
from automix_search.cli.formats import FORMATS, describe, format_of
from automix_search.cli.methods_page import page
from automix_search.documents import parse_yaml, read_yaml
from automix_search.launch import read_launch, resolve

GUIDES = tuple(page for page in PAGES if page.parent.name == "guides")
ARCHITECTURE = ROOT / "docs" / "architecture.md"


def page_name(page: Path) -> str:
    """The page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """What a link may name in a page, as GitHub makes it from headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to be in, where `search` is short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("automix_search.api.search", small_search)
    return tmp_path


@pytest.fixture
def names():
    """What the guides take for granted: a model, its optimiser, and batches."""
    torch.manual_seed(0)
    x, y = torch.randint(0, 256, (12, 1, 8, 10), dtype=torch.uint8), torch.arange(12) % 3
    model = nn.Sequential(nn.Flatten(), nn.Linear(80, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    found = {"x": x, "y": y, "model": model, "optimizer": optimizer, "loader": [(x, y)] * 2, "epochs": 2}
    own = lambda num_classes: nn.Sequential(nn.Flatten(), nn.Linear(80, num_classes))  # noqa: E731
    return found | {"normalised": torch.randn(12, 1, 8, 10), "my_model_fn": own, "__name__": "guide"}


def write_files(page: Path) -> list[str]:
    """Write the blocks of a page that name a file; their names."""
    found = [block for block in blocks(page) if block.file]
    for block in found:
        Path(str(block.file)).write_text(block.text, encoding="utf-8")
    return [str(block.file) for block in found]


def test_there_are_pages_with_all_that_is_checked():
    assert len(PAGES) >= 12
    assert len(GUIDES) >= 6
    assert sum(len(links(page)) for page in PAGES) >= 12
    assert sum(len(list(commands(page))) for page in PAGES) >= 15
    assert sum(len(blocks(page, "yaml")) for page in PAGES) >= 8


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page):
    assert dead(page) == []


def test_a_dead_link_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A heading: here\n[a](page.md#a-heading-here) [b](gone.md) [c](#nowhere)\n")
    assert dead(page) == ["gone.md", "#nowhere"]


@pytest.mark.parametrize("page", [page for page in PAGES if list(commands(page))], ids=page_name)
def test_commands_exist_with_their_options(page):
    for words in commands(page):
        parse(words)


@pytest.mark.parametrize(
    "words", ["launc", "launch --spac quick", "presets steal quick", "export", "methods a b"]
)
def test_a_wrong_command_would_be_found(words):
    with pytest.raises(ValueError, match=r"Exit|Error|Missing|Usage|NoSuch"):
        parse(words.split())


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=page_name)
def test_yaml_is_valid(page, folder):
    write_files(page)
    for block in blocks(page, "yaml"):
        document = parse_yaml(block.text, f"{page.name}:{block.line}")
        found = format_of(document)
        if "rowmix" not in block.text:
            assert describe(document, found, "digits-cnn")
        elif found == "launch":
            launch = resolve(read_launch(document))
            assert [method.__name__ for method in launch.plan.methods] == ["RowMix"]
            assert {parameter.name for parameter in launch.plan.space.parameters} >= {
                "mix",
                "mix.rowmix.alpha",
            }


@pytest.mark.parametrize("page", [page for page in GUIDES if blocks(page, "python")], ids=page_name)
def test_python_runs(page, folder, names):
    write_files(page)
    for block in blocks(page, "python"):
        if not block.file:
            block.run(names)
    if "loss" in names:
        assert names["loss"].isfinite()
    if "result" in names:
        assert len(names["result"].leaderboard()) == 6


def shown_tests(pages: tuple[Path, ...]) -> list[tuple[Path, str]]:
    """Test files that pages show."""
    found = [(page, block.file) for page in pages for block in blocks(page, "python")]
    return [(page, file) for page, file in found if file and file.startswith("test_")]


@pytest.mark.parametrize(("page", "file"), shown_tests(GUIDES))
def test_the_contracts_are_kept(page, file, folder):
    write_files(page)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) >= 10


def test_the_contracts_are_shown_for_methods_and_trainers():
    assert {page.stem for page, _ in shown_tests(GUIDES)} == {"own-method", "own-trainer"}


def test_the_message_that_the_guide_quotes_is_the_one(folder, capsys, names):
    page = ROOT / "docs" / "guides" / "spaces.md"
    (block,) = blocks(page, "python")
    block.run(names)
    assert capsys.readouterr().out == blocks(page, "text")[-1].text


def test_the_names_that_the_guide_lists_are_those_of_its_space(folder):
    page = ROOT / "docs" / "guides" / "spaces.md"
    write_files(page)
    summary = describe(read_yaml("my-space.yaml"), "space", "digits-cnn")
    listing = blocks(page, "text")[0]
    listed = [line.split()[0] for line in listing.text.splitlines()]
    assert len(listed) >= 5
    assert [name for name in listed if name not in re.split(r"[:, ]+", summary)] == []


def test_every_format_is_shown_somewhere_or_shipped():
    shown = {format_of(parse_yaml(block.text, page.name)) for page in PAGES for block in blocks(page, "yaml")}
    assert shown >= set(FORMATS) - {"cluster"}


def test_the_architecture_names_every_room_in_the_order_of_imports():
    table = re.findall(r"^\| ((?:`\w+` ?)+)\|", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE)
    told = [name for row in table for name in re.findall(r"`(\w+)`", row)]
    rooms = {room(module) for module in MODULES if module}
    assert set(told) == rooms
    assert [ORDER.index(name) for name in told] == sorted(ORDER.index(name) for name in told)


def test_the_page_of_methods_is_what_the_classes_say():
    """Written by `automix-search methods --markdown > docs/methods.md`."""
    assert (ROOT / "docs" / "methods.md").read_text(encoding="utf-8") == page(catalogue())
