"""What a launch file may say of trackers, and what is told before anything starts."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from followed import searched

from automix_search.cli import main
from automix_search.documents import parse_yaml, read_yaml
from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.launch import LaunchConfig, read_launch
from automix_search.trackers import TRACKERS
from automix_search.trackers.base import library
from automix_search.trackers.mlflow import MLflow
from automix_search.trackers.wandb import WeightsAndBiases

INSTALLED = {name: importlib.util.find_spec(name) is not None for name in ("mlflow", "wandb")}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the libraries', inside themselves
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def needs(name: str) -> pytest.MarkDecorator:
    reason = f"{name} is not installed: pip install 'automix-search[{name}]'"
    return pytest.mark.skipif(not INSTALLED[name], reason=reason)


def launch_of(line: str) -> LaunchConfig:
    """The launch file that says so of its trackers."""
    return read_launch(parse_yaml(f"format: automix-search/launch/1\ntrackers: {line}\n", "my.yaml"))


def test_names_and_mappings():
    config = launch_of(
        "[tensorboard, {kind: mlflow, uri: 'sqlite:///m.db', experiment: ours}, {kind: wandb}]"
    )
    kinds = [kind_of(type(tracker)) for tracker in config.trackers]
    assert kinds == ["tensorboard", "mlflow", "wandb"] == list(TRACKERS.kinds())
    assert config.trackers[1:] == (
        MLflow(uri="sqlite:///m.db", experiment="ours"),
        WeightsAndBiases(project="automix-search", mode="offline"),
    )
    assert launch_of("[]").trackers == LaunchConfig().trackers == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[tensorbord]", "unknown tracker `tensorbord`; did you mean `tensorboard`?"),
        ("[{uri: a}]", "a tracker needs `kind`: one of mlflow, tensorboard, wandb"),
        ("[{kind: mlflow, url: a}]", "unknown field `url`; did you mean `uri`?"),
        ("[{kind: wandb, mode: on}]", "is not allowed"),
        ("[wandb, {kind: wandb, project: b}]", "the tracker `wandb` stands twice"),
        ("tensorboard", "must be a list"),
        ("[{kind: mlflow, uri: 'https://me:hush@host'}]", "must hold no user, password or query"),
        ("[{kind: mlflow, uri: 'https://hush@host'}]", "must hold no user, password or query"),
        ("[{kind: mlflow, uri: 'postgresql://me:hush@host/db'}]", "must hold no user, password or query"),
        ("[{kind: mlflow, uri: 'https://host?token=hush'}]", "set MLFLOW_TRACKING_USERNAME"),
    ],
)
def test_mistakes_are_told_in_one_sentence(line, said):
    with pytest.raises(InputError) as error:
        launch_of(line)
    assert said in str(error.value)
    assert str(error.value).startswith("my.yaml:2")
    assert "hush" not in str(error.value)
    assert "\n" not in str(error.value)


def test_an_address_without_a_password_is_no_secret():
    assert launch_of("[{kind: mlflow, uri: 'http://localhost:5000'}]").trackers[0].uri  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "module"), [("tensorboard", "tensorboardX"), ("mlflow", "mlflow"), ("wandb", "wandb")]
)
def test_a_library_that_is_not_installed(kind, module, tmp_path, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    arguments = ["launch", "--cluster", "debug", "--trials", "1", "--set", f"trackers=[{kind}]"]
    monkeypatch.setattr(sys, "argv", ["automix-search", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert f"the tracker `{kind}` needs {module}" in said
    assert f"pip install 'automix-search[{kind}]'" in said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_runs_is_no_library(tmp_path, monkeypatch):
    (tmp_path / "wandb_of_a_user").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"pip install 'automix-search\[wandb\]'"):
        library("wandb_of_a_user", "wandb")


@pytest.mark.slow
@needs("mlflow")
def test_a_server_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InputError, match=r"the tracker `mlflow` cannot use http://127.0.0.1:9: "):
        searched(tmp_path, [{"kind": "mlflow", "uri": "http://127.0.0.1:9"}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@needs("mlflow")
def test_a_secret_address_of_the_environment_is_not_told(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hush@127.0.0.1:9")
    with pytest.raises(InputError) as error:
        MLflow().check()
    assert "the place that MLFLOW_TRACKING_URI or MLflow itself names" in str(error.value)
    assert "hush" not in str(error.value)


@pytest.mark.slow
@needs("mlflow")
def test_where_mlflow_takes_no_folder_it_says_what_it_takes(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with pytest.raises(InputError, match="sqlite:///"):
        MLflow(uri=f"file://{tmp_path}/mlruns").check()


@pytest.mark.slow
@needs("wandb")
def test_weights_and_biases_online_needs_a_key(tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with pytest.raises(InputError, match="has no key for `mode: online`"):
        WeightsAndBiases(mode="online").check()


def test_a_launch_writes_out_every_setting(tmp_path):
    searched(tmp_path, ["tensorboard"], trials=1)
    tree = read_yaml(tmp_path / "first" / "launch.yaml").tree
    assert isinstance(tree, dict)
    assert tree["trackers"] == [{"kind": "tensorboard"}]


def test_one_line_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("toy.py").write_text(TOY)
    arguments = ["launch", "--trainer", "toy.py:Toy", "--cluster", "debug", "--trials", "1", "--name", "a"]
    monkeypatch.setattr(sys, "argv", ["automix-search", *arguments, "--set", "trackers=[tensorboard]"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code in (0, None)
    assert "told to  tensorboard" in " ".join(capsys.readouterr().out.split(" ")).replace("   ", "  ")
    assert {place.name for place in Path("runs/a/tensorboard").iterdir()} >= {
        "none",
        "base",
        "trivial",
        "t0000",
    }


TOY = """
from automix_search.training.base import AbstractTrainer, Objective


class Toy(AbstractTrainer):
    objective = Objective("accuracy", "max")
    epochs = 1

    def train(self, assignment):
        yield {"accuracy": 0.5} | ({"test_accuracy": 0.5} if assignment.test else {})
"""
