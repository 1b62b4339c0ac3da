"""The wheel: built, installed elsewhere, and used from a folder of a user's whose names collide with ours."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("search_spaces", "trainers", "cluster")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="environments are laid out otherwise"),
]


def run(*command: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with nothing of this checkout on Python's path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def shipped_files() -> set[str]:
    """Every file of the preset folders that git would ship."""
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in paths if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, folder=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts of a fresh environment with the wheel; dependencies come from this test's environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel, folder=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return python.parent


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """A user's folder with packages of its own that are called like our folders."""
    for name in ("trainers", "cluster"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('this is the decoy')\n")
    return tmp_path


def cli(installed: Path, user: Path, *arguments: object) -> str:
    """What `automix-search` prints when it is run in the user's folder."""
    return run(installed / "automix-search", *arguments, folder=user).stdout


def test_the_wheel_holds_every_preset_and_the_marker_of_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    files = shipped_files()
    assert len(files) > 10
    assert {f"automix_search/_presets/{name}" for name in files} <= names
    assert "automix_search/py.typed" in names


def test_the_wheel_puts_one_name_on_the_import_path(wheel):
    top = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"automix_search"}


def test_the_package_that_is_used_is_the_installed_one(installed, user):
    script = "import automix_search; print(automix_search.__file__)"
    assert run(installed / "python", "-c", script, folder=user).stdout.startswith(str(installed.parent))


def test_presets_are_found_beside_decoys(installed, user):
    rows = json.loads(cli(installed, user, "presets", "list", "--json"))
    found = {(row["kind"], row["name"]) for row in rows}
    assert {("cluster", "local"), ("space", "quick"), ("trainer", "digits-cnn")} <= found
    assert {row["origin"] for row in rows} == {"shipped"}
    shipped = [*(ROOT / "trainers" / "examples").glob("*.py")]
    shipped += [path for folder in FOLDERS for path in (ROOT / folder).glob("*.yaml")]
    assert len(rows) == len(shipped)


def test_a_preset_is_copied_changed_and_valid(installed, user):
    cli(installed, user, "presets", "copy", "quick", "-o", "mine.yaml")
    assert (user / "mine.yaml").read_text() == (ROOT / "search_spaces" / "quick.yaml").read_text()
    assert cli(installed, user, "validate", "mine.yaml").startswith("mine.yaml is a search space")


def test_a_search_through_ray_beside_decoys(installed, user):
    small = ("--trials", 2, "--epochs", 1, "--runs-dir", "runs", "--name", "demo")
    cli(installed, user, "launch", "--cluster", "local", *small)
    assert cli(installed, user, "validate", "runs/demo/policy.yaml").startswith(
        "runs/demo/policy.yaml is a policy"
    )
