"""The page of a run: every section is there, nothing loads from elsewhere, and what a run says stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from html_pages import Element, figures, read_html
from told_runs import NASTY, Downhill, searched

from automix_search.api import begin
from automix_search.errors import InputError
from automix_search.launch import LaunchConfig, resolve
from automix_search.report.page import build_page, write_page
from automix_search.report.verdict import sentence
from automix_search.tuning.judgement import read_verdict
from automix_search.tuning.run_folder import RunFolder

SECTIONS = [
    "verdict",
    "leaderboard",
    "incumbent",
    "curves",
    "parameters",
    "importance",
    "fidelity",
    "trade-off",
    "classes",
    "cost",
    "pictures",
    "environment",
    "again",
]
LOADING = {"src", "href", "srcset", "action", "formaction", "data", "poster", "background", "ping", "cite"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return searched(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def text(run: RunFolder) -> str:
    return build_page(run)


@pytest.fixture(scope="module")
def page(text: str) -> Element:
    return read_html(text)


def begun(folder, monkeypatch) -> RunFolder:
    """A run folder in which the search has not begun."""
    monkeypatch.chdir(folder)
    return begin(resolve(LaunchConfig(name="new", cluster="debug")))


def test_every_section_is_there_and_named(page):
    sections = [element for element in page.one("main").inside if element.tag == "section"]
    assert [section.attributes["id"] for section in sections] == SECTIONS
    titles = [section.one("h2").said for section in sections]
    links = list(page.one("nav").all("a"))
    assert [link.attributes["href"] for link in links] == [f"#{key}" for key in SECTIONS]
    assert [link.said for link in links] == titles


def test_a_keyboard_and_a_screen_reader_find_their_way(page):
    assert page.one("html").attributes["lang"] == "en"
    ids = [each.attributes["id"] for each in page.all() if "id" in each.attributes]
    assert len(ids) == len(set(ids)) > 30
    assert page.one("a", class_="skip").attributes["href"] == "#verdict"
    for landmark in ("header", "nav", "main", "footer", "h1", "title"):
        assert page.one(landmark)
    for element in page.all():
        for name in ("aria-labelledby", "aria-describedby"):
            assert element.attributes.get(name) is None or element.attributes[name] in ids
    assert all(image.attributes["alt"] for image in page.all("img"))
    assert len(list(page.all("img"))) == 32


def test_tables_say_what_heads_what(page):
    tables = list(page.all("table"))
    assert len(tables) >= 3
    for table in tables:
        assert table.one("caption").said
        assert {each.attributes["scope"] for each in table.all("th")} == {"col", "row"}
        width = len(list(table.one("thead").all("th")))
        assert {len(row.inside) for row in table.one("tbody").all("tr")} == {width}


def test_every_figure_has_a_heading_a_caption_and_something_in_it(page):
    drawn = figures(page)
    assert len(drawn) == len(list(page.all("div", class_="plot"))) >= 8
    for figure in page.all("figure"):
        assert figure.one("figcaption").said
    for title, figure in drawn.items():
        assert any(trace.get("x") for trace in figure["data"]), title


def test_nothing_is_loaded_from_elsewhere(page):
    for element in page.all():
        for name in LOADING & element.attributes.keys():
            assert str(element.attributes[name]).startswith(("#", "data:")), element
        assert not [name for name in element.attributes if name.startswith("on")], element
        assert "url(" not in (element.attributes.get("style") or "")
    style = page.one("style").text
    assert len(style) > 1000
    assert not re.search(r"url\(|@import|http", style)
    assert {"iframe", "object", "embed", "base"}.isdisjoint(each.tag for each in page.all())


def test_the_browser_is_told_to_load_nothing_and_to_run_our_scripts_only(page):
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy).split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "connect-src" not in rules
    scripts = [script for script in page.all("script") if "type" not in script.attributes]
    assert [script.attributes["data-name"] for script in scripts] == ["plotly", "page.js"]
    digests = (hashlib.sha256(script.text.encode()).digest() for script in scripts)
    wanted = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    assert rules["script-src"].split() == wanted


def test_our_scripts_ask_the_network_for_nothing(page):
    script = page.one("script", data_name="page.js").text
    assert not re.search(r"fetch|XMLHttpRequest|WebSocket|import\(|http", script)


def test_what_a_run_says_is_shown_as_text(page, text):
    assert NASTY in page.one("section", id="leaderboard").said
    assert NASTY in page.one("section", id="environment").said
    assert NASTY not in text
    assert all(image.attributes["src"].startswith("data:image/png") for image in page.all("img"))


def test_what_a_run_says_is_text_to_plotly_too(page):
    (drawn,) = (figure for title, figure in figures(page).items() if "by epoch" in title)
    told = " ".join(str(trace.get("text")) for trace in drawn["data"])
    assert "&lt;img src=x" in told
    assert "<img" not in told


def test_the_verdict_comes_first_with_every_comparison(page, run):
    section = page.one("section", id="verdict")
    verdict = read_verdict(run.verdict)
    assert verdict is not None
    assert section.one("p", class_="answer").said == sentence(verdict)
    forest = figures(section)[f"{verdict.candidate} against each baseline"]
    assert len(verdict.comparisons) == len(forest["data"]) == 3
    assert all(compared.interval for compared in verdict.comparisons)
    for compared, dot in zip(verdict.comparisons, forest["data"], strict=True):
        assert (dot["x"], dot["y"]) == ([compared.gain], [compared.against])
        low, high = compared.interval
        assert compared.gain + dot["error_x"]["array"][0] == pytest.approx(high)
        assert compared.gain - dot["error_x"]["arrayminus"][0] == pytest.approx(low)
    band = forest["layout"]["shapes"][0]
    assert (band["x0"], band["x1"]) == (-verdict.margin, verdict.margin)


def test_without_a_verdict_the_page_says_that_nothing_is_confirmed(run, tmp_path):
    for file in ("launch.yaml", "environment.json", "ledger.jsonl"):
        (tmp_path / file).write_bytes((run.path / file).read_bytes())
    section = read_html(build_page(RunFolder(tmp_path))).one("section", id="verdict")
    assert "not confirmed on fresh seeds" in section.said
    assert figures(section) == {}


def test_a_verdict_that_cannot_be_read_is_told(run, tmp_path):
    for file in ("launch.yaml", "environment.json", "ledger.jsonl"):
        (tmp_path / file).write_bytes((run.path / file).read_bytes())
    (tmp_path / "verdict.json").write_text("{")
    with pytest.raises(InputError, match=r"verdict\.json"):
        build_page(RunFolder(tmp_path))


def test_a_search_that_has_not_begun_has_a_page(tmp_path, monkeypatch):
    page = read_html(build_page(begun(tmp_path, monkeypatch)))
    assert "has not begun" in page.one("section", id="verdict").said
    assert figures(page) == {}
    assert "launch runs/new/launch.yaml --name new-again" in page.one("section", id="again").said


def test_a_search_that_was_cut_off_has_a_page(run, tmp_path):
    cut = RunFolder(tmp_path)
    for file in ("launch.yaml", "environment.json"):
        (tmp_path / file).write_bytes((run.path / file).read_bytes())
    lines = run.ledger.read_bytes().splitlines(keepends=True)
    cut.ledger.write_bytes(b"".join(lines[:4]) + lines[4][:20])
    page = read_html(build_page(cut))
    assert "no winner" in page.one("section", id="verdict").said
    assert "Nothing has raced" in page.one("section", id="leaderboard").said
    (curves,) = figures(page.one("section", id="curves")).values()
    assert [trace["name"] for trace in curves["data"] if "name" in trace] == ["none*"]
    assert "interrupted" in page.one("header").said


def test_a_search_of_which_every_training_failed_has_a_page(tmp_path):
    with pytest.raises(Exception, match="every training fails"):
        searched(tmp_path, Downhill())
    page = read_html(build_page(RunFolder(tmp_path / "toy")))
    assert "no winner" in page.one("section", id="verdict").said
    assert page.one("section", id="leaderboard").said.count(NASTY) >= 4


def test_no_code_of_the_users_own_is_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("open('it-ran', 'w').close()\n")
    for file in ("ledger.jsonl", "policy.yaml"):
        (tmp_path / file).write_bytes((run.path / file).read_bytes())
    launch = run.launch.read_text()
    for before, after in (
        ("methods: []", "methods: [mine.py:Own]"),
        ("trainer: null", "trainer: mine.py:Loop"),
    ):
        assert before in launch
        launch = launch.replace(before, after)
    (tmp_path / "launch.yaml").write_text(launch)
    environment = run.read_environment()
    environment["about"]["recipe"] = {"data": {"kind": "function", "function": "mine.py:load"}}
    (tmp_path / "environment.json").write_text(json.dumps(environment))
    assert "mine.py:Own" in build_page(RunFolder(tmp_path))
    assert not (tmp_path / "it-ran").exists()


def test_a_policy_with_methods_of_the_users_own_has_no_pictures(run, tmp_path):
    for file in ("launch.yaml", "environment.json", "ledger.jsonl"):
        (tmp_path / file).write_bytes((run.path / file).read_bytes())
    (tmp_path / "policy.yaml").write_text(
        "format: automix-search/policy/1\nmix: {kind: rowmix_of_my_own, alpha: 1.0}\n"
    )
    section = read_html(build_page(RunFolder(tmp_path))).one("section", id="pictures")
    assert "methods of your own" in section.said


def test_the_page_is_one_file(run, tmp_path):
    write_page(run, tmp_path / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert 4e6 < (tmp_path / "page.html").stat().st_size < 6e6
