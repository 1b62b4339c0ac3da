"""`show`, `distil` and `export` for policies that learn, after a real search."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from running import Run

from automix_search import search
from automix_search.errors import InputError
from automix_search.models import ModelSpec, build_model
from automix_search.policy import ImageSpec, Policy, load_policy, save_policy
from automix_search.policy.learned_file import as_learned, pack
from automix_search.spaces import load_space

SPACE = {"format": "automix-search/space/1", "learned": {"kind": "ct_augment", "depth": {"range": [1, 2]}}}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of two trials that learned, of which the better one was confirmed, and its policy."""
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
        trials=2,
        cluster="debug",
        runs_dir=folder,
        name="learned",
        settings={"race": {"finalists": 1, "seeds": 1}, "confirm": {"seeds": 2}},
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
    assert re.fullmatch(r"t000[01]@\d+", policy.provenance.training)
    assert policy.learned.trunk.model.name == "tiny_cnn"
    assert "file: mine.safetensors" in (tmp_path / "mine.yaml").read_text()


def test_the_export_of_what_was_not_kept_says_that_it_learns_afresh(
    searched: Path, run: Run, tmp_path: Path
) -> None:
    rows = json.loads(run("leaderboard", searched / "learned", "--json").out)
    *_, rank = (row["rank"] for row in rows if not row["baseline"])
    outcome = run("export", searched / "learned", "--rank", rank, "-o", tmp_path / "mine.yaml")
    assert outcome.code == 0
    assert outcome.err.count("\n") == 1
    assert "will learn afresh" in outcome.err
    assert load_policy(tmp_path / "mine.yaml").learned.weights is None
    assert json.loads(run("export", searched / "learned", "--rank", rank, "--json").out)["learned"]
    for other in (row["rank"] for row in rows if row["baseline"] or row["valid_mean"]):
        assert run("export", searched / "learned", "--rank", other).err == ""


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
    said = run("distil", searched / "policy.yaml", "-o", plain)
    assert (said.code, said.err) == (0, "")
    assert load_policy(plain).learned is None
    assert run("distil", searched / "policy.yaml", "-o", plain).code == 2
    assert run("distil", searched / "policy.yaml", "--space", "-o", space).code == 0
    found = load_space(space)
    assert found.parameters
    found.check()


def test_validate_names_what_learns(searched: Path, run: Run) -> None:
    assert "; learned: ct_augment;" in run("validate", searched / "policy.yaml").out


def test_what_was_learned_elsewhere_is_not_written_over(searched: Path, run: Run, tmp_path: Path) -> None:
    rows = json.loads(run("leaderboard", searched / "learned", "--json").out)
    rank = next(row["rank"] for row in rows if not row["baseline"])
    precious = tmp_path / "mine.safetensors"
    precious.write_bytes(b"precious")
    command = ("export", searched / "learned", "--rank", rank, "-o", tmp_path / "mine.yaml")
    refused = run(*command)
    assert refused.code == 2
    assert "mine.safetensors exists already" in refused.err
    assert precious.read_bytes() == b"precious"
    assert not (tmp_path / "mine.yaml").exists()
    assert run(*command, "--force").code == 0
    load_policy(tmp_path / "mine.yaml")


def test_an_average_that_does_nothing_is_no_middle_of_a_space(
    searched: Path, run: Run, tmp_path: Path
) -> None:
    policy = load_policy(searched / "policy.yaml")
    nothing = policy.learned.model_copy(update={"marginal": {}})
    save_policy(policy.model_copy(update={"learned": nothing}), tmp_path / "idle.yaml")
    outcome = run("distil", tmp_path / "idle.yaml", "--space", "-o", tmp_path / "space.yaml")
    assert outcome.code == 2
    assert "no number" in outcome.err
    assert not (tmp_path / "space.yaml").exists()
    said = run("distil", tmp_path / "idle.yaml", "-o", tmp_path / "plain.yaml")
    assert said.code == 0
    assert "does nothing on average" in said.err
    assert load_policy(tmp_path / "plain.yaml") == policy.model_copy(update={"learned": None})


def test_what_looks_with_a_model_of_the_users_own_is_shown_without_pictures(run: Run, tmp_path: Path) -> None:
    images = ImageSpec(1, (8, 8), (0.5,), (0.3,))
    policy = Policy.model_validate({"learned": {"kind": "madaug", "update": "last_layer"}})
    model = build_model(ModelSpec(name="tiny_cnn"), channels=1, size=(8, 8), num_classes=10)
    augmenter = policy.build(num_classes=10, input=images, model=model)
    augmenter.begin_epoch(0.0)
    (tmp_path / "raw").write_bytes(pack(augmenter.learner, None))
    policy = policy.model_copy(update={"learned": as_learned(policy.learned, tmp_path / "raw")})
    save_policy(policy, tmp_path / "policy.yaml")
    outcome = run("show", tmp_path / "policy.yaml", "--data", "digits", "-o", tmp_path / "learned.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert "without pictures" in " ".join(outcome.out.split())
    with pytest.raises(InputError, match="give it, `build"):
        policy.build(num_classes=10, input=images)
