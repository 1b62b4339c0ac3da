"""A search that begins with the best points of earlier ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toys import Toy, in_process, toy_plan, toy_space

from automix_search.documents import Document
from automix_search.errors import InputError
from automix_search.spaces import Space, read_space
from automix_search.tuning.leaderboard import leaderboard
from automix_search.tuning.ledger import read_records
from automix_search.tuning.portfolio import FirstPoint
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.search import conduct
from automix_search.tuning.warm_start import BEST, warm_start


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    """Two searches over the toy space, the second with the objective the other way round."""
    folder = tmp_path_factory.mktemp("runs")
    first, second = create_run(folder, "first"), create_run(folder, "second")
    conduct(first, toy_plan(trials=8, finalists=2, sampler="random"), in_process())
    conduct(second, toy_plan(Toy("min"), trials=3, seed=5, finalists=0, sampler="random"), in_process())
    return first, second


def best(run: RunFolder, direction: str) -> list[str]:
    rows = leaderboard(read_records(run.ledger), Toy(direction).objective)
    return [f"{run.name}/{row.name}" for row in rows if not row.baseline][:BEST]


def narrow() -> Space:
    """The toy space, with half of its smoothing."""
    tree = {
        "format": "automix-search/space/1",
        "mix": {"choice": ["none", {"kind": "cutmix", "alpha": "default", "probability": "default"}]},
        "loss": {"kind": "soft_cross_entropy", "smoothing": {"range": [0.0, 0.1]}},
    }
    return read_space(Document(tree, "narrow"), base=Toy().transform)


def test_the_best_points_of_each_run_take_turns(runs: tuple[RunFolder, RunFolder]) -> None:
    first, second = best(runs[0], "max"), best(runs[1], "min")
    assert (len(first), len(second)) == (BEST, 3)
    found = warm_start(runs, toy_space())
    assert [point.origin for point in found.points] == [
        *(name for pair in zip(first, second, strict=False) for name in pair),
        *first[3:],
    ]
    assert found.told == f"5 of {runs[0].path}, 3 of {runs[1].path}"
    records = read_records(runs[0].ledger)
    for point in found.points:
        toy_space().fill(point.params)
        if point.origin.startswith("first/"):
            assert point.params == records[point.origin.removeprefix("first/")].asked["params"]


def test_points_outside_the_space_are_left_out_and_that_is_told(runs: tuple[RunFolder, RunFolder]) -> None:
    inside = warm_start(runs[:1], narrow())
    kept = {point.origin for point in inside.points}
    records = read_records(runs[0].ledger)
    for name in best(runs[0], "max"):
        smoothing = records[name.removeprefix("first/")].asked["params"]["loss.smoothing"]
        assert (name in kept) == (smoothing <= 0.1)
    assert 0 < len(kept) < BEST
    other = read_space(
        Document({"format": "automix-search/space/1", "mix": {"choice": ["none", "fmix"]}}, "other")
    )
    assert warm_start(runs[:1], other).points == ()
    assert warm_start(runs[:1], other).told == f"none of {runs[0].path}"


def test_a_run_in_which_nothing_has_finished_gives_nothing(tmp_path: Path) -> None:
    empty = create_run(tmp_path, "empty")
    assert warm_start([empty], toy_space()).points == ()
    empty.environment.write_text(json.dumps({"objective": {"metric": "score", "direction": "max"}}))
    assert warm_start([empty], toy_space()).told == f"none of {empty.path}"


@pytest.mark.parametrize("text", ["{", "{}", '{"objective": {"weight": 3}}', '{"objective": 3}'])
def test_a_damaged_run_is_refused(tmp_path: Path, text: str) -> None:
    broken = create_run(tmp_path, "broken")
    broken.environment.write_text(text)
    with pytest.raises(InputError, match="broken"):
        warm_start([broken], toy_space())


def test_scores_of_earlier_runs_are_no_observations(
    tmp_path: Path, runs: tuple[RunFolder, RunFolder]
) -> None:
    points = warm_start(runs, toy_space()).points
    run = create_run(tmp_path, "run")
    conduct(run, toy_plan(trials=2, portfolio=points, finalists=0), in_process())
    searched = [record for record in read_records(run.ledger).values() if record.stage == "search"]
    assert [record.asked["params"] for record in searched] == [dict(point.params) for point in points[:2]]


def test_without_runs_there_is_nothing_to_tell() -> None:
    assert warm_start([], toy_space()).told == ""
    assert isinstance(FirstPoint(origin="a", params={}), FirstPoint)
