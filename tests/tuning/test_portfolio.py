"""What a search tries first."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_resume import KillAt, Killed
from toys import Toy, in_process, toy_plan, toy_space

from automix_search.documents import Document
from automix_search.errors import InputError
from automix_search.policy import Policy
from automix_search.presets import list_presets
from automix_search.spaces import Space, read_space
from automix_search.spaces.nearest import nearest_point
from automix_search.training.recipe import Recipe
from automix_search.tuning.baselines import baselines_of
from automix_search.tuning.ledger import named, read_records
from automix_search.tuning.portfolio import FirstPoint, first_points, known_policies, portfolio, usual_size
from automix_search.tuning.run_folder import create_run
from automix_search.tuning.search import conduct
from automix_search.validation import dump

CHOICES = {
    "format": "automix-search/space/1",
    "mix": {
        "choice": ["none", {"kind": "cutmix", "alpha": "default", "probability": "default"}, "fmix", "mixup"]
    },
    "loss": {"kind": "soft_cross_entropy", "smoothing": {"range": [0.0, 0.2], "prior": 0.05}},
}


def choices() -> Space:
    return read_space(Document(CHOICES, "choices"), base=Toy().transform)


def first(
    size: int, space: Space | None = None, earlier: tuple[FirstPoint, ...] = ()
) -> tuple[FirstPoint, ...]:
    return portfolio(space or choices(), Toy(), baselines_of(Toy()), size, earlier)


def test_every_known_policy_says_where_it_comes_from() -> None:
    names = [known.name for known in known_policies()]
    assert len(names) == len(set(names)) >= 12
    assert all(known.source.count(",") >= 2 and "20" in known.source for known in known_policies())
    assert len({repr(dump(known.policy)) for known in known_policies()}) == len(names)


def test_every_shipped_space_but_those_of_tables_holds_some() -> None:
    held = {}
    for preset in list_presets("space"):
        space = read_space(preset.document(), settings=Recipe())
        held[preset.name] = [known.name for known in known_policies() if nearest_point(space, known.policy)]
    assert {name for name, known in held.items() if not known} == {"pba"}
    assert {name for known in held.values() for name in known} == {
        known.name for known in known_policies()
    } - {"cutout"}


def test_known_policies_come_in_their_order_as_far_as_they_are_in_the_space() -> None:
    found = first(10)
    assert [point.origin for point in found] == ["cutmix", "mixup", "light-mixup", "fmix", "smoothed-labels"]
    assert found[0].params == {
        "mix": "cutmix",
        "mix.cutmix.alpha": 1.0,
        "mix.cutmix.probability": 0.5,
        "loss.smoothing": 0.05,
    }
    assert first(2) == found[:2]
    assert first(0) == ()
    for point in found:
        choices().fill(point.params)


def test_a_baseline_is_not_tried_again() -> None:
    tree = {**CHOICES, "loss": {"kind": "soft_cross_entropy", "smoothing": {"choice": [0.0, 0.1]}}}
    space = read_space(Document(tree, "choices"), base=Toy().transform)
    mixed = Policy.model_validate({"mix": {"kind": "mixup", "alpha": 1.0}})
    own = {**baselines_of(Toy()), "mine": Toy().settle(mixed)}
    assert "mixup" in [point.origin for point in first(10, space)]
    assert "mixup" not in [point.origin for point in portfolio(space, Toy(), own, 10)]


def test_the_same_point_is_not_tried_twice_and_earlier_ones_come_first() -> None:
    cutmix = first(1)[0]
    earlier = (
        cutmix.model_copy(update={"origin": "old/t0003"}),
        cutmix.model_copy(update={"origin": "old/t0004"}),
    )
    assert [point.origin for point in first(3, earlier=earlier)] == ["old/t0003", "mixup", "light-mixup"]


def test_a_quarter_of_the_trials_is_known_beforehand_eight_at_most() -> None:
    assert [usual_size(trials) for trials in (1, 3, 4, 24, 32, 33, 400)] == [0, 0, 1, 6, 8, 8, 8]
    asked = [
        len(first_points(size, trials, choices(), Toy(), {}))
        for size, trials in ((None, 3), (None, 9), (0, 40), (4, 40), (4, 3), (400, 40))
    ]
    assert asked == [0, 2, 0, 4, 3, 5]


def test_an_earlier_point_makes_room_for_itself() -> None:
    point = first(1)[0]
    assert first_points(None, 2, choices(), Toy(), {}, [point]) == (point,)


def test_points_may_be_given_and_must_lie_in_the_space() -> None:
    mine = FirstPoint(origin="mine", params={"mix": "none", "loss.smoothing": 0.2})
    assert first_points((mine,), 1, choices(), Toy(), {}) == (mine,)
    outside = FirstPoint(origin="mine", params={"mix": "none", "loss.smoothing": 0.3})
    with pytest.raises(
        InputError, match=r"portfolio\[1\], from mine: the parameter `loss.smoothing` must lie in"
    ):
        first_points((mine, outside), 1, choices(), Toy(), {})


def test_a_single_point_has_no_portfolio() -> None:
    tree = {"format": "automix-search/space/1", "mix": {"kind": "cutmix", "alpha": 1.0, "probability": 0.5}}
    space = read_space(Document(tree, "point"))
    assert first_points(8, 8, space, Toy(), {}) == ()


POINTS = tuple(
    FirstPoint(origin=f"p{number}", params={"mix": "none", "loss.smoothing": number / 10})
    for number in (2, 0, 1)
)


def test_they_are_the_first_trials_and_count_as_trials(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run")
    conduct(run, toy_plan(trials=5, portfolio=POINTS, finalists=0), in_process())
    trials = named(read_records(run.ledger).values(), "search")
    assert len(trials) == 5
    assert [trial.asked["params"] for trial in trials][:3] == [dict(point.params) for point in POINTS]
    for trial in trials:
        toy_space().fill(trial.asked["params"])


@pytest.mark.parametrize("sampler", ["random", "tpe", "priorband", "gp", "cmaes", "nsga2"])
def test_the_sampler_proposes_the_rest_as_it_would_have(tmp_path: Path, sampler: str) -> None:
    run = create_run(tmp_path, "run")
    conduct(run, toy_plan(trials=5, portfolio=POINTS[:1], finalists=0, sampler=sampler), in_process())
    params = [record.asked["params"] for record in named(read_records(run.ledger).values(), "search")]
    assert params[0] == dict(POINTS[0].params)
    assert len({str(point) for point in params}) == 5


@pytest.mark.parametrize("event", [9, 10, 14, 18, 22, 26, 27, 30])
@pytest.mark.parametrize("sampler", ["priorband", "tpe"])
def test_killed_among_them_and_resumed(tmp_path: Path, event: int, sampler: str) -> None:
    plan = toy_plan(trials=6, portfolio=POINTS, finalists=0, sampler=sampler)
    whole, run = create_run(tmp_path, "whole"), create_run(tmp_path, "run")
    conduct(whole, plan, in_process())
    with pytest.raises(Killed):
        conduct(run, plan, in_process(), [KillAt(event)])
    conduct(run, plan, in_process(), resume=True)
    assert run.leaderboard.read_text() == whole.leaderboard.read_text()
