"""The Python interface, on real digits and on data and models of the user's own; everything in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

import automix_search
from automix_search import InputError, Policy, load_policy, search
from automix_search.api import SearchResult, begin, open_run, resume
from automix_search.launch import LaunchConfig
from automix_search.launch import resolve as launch_of
from automix_search.tuning.run_folder import find_run

SMALL = {
    "cluster": "debug",
    "trials": 2,
    "epochs": 1,
    "settings": {"race": {"finalists": 1, "seeds": 1}, "confirm": {"seeds": 2}},
}
SPACE = {"format": "automix-search/space/1", "name": "own", "mix": {"choice": ["none", "mixup"]}}


def own_data(count: int = 120) -> tuple[TensorDataset, TensorDataset, TensorDataset]:
    generator = np.random.default_rng(0)

    def part(n: int) -> TensorDataset:
        labels = np.arange(n) % 3
        images = generator.uniform(0, 0.4, (n, 1, 8, 10)) + labels[:, None, None, None] * 0.3
        return TensorDataset(torch.tensor(images, dtype=torch.float32), torch.tensor(labels))

    return part(count), part(60), part(60)


def own_model() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(80, 3))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    folder = tmp_path_factory.mktemp("runs")
    return search(trainer="digits-cnn", space="quick", runs_dir=folder, name="digits", **SMALL)


def test_names_are_enough(digits: SearchResult) -> None:
    rows = digits.leaderboard()
    assert len(rows) == 4 + 2
    assert sum(row.test is not None for row in rows) == 4 + 1
    assert digits.best_policy.provenance is not None
    assert digits.best_policy.provenance.trial == rows[0].name


def test_the_run_folder_holds_everything(digits: SearchResult) -> None:
    names = {path.name for path in digits.run.path.iterdir()}
    wanted = {
        "launch.yaml",
        "environment.json",
        "ledger.jsonl",
        "study.journal",
        "leaderboard.csv",
        "policy.yaml",
    }
    assert wanted <= names
    assert list(digits.run.trials.iterdir()) == []


def test_the_exported_policy_trains_a_model(digits: SearchResult, tmp_path: Path) -> None:
    digits.export(tmp_path / "policy.yaml", rank=2)
    policy = load_policy(tmp_path / "policy.yaml")
    assert policy == digits.policy(2)
    images = automix_search.ImageSpec(channels=1, size=(8, 8), mean=(0.3,), std=(0.4,))
    augment = policy.build(num_classes=10, input=images)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    loss = augment.loss(model, torch.rand(16, 1, 8, 8), torch.arange(16) % 10, progress=0.3)
    loss.backward()
    assert torch.isfinite(loss)


@pytest.mark.parametrize("rank", [0, 7])
def test_there_is_no_such_rank(digits: SearchResult, rank: int) -> None:
    with pytest.raises(InputError, match=f"`rank` must lie in 1 to 6, but got {rank}"):
        digits.policy(rank)


def test_a_run_is_opened_without_training(digits: SearchResult) -> None:
    found = open_run(find_run("digits", digits.run.path.parent))
    assert [(row.name, row.test) for row in found.rows] == [(row.name, row.test) for row in digits.rows]
    assert found.best_policy == digits.best_policy


def test_a_run_goes_on_with_more_trials(tmp_path: Path) -> None:
    first = search(runs_dir=tmp_path, name="run", **SMALL)
    again = resume(first.run, more_trials=1)
    assert len(again.rows) == len(first.rows) + 1


def test_own_model_data_and_space(tmp_path: Path) -> None:
    result = search(model=own_model, data=own_data(), space=SPACE, runs_dir=tmp_path, name="own", **SMALL)
    assert result.rows[0].test is not None
    assert result.about["data"]["name"] == "data"
    go_on = {**SMALL, "trials": 3}
    again = search(
        model=own_model, data=own_data(), space=SPACE, runs_dir=tmp_path, name="own", resume=True, **go_on
    )
    assert len(again.rows) == len(result.rows) + 1


def test_a_search_goes_on_as_it_began_or_not_at_all(tmp_path: Path) -> None:
    own = {"model": own_model, "data": own_data(), "space": SPACE, "runs_dir": tmp_path, "name": "own"}
    search(**own, **SMALL)
    settings = {"race": {"finalists": 1, "seeds": 1}}
    for name, changes in {
        "seed": {"seed": 1},
        "confirm": {"settings": {**settings, "confirm": {"seeds": 2, "margin": 0.1}}},
        "objective": {"settings": {**SMALL["settings"], "objective": ["accuracy", "ece"]}},
    }.items():
        with pytest.raises(InputError, match=f"`{name}` is not what the search"):
            search(**own, resume=True, **{**SMALL, **changes})


def test_a_run_folder_can_be_resumed_from_its_first_moment(tmp_path: Path) -> None:
    launch = launch_of(LaunchConfig(cluster="debug", trials=1, epochs=1, name="cut", runs_dir=str(tmp_path)))
    run = begin(launch)
    assert resume(find_run("cut", tmp_path)).run.path == run.path


def test_a_run_of_python_objects_cannot_be_resumed_from_its_folder(tmp_path: Path) -> None:
    result = search(model=own_model, data=own_data(), space=SPACE, runs_dir=tmp_path, name="own", **SMALL)
    with pytest.raises(InputError, match=r"started from Python.*search\(\.\.\., resume=True\)"):
        resume(result.run)


def test_own_metric_that_is_better_when_smaller(tmp_path: Path) -> None:
    def brier(logits: Tensor, labels: Tensor) -> float:
        wanted = nn.functional.one_hot(labels, 3).float()
        return float((logits.softmax(1) - wanted).square().sum(1).mean())

    result = search(
        model=own_model,
        data=own_data(),
        metric=brier,
        direction="min",
        space=SPACE,
        runs_dir=tmp_path,
        **SMALL,
    )
    assert result.objective.metric == "brier"
    confirmed = [row.valid.mean for row in result.rows if row.valid]
    assert confirmed == sorted(confirmed)


def test_data_sets_of_mappings(tmp_path: Path) -> None:
    class Mappings(Dataset):  # type: ignore[type-arg]
        def __init__(self, part: TensorDataset) -> None:
            self.part = part

        def __len__(self) -> int:
            return len(self.part)

        def __getitem__(self, place: int) -> dict[str, Tensor]:
            image, label = self.part[place]
            return {"image": image, "label": label}

    data = [Mappings(part) for part in own_data()]
    result = search(model=own_model, data=data, space=SPACE, runs_dir=tmp_path, **SMALL)
    assert result.rows[0].test is not None


def test_multi_label_targets(tmp_path: Path) -> None:
    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(count)
        labels = (generator.random((count, 3)) < 0.5).astype(np.float32)
        labels[0] = 1
        images = np.repeat(labels, 10, axis=1)[:, None, None, :].repeat(8, axis=2).astype(np.float32)
        return images, labels

    def model() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(240, 3))

    result = search(
        model=model,
        data=(part(120), part(60), part(61)),
        metric="mean_average_precision",
        space=SPACE,
        runs_dir=tmp_path,
        **SMALL,
    )
    assert result.best_policy.loss.model_dump()["kind"] == "binary_cross_entropy"


def test_a_policy_is_a_space_of_one_point(tmp_path: Path) -> None:
    result = search(space=Policy(), runs_dir=tmp_path, **SMALL)
    assert len(result.rows) == 4 + 2


def test_recipe_by_name_with_own_data(tmp_path: Path) -> None:
    result = search(trainer="digits-cnn", data=own_data(), space=SPACE, runs_dir=tmp_path, **SMALL)
    assert result.about["data"]["name"] == "data"
    assert result.about["recipe"]["model"]["name"] == "tiny_cnn"


def wrong(**changes: object) -> dict[str, object]:
    return {**SMALL, **changes}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (wrong(trainer="digits-cn"), "did you mean `digits-cnn`"),
        (wrong(space="quik"), "did you mean `quick`"),
        (wrong(cluster="debgu"), "did you mean `debug`"),
        (wrong(sampler="tpee"), "did you mean `tpe`"),
        (wrong(scheduler="asah"), "did you mean `asha`"),
        (wrong(trials=0), "trials.*greater than or equal to 1.*0"),
        (wrong(epochs=0), "epochs.*greater than or equal to 1"),
        (wrong(seed=-1), "seed.*greater than or equal to 0"),
        (wrong(time_budget="30"), "a time is written like"),
        (wrong(metric="acuracy"), "did you mean `accuracy`"),
        (wrong(settings={"confrim": {}}), "did you mean `confirm`"),
        (wrong(settings={"set": {"trianer.epochs": 3}}), "must begin with"),
        (wrong(settings={"set": {"trainer.epochs": 0}}), "greater than or equal to 1"),
        (wrong(settings={"set": {"trainer.batch_size": 1}}), "greater than or equal to 2"),
        (wrong(name="a/b"), "must be one folder name"),
        (wrong(resume=True), "needs the `name`"),
    ],
)
def test_bad_arguments_are_told_before_anything_starts(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        search(runs_dir=tmp_path / "runs", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "runs").exists()


def test_a_run_folder_that_exists_is_not_touched(digits: SearchResult) -> None:
    with pytest.raises(InputError, match=r"exists already.*automix-search resume"):
        search(runs_dir=digits.run.path.parent, name="digits", **SMALL)


def test_a_live_run_is_not_resumed(digits: SearchResult) -> None:
    with digits.run, pytest.raises(InputError, match="is in use by a live search"):
        resume(find_run("digits", digits.run.path.parent))


def test_an_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, not a folder")
    with pytest.raises(InputError, match="cannot make"):
        search(runs_dir=tmp_path / "runs", name="x", **SMALL)
