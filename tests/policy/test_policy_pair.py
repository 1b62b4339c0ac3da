"""A policy file and the file with what it learned: whoever reads them finds them together, whenever that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save

from automix_search.documents import read_yaml, write_atomically
from automix_search.errors import InputError
from automix_search.policy import Policy, files, load_policy, save_policy
from automix_search.policy.learned_file import as_learned, read_learned

ABOUT = '{"format": "automix-search/learned/1", "history": [], "marginal": {}, "trunk": null}'


def taught(number: float, tmp_path: Path) -> Policy:
    """A policy that learned a number."""
    policy = Policy.model_validate({"learned": {"kind": "ct_augment"}})
    file = tmp_path / f"raw{number}"
    file.write_bytes(save({"number": torch.tensor(number)}, {"about": ABOUT}))
    return policy.model_copy(update={"learned": as_learned(policy.learned, file)})


def number_in(path: Path) -> float:
    """What the policy of a file learned."""
    return read_learned(load_policy(path).learned.weights).tensors["number"].item()


class Crash(BaseException):
    """The process ends."""


def crashing_at(turn: int) -> Callable[[Path, str | bytes], None]:
    """Writes files, but the process ends in place of one of them."""
    written = 0

    def write(path: Path, content: str | bytes) -> None:
        nonlocal written
        written += 1
        if written == turn:
            raise Crash
        write_atomically(path, content)

    return write


def names(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in tmp_path.glob("policy*"))


@pytest.mark.parametrize(("turn", "found"), [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0)])
def test_after_a_crash_between_two_writes_there_is_the_old_policy_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: int, found: float
) -> None:
    path = tmp_path / "policy.yaml"
    save_policy(taught(1.0, tmp_path), path)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomically", crashing_at(turn))
        with pytest.raises(Crash):
            save_policy(taught(2.0, tmp_path), path)
    assert number_in(path) == found
    save_policy(taught(2.0 if turn == 1 else 3.0, tmp_path), path)
    assert number_in(path) == (2.0 if turn == 1 else 3.0)
    spare = [] if turn != 2 else [name for name in names(tmp_path) if name.startswith("policy-")]
    assert names(tmp_path) == sorted(["policy.safetensors", "policy.yaml", *spare])


def test_four_writes_and_no_more_replace_what_was_learned_and_one_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, written = tmp_path / "policy.yaml", list[str]()

    def write(file: Path, content: str | bytes) -> None:
        written.append(file.name)
        write_atomically(file, content)

    monkeypatch.setattr(files, "write_atomically", write)
    save_policy(taught(1.0, tmp_path), path)
    assert written == ["policy.safetensors", "policy.yaml"]
    save_policy(taught(1.0, tmp_path), path)
    assert written[2:] == ["policy.yaml"]
    save_policy(taught(2.0, tmp_path), path)
    assert written[3].startswith("policy-")
    assert written[4:] == ["policy.yaml", "policy.safetensors", "policy.yaml"]
    assert yaml.safe_load(path.read_text())["learned"]["weights"]["file"] == "policy.safetensors"
    assert names(tmp_path) == ["policy.safetensors", "policy.yaml"]


def test_a_reader_between_the_two_files_reads_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, turns = tmp_path / "policy.yaml", iter((2.0, 3.0))
    save_policy(taught(1.0, tmp_path), path)

    def read(file: Path) -> object:
        document = read_yaml(file)
        if (number := next(turns, None)) is not None:
            save_policy(taught(number, tmp_path), path)
        return document

    monkeypatch.setattr(files, "_spares", lambda path: set())  # it reads too, which is not what is tried here
    monkeypatch.setattr(files, "read_yaml", read)
    assert number_in(path) == 3.0


def test_a_pair_that_does_not_fit_and_stays_as_it_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    save_policy(taught(1.0, tmp_path), path)
    path.with_suffix(".safetensors").write_bytes(b"something else")
    with pytest.raises(InputError, match="its hash differs"):
        load_policy(path)
    path.write_text("no: [policy\n")
    save_policy(taught(2.0, tmp_path), path)
    assert number_in(path) == 2.0


def test_a_policy_that_learned_nothing_takes_the_spare_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.yaml"
    save_policy(taught(1.0, tmp_path), path)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomically", crashing_at(3))
        with pytest.raises(Crash):
            save_policy(taught(2.0, tmp_path), path)
    assert len(names(tmp_path)) == 3
    save_policy(Policy(), path)
    assert names(tmp_path) == ["policy.safetensors", "policy.yaml"]
