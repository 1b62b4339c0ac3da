"""`show`, `distil` and `export` for policies that learn, after a real search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run
from PIL import Image

from automix_search import search
from automix_search.documents import read_yaml
from automix_search.policy import load_policy
from automix_search.spaces import load_space

SPACE = {"format": "automix-search/space/1", "learned": {"kind": "ct_augment", "depth": {"range": [1, 2]}}}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose winner learned, since nothing else was tried."""
    folder = tmp_path_factory.mktemp("runs")
    result = search(
        space=SPACE,
        trainer={
            "format": "automix-search/trainer/1",
            "data": {"kind": "digits", "train_size": 64},
            "model": {"name": "tiny_cnn"},
            "batch_size": 16,
            "epochs": 2,
        },
        trials=1,
        cluster="debug",
        runs_dir=folder,
        name="learned",
        settings={"confirm": {"finalists": 1, "seeds": 2}},
    )
    rank = next(row.rank for row in result.leaderboard() if not row.baseline)
    result.export(folder / "policy.yaml", rank)
    return folder


def test_the_export_of_a_trial_brings_what_it_learned(searched: Path, run: Run, tmp_path: Path) -> None:
    rows = json.loads(run("leaderboard", searched / "learned", "--json").out)
    rank = next(row["rank"] for row in rows if not row["baseline"])
    assert all(row["step_time_s"] > 0 for row in rows)
    assert run("export", searched / "learned", "--rank", rank, "-o", tmp_path / "mine.yaml").code == 0
    policy = load_policy(tmp_path / "mine.yaml")
    assert policy.learned.frozen
    assert policy.provenance.training.startswith("t0000@")
    assert policy.learned.trunk.model.name == "tiny_cnn"
    assert read_yaml(tmp_path / "mine.yaml").tree["learned"]["weights"]["file"] == "mine.safetensors"


def test_show_tells_and_draws(searched: Path, run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "learned.png"
    outcome = run("show", searched / "policy.yaml", "-o", picture, "--data", "digits")
    assert outcome.code == 0
    assert "rotate" in outcome.out
    with Image.open(picture) as drawn:
        assert min(drawn.size) > 300
    history = json.loads(run("show", searched / "policy.yaml", "--json").out)
    assert [moment["progress"] for moment in history] == [0, 0.5, 1]


def test_show_needs_something_learned(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "static.yaml"
    file.write_text("format: automix-search/policy/1\nmix: {kind: mixup}\n")
    outcome = run("show", file)
    assert outcome.code == 2
    assert "has no learned part" in outcome.err
    file.write_text("format: automix-search/policy/1\nlearned: {kind: ct_augment}\n")
    assert "has learned nothing yet" in run("show", file).err
    assert run("distil", file, "-o", tmp_path / "x.yaml").code == 2


def test_distil_writes_a_plain_policy_and_a_space_around_it(searched: Path, run: Run, tmp_path: Path) -> None:
    plain, space = tmp_path / "plain.yaml", tmp_path / "space.yaml"
    assert run("distil", searched / "policy.yaml", "-o", plain).code == 0
    assert load_policy(plain).learned is None
    assert run("distil", searched / "policy.yaml", "-o", plain).code == 2
    assert run("distil", searched / "policy.yaml", "--space", "-o", space).code == 0
    found = load_space(space)
    assert found.parameters
    found.check()
