"""`automix-search validate` and `schema`: every format, and one sentence for every mistake."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from automix_search.cli.formats import FORMATS
from automix_search.presets import list_presets

POLICY = "format: automix-search/policy/1\n"
SPACE = "format: automix-search/space/1\n"
CLUSTER = "format: automix-search/cluster/1\n"

PRESETS = [preset for kind in ("space", "trainer", "cluster") for preset in list_presets(kind)]


@pytest.fixture
def validate(run, tmp_path, monkeypatch):
    """Validate a file with some text, called `f.yaml`."""
    monkeypatch.chdir(tmp_path)

    def validate_text(text, *options):
        Path("f.yaml").write_text(text)
        return run("validate", "f.yaml", *options)

    return validate_text


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: f"{preset.kind}-{preset.name}")
def test_every_preset_is_valid(run, preset):
    outcome = run("validate", preset.path)
    assert outcome.err == ""
    assert outcome.code == 0
    assert f"{preset.path.name} is a" in outcome.out.replace("\n", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (POLICY, "f.yaml is a policy: none; transforms: none; loss: soft_cross_entropy\n"),
        (
            POLICY + "transform: {batch: [{kind: hflip}]}\nmix: {kind: cutmix, alpha: 0.5}\n",
            "f.yaml is a policy: cutmix; transforms: hflip; loss: soft_cross_entropy\n",
        ),
        (SPACE + "mix: cutmix", "f.yaml is a search space of 1 parameters: mix.alpha\n"),
        (SPACE + "mix: {kind: cutmix, alpha: 1}", "f.yaml is a space of one point\n"),
        (SPACE + "trainer: {epochs: default}", "f.yaml is a search space of 1 parameters: trainer.epochs\n"),
        (CLUSTER + "kind: local", "f.yaml is a cluster profile: local\n"),
    ],
)
def test_a_valid_file_is_told_in_one_line(validate, text, said):
    outcome = validate(text)
    assert (outcome.code, outcome.out, outcome.err) == (0, said, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (POLICY + "mix: {kind: cutmx}", "mix.kind: unknown mixing method `cutmx`; did you mean `cutmix`?"),
        (POLICY + "mix: {kind: cutmix, alpha: -1}", "alpha: must be greater than or equal to 0, but got -1"),
        (POLICY + "loss: {}", "a loss needs `kind`"),
        (POLICY + "mix: [", "f.yaml:2 is not YAML"),
        (POLICY + "loss: a\nloss: b", "f.yaml:3 has the key `loss` twice"),
        (POLICY + "provenance: !!python/object/apply:os.system ['true']", "only plain values are read"),
        (SPACE + "mix: {kind: cutmix, alpha: {range: [2, 1]}}", "f.yaml:2 mix.alpha"),
        (CLUSTER + "kind: locl", "unknown cluster profile `locl`; did you mean `local`?"),
        ("format: automix-search/policy/2", "`automix-search/policy/2`, written by a newer automix-search"),
        ("format: automix-search/polcy/1", "f.yaml:1 format: unknown format `polcy`; did you mean `policy`?"),
        ("format: policy", "`format: automix-search/<policy|space|trainer|cluster|launch>/1`"),
        ("mix: none", "f.yaml does not say what it is"),
        ("", "f.yaml does not say what it is"),
        ("- 1", "f.yaml does not say what it is"),
    ],
)
def test_a_mistake_gets_one_sentence_and_exit_code_2(validate, text, said):
    outcome = validate(text)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: f.yaml")
    assert outcome.err.count("\n") == 1
    assert said in outcome.err


def test_what_a_space_changes_depends_on_the_trainer(validate):
    text = SPACE + "trainer: {lr_schedule: {warmup_epochs: {choice: [0, 90]}}}"
    assert validate(text, "--trainer", "imagenet-deit-small").code == 0
    assert "warmup_epochs < epochs" in validate(text).err
    assert "did you mean `digits-cnn`?" in validate(text, "--trainer", "digit-cnn").err


def test_all_mistakes_are_told_at_once(validate):
    outcome = validate(POLICY + "mix: {kind: mixup, alpha: -1}\nlos: 1\n")
    assert outcome.err.count("error: f.yaml:") == 2


@pytest.mark.parametrize(("name", "said"), [("nowhere.yaml", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read(run, name, said):
    outcome = run("validate", name)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: cannot read {name}: {said}")


def test_json_says_whether_it_is_valid(validate):
    good, bad = validate(POLICY, "--json"), validate("mix: none", "--json")
    assert (good.code, bad.code) == (0, 2)
    assert json.loads(good.out)["valid"] is True
    assert json.loads(good.out)["summary"].startswith("a policy")
    report = json.loads(bad.out)
    assert (report["file"], report["valid"], len(report["errors"])) == ("f.yaml", False, 1)
    assert bad.err == ""


@pytest.mark.parametrize("which", FORMATS)
def test_every_format_has_a_json_schema(run, which):
    schema = json.loads(run("schema", which).out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert f"automix-search/{which}/1" in json.dumps(schema)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: f"{preset.kind}-{preset.name}")
def test_every_preset_agrees_with_its_json_schema(run, preset):
    schema = json.loads(run("schema", preset.kind).out)
    jsonschema.Draft202012Validator(schema).validate(preset.document().tree)
