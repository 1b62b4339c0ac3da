"""Run folders: made once, locked while in use, found by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from automix_search.errors import InputError
from automix_search.tuning.run_folder import RunFolder, create_run, find_run, list_runs


def made(folder: Path, name: str) -> RunFolder:
    run = create_run(folder, name)
    run.launch.write_text("format: automix-search/launch/1\n")
    return run


def test_a_run_is_found_by_name_and_by_folder(tmp_path: Path) -> None:
    run = made(tmp_path, "first")
    assert find_run("first", tmp_path).path == run.path
    assert find_run(str(run.path), Path("elsewhere")).path == run.path
    assert [found.name for found in list_runs(tmp_path)] == ["first"]


def test_an_unknown_run_has_a_nearest_name(tmp_path: Path) -> None:
    made(tmp_path, "first")
    with pytest.raises(InputError, match="did you mean `first`"):
        find_run("frist", tmp_path)


def test_some_other_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not the folder of a run"):
        find_run(str(tmp_path), tmp_path)


def test_a_run_is_never_made_twice(tmp_path: Path) -> None:
    made(tmp_path, "first")
    with pytest.raises(InputError, match="exists already"):
        create_run(tmp_path, "first")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b"])
def test_a_name_is_one_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="must be one folder name"):
        create_run(tmp_path, name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"cannot make .*: Permission denied"):
        create_run(tmp_path, "first")


def test_the_lock_names_its_owner_and_goes_with_it(tmp_path: Path) -> None:
    run = made(tmp_path, "first")
    with run, pytest.raises(InputError, match=f"process {os.getpid()}"):
        RunFolder(run.path).__enter__()
    with RunFolder(run.path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    run = made(tmp_path, "first")
    code = (
        "import os, signal, sys; from pathlib import Path; from automix_search.tuning.run_folder import RunFolder;"
        "RunFolder(Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(run.path)], check=False)
    with RunFolder(run.path):
        pass
