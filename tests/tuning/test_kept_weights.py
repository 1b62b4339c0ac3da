"""A search with policies that learned before it began: it needs nothing outside its run folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from automix_search import load_policy, search
from automix_search.api import SearchResult, begin, resume
from automix_search.compute.jobs import Job
from automix_search.documents import read_yaml, to_yaml
from automix_search.errors import InputError
from automix_search.hashed_files import hashed_files
from automix_search.images import ImageSpec
from automix_search.launch import LaunchConfig, read_launch, resolve
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Policy, save_policy
from automix_search.policy.learned_file import as_learned, pack
from automix_search.tuning.ledger import read_records
from automix_search.tuning.run_folder import RunFolder

RECIPE: dict[str, Any] = {
    "format": "automix-search/trainer/1",
    "data": {"kind": "digits", "train_size": 64},
    "model": {"name": "tiny_cnn"},
    "batch_size": 32,
    "epochs": 1,
}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy file, with what it learned beside it."""
    folder = tmp_path_factory.mktemp("taught")
    policy = Policy.model_validate({"learned": {"kind": "ct_augment"}})
    model = build_model(ModelSpec(name="tiny_cnn"), channels=1, size=(8, 8), num_classes=10)
    learner = policy.build(num_classes=10, input=ImageSpec(1, (8, 8), (0.5,), (0.3,)), model=model).learner
    (folder / "raw").write_bytes(pack(learner, None))
    spec = as_learned(policy.learned, folder / "raw")
    save_policy(policy.model_copy(update={"learned": spec}), folder / "policy.yaml")
    (folder / "raw").unlink()
    return folder / "policy.yaml"


@pytest.fixture
def shared(taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the policy, a space and a recipe; work is done elsewhere."""
    folder = tmp_path / "shared"
    shutil.copytree(taught.parent, folder)
    learned = yaml.safe_load((folder / "policy.yaml").read_text())["learned"]
    space = {"learned": {"choice": {"before": learned}}, "mix": {"kind": "mixup", "alpha": "default"}}
    (folder / "space.yaml").write_text(to_yaml({"format": "automix-search/space/1", **space}))
    recipe = {**RECIPE, "baselines": {"theirs": {"learned": learned}}}
    (folder / "recipe.yaml").write_text(to_yaml(recipe))
    monkeypatch.chdir(tmp_path)
    return folder


def launched(folder: Path, **more: Any) -> SearchResult:
    """A search of a single trial, all by the files in a folder."""
    plan: dict[str, Any] = {"space": folder / "space.yaml", "trainer": folder / "recipe.yaml", "trials": 1}
    unconfirmed = {"race": {"finalists": 0}}
    return search(**{**plan, **more}, cluster="debug", name="run", settings=unconfirmed)


def scores(result: SearchResult) -> dict[str, float | None]:
    return {row.name: row.search for row in result.rows}


def test_it_goes_on_in_another_place_after_the_original_is_gone(shared: Path, tmp_path: Path) -> None:
    first = launched(shared)
    assert "theirs" in scores(first)
    (copy,) = (tmp_path / "runs" / "run" / "weights").iterdir()
    for text in (first.run.launch.read_text(), first.run.ledger.read_text()):
        assert f"weights/{copy.stem}.safetensors" in text
        assert "shared" not in text.replace("shared_runs", "")
    shutil.rmtree(shared)
    moved = shutil.move(first.run.path, tmp_path / "elsewhere")
    again = resume(RunFolder(Path(moved)), more_trials=1)
    assert {name: scores(again)[name] for name in scores(first)} == scores(first)
    assert len(again.rows) == len(first.rows) + 1
    for row in again.rows:
        if row.name in ("theirs", "t0000", "t0001"):
            again.export(tmp_path / "mine.yaml", row.rank)
            assert load_policy(tmp_path / "mine.yaml").learned.frozen


def test_a_training_that_was_cut_off_goes_on_wherever_the_folder_is(shared: Path, tmp_path: Path) -> None:
    class Stop:
        def noticed(self, event: Mapping[str, Any], records: object) -> None:
            if event["event"] == "asked" and event["candidate"] == "theirs":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launched(shared, observers=[Stop()])
    moved = RunFolder(Path(shutil.move(tmp_path / "runs" / "run", tmp_path / "elsewhere")))
    shutil.rmtree(shared)
    record = read_records(moved.ledger)["theirs"]
    ((file, _),) = hashed_files(record.asked["policy"])
    assert Path(file).is_relative_to(moved.path)
    assert scores(resume(moved))["theirs"] is not None


def test_a_launch_file_names_what_lies_beside_it(shared: Path, tmp_path: Path) -> None:
    space, recipe = (yaml.safe_load((shared / f"{name}.yaml").read_text()) for name in ("space", "recipe"))
    tree = {"format": "automix-search/launch/1", "space": space, "trainer": recipe, "cluster": "debug"}
    (shared / "launch.yaml").write_text(to_yaml({**tree, "name": "by-file"}))
    launch = resolve(read_launch(read_yaml(shared / "launch.yaml")))
    assert {Path(file).parent for file, _ in hashed_files(launch.plan.space.tree)} == {shared}
    with begin(launch) as run:
        assert len(list((run.path / "weights").iterdir())) == 1


@pytest.mark.parametrize("named_by", ["space", "recipe"])
@pytest.mark.parametrize("damage", ["missing", "tampered"])
def test_without_it_nothing_begins(shared: Path, tmp_path: Path, named_by: str, damage: str) -> None:
    plain = {"space": "quick", "recipe": RECIPE}
    del plain[named_by]
    more = {{"space": "space", "recipe": "trainer"}[name]: value for name, value in plain.items()}
    weights = shared / "policy.safetensors"
    weights.unlink()
    if damage == "tampered":
        weights.write_bytes(b"something else")
    with pytest.raises(
        InputError, match="cannot read what" if damage == "missing" else "hash differs"
    ) as error:
        launched(shared, **more)
    assert "\n" not in str(error.value)
    assert str(weights) in str(error.value)
    assert not (tmp_path / "runs").exists()


def test_a_copy_that_was_tampered_with_stops_a_resumed_search(shared: Path) -> None:
    run = launched(shared).run
    (copy,) = (run.path / "weights").iterdir()
    copy.write_bytes(b"something else")
    before = run.ledger.read_bytes()
    with pytest.raises(InputError, match=r"weights/.*its hash differs") as error:
        resume(run, more_trials=1)
    assert "\n" not in str(error.value)
    assert run.ledger.read_bytes() == before


def test_a_checkpoint_is_called_alike_wherever_the_weights_lie_but_not_for_others() -> None:
    def checkpoint(file: str, digit: str) -> str:
        weights = {"file": file, "sha256": 64 * digit}
        policy = Policy.model_validate({"learned": {"kind": "ct_augment", "weights": weights}})
        return Job("t0000", "search", "t0000", policy, seed=0, epochs=1).checkpoint_name

    assert checkpoint("/here/a", "1") == checkpoint("/there/a", "1") != checkpoint("/here/a", "2")


def test_the_same_arguments_go_on_with_it(shared: Path) -> None:
    first = launched(shared)
    assert scores(launched(shared, resume=True)) == scores(first)


def test_workers_that_do_not_see_the_run_folder_are_refused(shared: Path) -> None:
    far = {"format": "automix-search/cluster/1", "kind": "address", "address": "auto"}
    with pytest.raises(
        InputError, match="what policies learned before lies in the run folder, which this cluster"
    ):
        resolve(LaunchConfig(space=str(shared / "space.yaml"), trainer=RECIPE, cluster=far))
