"""`export --format` and `verify`, from a policy file."""

from __future__ import annotations

import json

import pytest

from automix_search.policy import load_policy

PLAIN = """\
format: automix-search/policy/1
mix: {kind: mixup, alpha: 0.8, partner: {kind: flip}}
loss: {kind: soft_cross_entropy, smoothing: 0.1}
"""
LOSSY = PLAIN + "transform: {batch: [{kind: hflip}, {kind: cutout}]}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to be in, with two policies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.yaml").write_text(PLAIN)
    (tmp_path / "lossy.yaml").write_text(LOSSY)
    return tmp_path


def test_what_can_be_expressed_is_written(run, folder):
    outcome = run("export", "plain.yaml", "--format", "timm", "-o", "policy.args")
    assert (outcome.code, outcome.out) == (0, "wrote policy.args\n")
    assert outcome.err.startswith("note: mixup: unless `--no-prefetcher`")
    assert "--mixup 0.8\n" in (folder / "policy.args").read_text()
    again = run("export", "plain.yaml", "--format", "timm", "-o", "policy.args")
    assert again.code == 2
    assert "policy.args exists already" in again.err


def test_what_cannot_be_expressed_is_refused_and_nothing_is_written(run, folder):
    outcome = run("export", "lossy.yaml", "--format", "timm", "-o", "policy.args")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines() == [
        "error: timm cannot express that `transform.batch[1]` is `cutout`: train.py has no such transform",
        "error: to write it without these, add `--lossy`",
    ]
    assert not (folder / "policy.args").exists()


def test_lossy_writes_the_rest_and_tells_what_is_left_out(run):
    outcome = run("export", "lossy.yaml", "--format", "timm", "--lossy")
    told = "left out: `transform.batch[1]` is `cutout`: train.py has no such transform"
    assert outcome.code == 0
    assert told in outcome.err.splitlines()
    assert f"# {told}" in outcome.out.splitlines()
    assert "--hflip 0.5" in outcome.out.splitlines()
    tree = json.loads(run("export", "lossy.yaml", "--format", "timm", "--lossy", "--json").out)
    assert [omission["path"] for omission in tree["left_out"]] == ["transform.batch[1]"]


def test_the_callback_has_its_policy_beside_it(run, folder):
    assert run("export", "lossy.yaml", "--format", "lightning", "-o", "augment.py").code == 0
    assert load_policy("augment.yaml") == load_policy("lossy.yaml")
    assert "class Augmentation(Callback)" in (folder / "augment.py").read_text()
    refused = run("export", "plain.yaml", "--format", "lightning", "-o", "plain.yaml", "--force")
    assert refused.code == 2
    assert load_policy("plain.yaml").mix.mixes


def test_a_policy_file_is_written_out_in_full(run):
    assert run("export", "plain.yaml", "-o", "full.yaml").code == 0
    assert load_policy("full.yaml") == load_policy("plain.yaml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plain.yaml", "--format", "tim"), "did you mean `timm`?"),
        (("plain.yaml", "--rank", "2"), "`--rank 2` is a place on a leaderboard, but plain.yaml is a policy"),
        (("gone.yaml",), "cannot read gone.yaml"),
    ],
)
def test_mistakes(run, arguments, said):
    outcome = run("export", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_verify_says_what_was_compared_and_what_was_not(run):
    outcome = run("verify", "plain.yaml", "--against", "timm")
    assert outcome.code == 0
    assert "mixup: images" in outcome.out
    assert "do the same in all that was compared" in outcome.out
    differs = run("verify", "lossy.yaml", "--against", "timm", "--json")
    assert differs.code == 1
    found = json.loads(differs.out)
    assert not found["equal"]
    assert found["not_compared"] == ["transform.batch[0]", "transform.batch[1]"]
    assert run("verify", "plain.yaml", "--against", "tim").code == 2
