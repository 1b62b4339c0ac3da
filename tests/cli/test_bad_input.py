"""Everything a user can give wrongly: one clear sentence, exit code 2, no traceback, and no run folder left behind."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

POLICY = "format: automix-search/policy/1\n"
SPACE = "format: automix-search/space/1\n"
TRAINER = "format: automix-search/trainer/1\nmodel: {name: tiny_cnn}\ndata: {kind: digits}\n"

BAD_POLICIES = {
    "unknown method": (POLICY + "mix: {kind: cutmx}", "did you mean `cutmix`"),
    "unknown field": (POLICY + "mix: {kind: cutmix, alhpa: 1}", "did you mean `alpha`"),
    "wrong type": (POLICY + "mix: {kind: cutmix, alpha: lots}", "mix.alpha.*number.*'lots'"),
    "a truth for a number": (
        POLICY + "mix: {kind: cutmix, alpha: yes}",
        r":2 mix.alpha: must be a number.*True",
    ),
    "a text for a number": (
        POLICY + "mix: {kind: cutmix, alpha: '0.5'}",
        r":2 mix.alpha: must be a number.*'0.5'",
    ),
    "value out of range": (
        POLICY + "mix: {kind: cutmix, alpha: -1}",
        r":2 mix.alpha.*greater than or equal to 0.*-1",
    ),
    "weights that sum to zero": (
        POLICY + "mix: {kind: switch, options: [{weight: 0, method: {kind: mixup}}]}",
        "weight above 0",
    ),
    "syntax": (POLICY + "mix: [", "bad.yaml:2 is not YAML"),
    "duplicate key": (POLICY + "mix: {kind: none}\nmix: {kind: mixup}", "bad.yaml:3 has the key `mix` twice"),
    "tag": (POLICY + "mix: !!python/object/apply:os.system ['true']", "only plain values are read"),
    "newer format": ("format: automix-search/policy/2\n", "written by a newer automix-search"),
    "no format": ("mix: {kind: none}", "does not say what it is"),
    "not a mapping": ("- 1\n- 2", "does not say what it is"),
    "a load stage of no size": (POLICY + "transform: {load: [{kind: resise}]}", "did you mean `resize`"),
}

BAD_SPACES = {
    "range end out of range": (
        SPACE + "mix: {kind: cutmix, alpha: {range: [-1, 2]}}",
        r"bad.yaml:2 mix.alpha.*-1",
    ),
    "empty range": (SPACE + "mix: {kind: cutmix, alpha: {range: [2, 1]}}", r"bad.yaml:2 mix.alpha.*2.*1"),
    "log range through zero": (
        SPACE + "mix: {kind: cutmix, alpha: {range: [0, 1], log: true}}",
        r"bad.yaml:2 mix.alpha.*log.*0",
    ),
    "choice of nothing": (SPACE + "mix: {choice: []}", "bad.yaml:2 mix.*option"),
    "unknown method in a choice": (SPACE + "mix: {choice: [mixup, cutmx]}", "did you mean `cutmix`"),
    "a default that nobody declared": (
        SPACE + "mix: {kind: mixup, partner: default}",
        "mix.partner.*declares none",
    ),
    "trainer field": (SPACE + "trainer: {optimiser: {lr: 1}}", "did you mean `optimizer`"),
    "trainer value": (
        SPACE + "trainer: {batch_size: {choice: [1, 32]}}",
        "batch_size.*greater than or equal to 2.*1",
    ),
}

BAD_TRAINERS = {
    "unknown model": (TRAINER.replace("tiny_cnn", "resnet181"), "did you mean `resnet18`"),
    "unknown data set": (TRAINER.replace("digits", "digit"), "did you mean `digits`"),
    "unknown metric": (TRAINER + "objective: {metric: acuracy}", "did you mean `accuracy`"),
    "unknown optimiser": (TRAINER + "optimizer: {name: adamww}", "did you mean `adamw`"),
    "batch of one": (TRAINER + "batch_size: 1", "batch_size.*greater than or equal to 2.*1"),
    "missing file": (TRAINER.replace("kind: digits", "kind: npz, file: nowhere.npz"), "nowhere.npz"),
    "no weights": (TRAINER + "weights: nowhere.pt", "nowhere.pt"),
    "more GPUs than there are": (TRAINER + "resources: {gpus: 64}", "GPU"),
}


def is_told(outcome, message: str) -> None:  # type: ignore[no-untyped-def]
    import re

    assert outcome.code == 2, outcome
    assert re.search(message, outcome.err), outcome.err
    assert all(line.startswith("error: ") for line in outcome.err.strip().splitlines()), outcome.err
    assert "Traceback" not in outcome.err + outcome.out


@pytest.mark.parametrize("name", BAD_POLICIES)
def test_policies(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    text, message = BAD_POLICIES[name]
    Path("bad.yaml").write_text(text)
    is_told(run("validate", "bad.yaml"), message)


def launch(run, *arguments):
    return run("launch", "--cluster", "debug", "--trials", 1, "--epochs", 1, "--runs-dir", "runs", *arguments)


@pytest.mark.parametrize("name", BAD_SPACES)
def test_spaces(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    text, message = BAD_SPACES[name]
    Path("bad.yaml").write_text(text)
    is_told(launch(run, "--space", "bad.yaml"), message)
    assert not Path("runs").exists()


@pytest.mark.parametrize("name", BAD_TRAINERS)
def test_trainers(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    text, message = BAD_TRAINERS[name]
    Path("bad.yaml").write_text(text)
    is_told(launch(run, "--trainer", "bad.yaml"), message)
    assert not Path("runs").exists()


def images(count: int = 60, **changes: np.ndarray) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    made = {
        "images": generator.integers(0, 255, (count, 8, 10), dtype=np.uint8),
        "labels": np.arange(count) % 3,
    }
    return {**made, **changes}


BAD_ARRAYS = {
    "images and labels of different length": (images(labels=np.arange(59) % 3), "60.*59|59.*60"),
    "one class only": (images(labels=np.zeros(60, dtype=int)), "class"),
    "NaN in images": (images(images=np.full((60, 8, 10), np.nan, dtype=np.float32)), "(?i)nan"),
    "negative labels": (images(labels=np.arange(60) % 3 - 1), "-1"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_arrays(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    arrays, message = BAD_ARRAYS[name]
    np.savez("bad.npz", **arrays)
    Path("bad.yaml").write_text(TRAINER.replace("kind: digits", "kind: npz, file: bad.npz"))
    is_told(launch(run, "--trainer", "bad.yaml"), message)
    assert not Path("runs").exists()


def test_a_truncated_data_file(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for part, count in (("train", 60), ("t10k", 20)):
        pixels = struct.pack(">IIII", 2051, count, 28, 28) + bytes(count * 784 - 100)
        Path(f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(pixels))
        labels = struct.pack(">II", 2049, count) + bytes(index % 10 for index in range(count))
        Path(f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    Path("bad.yaml").write_text(TRAINER.replace("kind: digits", "kind: fashion_mnist, folder: ."))
    is_told(launch(run, "--trainer", "bad.yaml"), "train-images-idx3-ubyte.gz")
    assert not Path("runs").exists()


def test_a_model_with_too_few_outputs(tmp_path):
    from torch import nn

    from automix_search import InputError, search

    def model() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(80, 2))

    arrays = images()
    data = (arrays["images"][:, None], arrays["labels"])
    with pytest.raises(InputError, match=r"2.*3|3.*2"):
        search(model=model, data=(data, data, data), cluster="debug", runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sampler", "tpee"), "did you mean `tpe`"),
        (("--scheduler", "asah"), "did you mean `asha`"),
        (("--trials", "0"), "--trials.*greater than or equal to 1.*0"),
        (("--space", "quik"), "did you mean `quick`"),
        (("--trainer", "digits-cn"), "did you mean `digits-cnn`"),
        (("--cluster", "lokal"), "did you mean `local`"),
        (("--time-budget", "soon"), "a time is written like"),
        (("--set", "trainer.epochs"), "path=value"),
    ],
)
def test_flags(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    is_told(launch(run, *arguments), message)
    assert not Path("runs").exists()


def test_a_full_disk(run, tmp_path, monkeypatch):
    """The ledger cannot be written: one sentence, and what was written before is whole."""
    from automix_search.tuning.ledger import Ledger

    monkeypatch.chdir(tmp_path)
    original = Ledger.append

    def full(self: Ledger, event: str, **fields: object) -> None:
        if event == "reported":
            os.dup2(os.open("/dev/full", os.O_WRONLY), self._file.fileno())
        original(self, event, **fields)

    monkeypatch.setattr(Ledger, "append", full)
    is_told(launch(run, "--name", "full"), "cannot write runs/full/ledger.jsonl: No space left on device")


def test_an_unwritable_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("this is a file")
    is_told(launch(run), "cannot make runs/")


def test_a_run_that_exists_and_one_that_is_live(run, tmp_path, monkeypatch):
    from automix_search.tuning.run_folder import create_run

    monkeypatch.chdir(tmp_path)
    folder = create_run(Path("runs"), "mine")
    folder.launch.write_text("format: automix-search/launch/1\n")
    is_told(launch(run, "--name", "mine"), "exists already.*automix-search resume")
    with folder:
        is_told(run("resume", "runs/mine"), "in use by a live search")
