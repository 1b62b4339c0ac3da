"""Checkpoints: whole or not at all, and nothing in them is executed."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from automix_search.errors import InputError
from automix_search.training.checkpoint import load_checkpoint, save_checkpoint

STATE = {"epoch": 3, "metrics": {"loss": 0.5}, "weights": torch.arange(6.0).view(2, 3)}


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint({"epoch": 1}, path)
    save_checkpoint(STATE, path)
    found = load_checkpoint(path)
    assert torch.equal(found.pop("weights"), STATE["weights"])
    assert found == {"epoch": 3, "metrics": {"loss": 0.5}}
    assert [item.name for item in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_failed_write_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(STATE, path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write the checkpoint .*: No space left on device"):
        save_checkpoint({"epoch": 4}, path)
    assert load_checkpoint(path)["epoch"] == 3
    assert [item.name for item in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write the checkpoint"):
        save_checkpoint(STATE, tmp_path / "nowhere" / "checkpoint.pt")


@pytest.mark.parametrize("kept", [0, 1, 200])
def test_damaged(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(STATE, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"cannot read the checkpoint .*; delete it to start anew"):
        load_checkpoint(path)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo executed",)


def test_nothing_is_executed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "checkpoint.pt"
    for write in (torch.save, lambda thing, place: Path(place).write_bytes(pickle.dumps(thing, protocol=2))):
        write({"evil": Evil()}, path)
        with pytest.raises(InputError, match="cannot read the checkpoint"):
            load_checkpoint(path)
    assert "executed" not in capfd.readouterr().out
