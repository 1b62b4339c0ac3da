"""`automix-search presets`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from automix_search.presets import PRESET_KINDS, find_preset, list_examples, list_presets
from automix_search.training.custom import load_trainer


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_list_names_every_preset(run):
    out = run("presets", "list").out
    for kind in PRESET_KINDS:
        for preset in list_presets(kind):
            assert preset.name in out


def test_list_as_json_can_be_limited_to_a_kind(run):
    rows = json.loads(run("presets", "list", "--kind", "cluster", "--json").out)
    assert {("debug", "shipped"), ("local", "shipped")} <= {(row["name"], row["origin"]) for row in rows}
    assert {row["kind"] for row in rows} == {"cluster"}
    assert all(row["summary"] for row in rows)


def test_a_summary_is_a_whole_sentence_and_the_first(run):
    rows = json.loads(run("presets", "list", "--json").out)
    assert all(row["summary"].endswith(".") for row in rows if row["origin"] == "shipped")
    (deit,) = (row["summary"] for row in rows if row["name"] == "imagenet-deit-small")
    assert deit.endswith("et al., Training data-efficient image transformers, ICML 2021.")
    (cheap,) = (row["summary"] for row in rows if row["name"] == "cheap")
    assert cheap.endswith("training step of a small network (docs/speed.md).")


def test_show_prints_the_file_as_it_is(run):
    assert run("presets", "show", "local").out == find_preset("cluster", "local").text()


def test_copy_writes_the_same_file_and_tells_its_use(run):
    outcome = run("presets", "copy", "local")
    assert Path("local.yaml").read_text() == find_preset("cluster", "local").text()
    assert "launch --cluster local.yaml" in outcome.out


def test_an_example_is_listed_shown_and_copied_with_the_address_of_its_trainer(run):
    (example,) = list_examples()
    rows = json.loads(run("presets", "list", "--kind", "trainer", "--json").out)
    (row,) = (row for row in rows if row["name"] == "my_loop.py")
    assert row["summary"] == "A training loop of your own, to copy and change."
    assert run("presets", "show", "my_loop.py").out == example.text()
    outcome = run("presets", "copy", "my_loop.py")
    assert Path("my_loop.py").read_text() == example.text()
    assert outcome.out.endswith("launch --trainer my_loop.py:MyTrainer\n")
    assert load_trainer("my_loop.py:MyTrainer").epochs == 8
    assert run("presets", "copy", "my_loop.py").code == 2
    assert "my_loop.py" not in run("presets", "list", "--kind", "space").out


@pytest.mark.parametrize(
    ("output", "target", "argument"),
    [
        ("mine.yaml", "mine.yaml", "mine.yaml"),
        ("folder", "folder/debug.yaml", "folder/debug.yaml"),
        ("bare", "bare", "./bare"),
    ],
)
def test_copy_goes_where_it_is_told(run, output, target, argument):
    Path("folder").mkdir()
    outcome = run("presets", "copy", "debug", "-o", output)
    assert Path(target).read_text() == find_preset("cluster", "debug").text()
    assert outcome.out.split()[-1] == argument
    assert find_preset("cluster", argument).path == Path(target)


def test_copy_overwrites_nothing(run):
    Path("debug.yaml").write_text("mine")
    outcome = run("presets", "copy", "debug")
    assert outcome.code == 2
    assert "debug.yaml exists already" in outcome.err
    assert Path("debug.yaml").read_text() == "mine"


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_copy_into_a_folder_that_cannot_be_written(run):
    Path("closed").mkdir(mode=0o500)
    outcome = run("presets", "copy", "debug", "-o", "closed/x.yaml")
    assert (outcome.code, "cannot write" in outcome.err) == (2, True)


def test_copy_into_no_folder(run):
    outcome = run("presets", "copy", "debug", "-o", "nowhere/x.yaml")
    assert (outcome.code, "cannot write nowhere/x.yaml: No such file" in outcome.err) == (2, True)


def test_an_unknown_preset_gets_the_nearest_name(run):
    outcome = run("presets", "show", "locl")
    assert outcome.code == 2
    assert "unknown preset `locl`; did you mean `local`?" in outcome.err


def test_a_name_of_two_kinds_asks_for_the_kind(run):
    Path("trainers").mkdir()
    Path("trainers/local.yaml").write_text("# a trainer\n")
    outcome = run("presets", "show", "local")
    assert outcome.code == 2
    assert "--kind trainer or --kind cluster" in outcome.err
    assert run("presets", "show", "local", "--kind", "trainer").out == "# a trainer\n"
