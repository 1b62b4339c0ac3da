"""What holds for every command: help, exit codes, and how soon it answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

import pytest
import typer

from automix_search.cli.app import app
from automix_search.errors import InputError, SearchError

HEAVY = {"numpy", "optuna", "ray", "timm", "torch", "torchvision"}


def commands(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command as it is typed."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield (*path, command.name or command.callback.__name__.replace("_", "-"))
    for sub in group.registered_groups:
        assert sub.typer_instance is not None
        yield from commands(sub.typer_instance, (*path, str(sub.typer_instance.info.name)))


COMMANDS = list(commands(app))


def test_all_commands_are_seen():
    assert len(COMMANDS) >= 7
    assert ("presets", "copy") in COMMANDS


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(run, command):
    outcome = run(*command, "--help")
    assert outcome.code == 0
    assert f"Example: automix-search {' '.join(command)}" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (("--help",), HEAVY | {"pydantic"}),
        (("presets", "--help"), HEAVY),  # typer itself reads the arguments of a command with pydantic
        (("presets", "list"), HEAVY),
        (("nonsense",), HEAVY),
    ],
)
def test_help_imports_nothing_heavy(arguments, heavy):
    script = (
        "import sys; from automix_search.cli import main\n"
        f"sys.argv = ['automix-search', *{arguments!r}]\n"
        "try: main()\n"
        f"finally: print('heavy:', sorted({heavy!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_version_is_that_of_the_package(run):
    assert run("--version").out.strip() == f"automix-search {metadata.version('automix-search')}"


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("methods", "--nonsense"), ("schema", "nonsense"), ("validate",), ("presets", "show")],
)
def test_wrong_usage_ends_with_2(run, arguments):
    outcome = run(*arguments)
    assert outcome.code == 2
    assert "Usage" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("first\nsecond"), 2, "error: first\nerror: second\n"),
        (SearchError("every trial failed"), 1, "error: every trial failed\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_sentences_and_exit_codes(run, monkeypatch, error, code, said):
    def fail(runs):
        raise error

    monkeypatch.setattr("automix_search.compute.doctor.examine", fail)
    outcome = run("doctor")
    assert outcome.code == code
    assert outcome.err == said
    assert outcome.out == ""


def test_a_defect_of_ours_keeps_its_traceback(run, monkeypatch):
    def fail(runs):
        raise ZeroDivisionError

    monkeypatch.setattr("automix_search.compute.doctor.examine", fail)
    with pytest.raises(ZeroDivisionError):
        run("doctor")
