"""The README does what it says: every snippet runs, every file is valid, every command exists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from types import ModuleType

import pytest
import torch
from pages import ROOT, blocks, small_search
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from automix_search.families import Spec
from automix_search.policy import Policy, load_policy
from automix_search.testing.mixers import MixerContract
from automix_search.training.base import AbstractTrainer

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
CI = ROOT / ".ci" / "run"


def my_model(num_classes: int, in_chans: int) -> nn.Module:
    """What the README calls `my_model_fn`."""
    return nn.Sequential(nn.Flatten(), nn.Linear(in_chans * 80, num_classes))


def my_data(count: int) -> TensorDataset:
    """A torch data set of noise, 8 x 10 pixels."""
    draws = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, 1, 8, 10), generator=draws, dtype=torch.uint8)
    return TensorDataset(images, torch.arange(count) % 3)


def digits(count: int) -> tuple[Tensor, Tensor]:
    """A batch as the augmenter of the README wants it."""
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 1, 8, 8), generator=draws, dtype=torch.uint8)
    return images, torch.arange(count) % 10


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the names of the README stand for after all its Python was run, from top to bottom."""
    x, y = digits(20)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    space = {"format": "automix-search/space/1", "mix": {"choice": ["none", "mixup"]}}
    found = {"my_model_fn": my_model, "my_space": space, "model": model, "x": x, "y": y, "torch": torch}
    found |= {name: my_data(count) for name, count in (("train", 48), ("valid", 24), ("test", 24))}
    module = ModuleType("readme")  # classes of the README must be importable to be pickled
    vars(module).update(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "readme", module)
        patch.chdir(tmp_path_factory.mktemp("readme"))
        patch.setattr("automix_search.api.search", small_search)
        for block in blocks(README, "python"):
            block.run(vars(module))
        yield vars(module)


def test_there_is_python_to_run():
    text = "".join(block.text for block in blocks(README, "python"))
    for shown in ("search(", "load_policy(", "augment.loss(", "AbstractTrainer)", "AbstractShareMaskMixer)"):
        assert shown in text


def test_a_search_of_ones_own_model_gives_a_policy(names):
    assert isinstance(names["result"].best_policy, Policy)
    assert names["result"].best_policy.provenance.data["num_classes"] == 3
    assert {row.name for row in names["result"].leaderboard()} >= {"none", "base", "trivial", "default"}
    assert load_policy("policy.yaml") == names["result"].best_policy


def test_the_augmenter_mixes_and_its_loss_can_be_minimised(names):
    assert names["mixed"].shape == names["x"].shape
    assert names["targets"].shape == (20, 10)
    torch.testing.assert_close(names["targets"].sum(1), torch.ones(20))
    names["loss"].backward()
    assert names["model"][1].weight.grad.abs().sum() > 0


def test_the_trainer_fulfils_the_contract_in_name(names):
    assert issubclass(names["MyTrainer"], AbstractTrainer)
    job = type("Job", (), {"policy": Policy(), "epochs": 2})
    assert [set(metrics) for metrics in names["MyTrainer"]().train(job)] == [{"accuracy"}] * 2


class TestTheMethod(MixerContract):
    """The README's own mixing method, held to the contract of all."""

    @pytest.fixture(autouse=True)
    def _from_the_readme(self, names):
        assert issubclass(names["LeftMix"], Spec)
        type(self).mixer = names["LeftMix"](alpha=1.0)


def test_the_readme_is_short_and_shows_code_at_once():
    lines = TEXT.splitlines()
    assert len(lines) <= 150
    assert next(number for number, line in enumerate(lines, 1) if line.startswith("```")) < 30


def test_it_gives_two_commands_of_one_line_each():
    """Environment, pip, then the main job or the tests: all that a fresh machine needs."""
    lines = [
        line for block in blocks(README, "sh") for line in block.text.splitlines() if "pip install" in line
    ]
    search, tests = lines
    assert re.fullmatch(
        r"python3 -m venv \.venv && \.venv/bin/pip install .* && .*automix-search launch", search
    )
    assert re.fullmatch(r"python3 -m venv \.venv && \.venv/bin/pip install .*\[test\]'.* -m pytest .*", tests)


def test_the_layout_is_the_repository():
    rows = re.findall(r"^\| (`\S+/`(?: `\S+/`)*) \|", TEXT, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\S+?)/`", row)}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    folders = {line.partition("/")[0] for line in listed.stdout.splitlines() if "/" in line}
    assert told == {folder for folder in folders if not folder.startswith(".")}


@pytest.fixture
def stubbed(tmp_path):
    """A checkout whose programs only write down how they were called; one of them may fail."""

    def run(readme: str = TEXT, failing: str = "nothing") -> tuple[int, list[str]]:
        programs = tmp_path / ".venv" / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        for program in ("pip", "python", "ruff", "mypy", "python3"):
            call = f'case "$call" in *"{failing}"*) exit 3;; esac'
            script = f'#!/bin/sh\ncall="{program} $*"\necho "$call $OMP_NUM_THREADS" >> "{tmp_path}/calls"\n{call}\n'
            (programs / program).write_text(script)
            (programs / program).chmod(0o755)
        (tmp_path / ".ci").mkdir(exist_ok=True)
        (tmp_path / ".ci" / "run").write_text(CI.read_text())
        (tmp_path / "README.md").write_text(readme)
        path = f"{programs}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", ".ci/run"], cwd=tmp_path, env={"PATH": path}, capture_output=True, check=False
        )
        calls = tmp_path / "calls"
        return done.returncode, calls.read_text().splitlines() if calls.exists() else []

    return run


def test_ci_runs_the_very_command_and_all_the_rest_on_one_thread(stubbed):
    code, calls = stubbed()
    assert code == 0
    assert calls == [
        "python3 -m venv .venv 1",
        "pip install -q -e .[test] 1",
        "python -m pytest -q 1",
        "pip install -q -e .[dev] 1",
        "python -m pytest -q -m slow 1",
        "ruff check . 1",
        "ruff format --check . 1",
        "mypy  1",
    ]


@pytest.mark.parametrize(
    "part", ["venv", "[test]", "pytest -q", "[dev]", "-m slow", "ruff check", "ruff format", "mypy"]
)
def test_ci_fails_when_any_part_fails(stubbed, part):
    code, calls = stubbed(failing=part)
    assert code != 0
    assert part in calls[-1]


@pytest.mark.parametrize("readme", ["", "python3 -m pytest -q\npython3 -m pytest -q\n"])
def test_ci_fails_when_the_readme_gives_no_command_or_two(stubbed, readme):
    assert stubbed(readme) == (1, [])
