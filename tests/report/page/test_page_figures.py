"""What the figures of the page say."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from told_runs import Torn, searched

from automix_search.report.page.branches import Branch, branches_of
from automix_search.report.page.classes import effects_of, shortened
from automix_search.report.page.cost import spent_s
from automix_search.report.page.fidelity import fidelity
from automix_search.report.page.figures import frame, plain, unit_of
from automix_search.report.page.importance import weigh
from automix_search.report.page.incumbent import leads, moments_of
from automix_search.report.page.material import Material, material_of
from automix_search.report.page.palette import DARK, PALE
from automix_search.report.page.parameters import LANE, height_of, parameters
from automix_search.report.page.trade_off import Point, front, trade_off
from automix_search.spaces.holes import ChoiceHole, RangeHole
from automix_search.training.base import Objective
from automix_search.tuning.fidelity_audit import audit_of
from automix_search.tuning.ledger import Record
from automix_search.tuning.stopping import Asha

UP, DOWN = Objective("accuracy", "max"), Objective("nll", "min")
SMOOTHING = RangeHole("loss.smoothing", 0.0, 1.0)
RATE = RangeHole("trainer.optimizer.lr", 0.001, 0.1, log=True)
MIX = ChoiceHole("mix", ("none", "cutmix", None), (None, None, None))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material_of(searched(tmp_path_factory.mktemp("runs")))


def trial(value: float, **params: object) -> Record:
    record = Record({"job": "t", "params": {name.replace("__", "."): each for name, each in params.items()}})
    record.state, record.value = "finished", value
    return record


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1),
    st.sampled_from([UP, DOWN]),
)
def test_the_front_holds_what_nothing_beats_in_both(pairs, objective):
    points = [Point(SimpleNamespace(name=str(place)), *pair) for place, pair in enumerate(pairs)]
    best = front(points, objective)

    def beats(first: Point, second: Point) -> bool:
        no_worse = first.cost <= second.cost and not objective.better(second.score, first.score)
        return no_worse and (first.cost, first.score) != (second.cost, second.score)

    assert not any(beats(other, point) for point in best for other in points)
    left_out = [point for point in points if not any(beats(other, point) for other in points)]
    assert {(point.cost, point.score) for point in left_out} == {(point.cost, point.score) for point in best}
    assert [point.cost for point in best] == sorted(point.cost for point in best)


def test_several_objectives_show_their_own_front(tmp_path):
    torn = material_of(searched(tmp_path, Torn(), trials=12, scheduler="none"))
    section = trade_off(torn)
    assert section.title == "Several objectives"
    (chart,) = section.parts
    best = next(trace for trace in chart.figure.data if trace.name == "on the front")
    on_front = {row.name for row in torn.rows if row.distance is not None}
    assert {name.rstrip("*") for name in best.text} == on_front
    assert list(best.x) == sorted(best.x)
    assert list(best.y) == sorted(best.y)
    assert torn.rows[0].name in chart.caption


def test_heights_on_an_axis_go_by_its_scale():
    assert height_of(SMOOTHING, {"loss.smoothing": 0.25}) == 0.25
    assert height_of(RATE, {"trainer.optimizer.lr": 0.01}) == pytest.approx(0.5)
    assert [height_of(MIX, {"mix": label}) for label in MIX.labels] == [0, 0.5, 1]
    assert height_of(RATE, {}) == LANE < 0


def test_compute_counts_all_trainings_and_the_lead_only_grows(material):
    moments = moments_of(material)
    searching = {"baseline", "search"}
    finished = [
        each for each in material.records.values() if each.stage in searching and each.state == "finished"
    ]
    assert [moment.name for moment in moments] == [record.candidate for record in finished]
    spent = [event.get("seconds", 0.0) for event in material.events]
    last = max(place for place, event in enumerate(material.events) if event.get("job") == moments[-1].name)
    assert moments[-1].spent_s == pytest.approx(sum(spent[: last + 1]))
    values = [moment.value for moment in leads(material, moments)]
    assert values == sorted(set(values))
    assert values[-1] == max(moment.value for moment in moments)


def test_where_compute_went_adds_up(material):
    spent = spent_s(material)
    total = sum(event.get("seconds", 0.0) for event in material.events)
    assert sum(spent.values()) == pytest.approx(total)
    failed = sum(each.seconds for each in material.records.values() if each.state == "failed")
    assert spent.get("failed", 0.0) == pytest.approx(failed)
    assert material.compute_s("none") == pytest.approx(
        sum(each.seconds for name, each in material.records.items() if name.partition("@")[0] == "none")
    )


def test_a_branch_holds_the_trials_that_took_its_choice(material):
    common, cutmix = branches_of(material)
    assert [hole.name for hole in common.holes] == ["mix", "loss.smoothing"]
    assert cutmix.choice == ("mix", "cutmix")
    assert cutmix.names == ["cutmix.alpha", "cutmix.probability"]
    assert 0 < len(cutmix.records) < len(common.records)
    assert all(record.asked["params"]["mix"] == "cutmix" for record in cutmix.records)
    assert all(record.state == "pruned" for record in common.stopped)
    assert common.stopped


def test_the_audit_is_drawn_with_what_was_assumed_and_found(material):
    told, chart = fidelity(material).parts
    assert told.text.startswith("Fidelity: ")
    agreement, *marks = chart.figure.data
    audit = audit_of(material.records, material.objective, Asha())
    judged = [rung for rung in audit["rungs"] if rung["tau"] is not None]
    assert list(agreement.y) == [rung["tau"] for rung in judged]
    highs = [rung["interval"][1] for rung in judged]
    assert [tau + up for tau, up in zip(agreement.y, agreement.error_y.array, strict=True)] == pytest.approx(
        highs
    )
    assert marks[0].name == "first rung assumed"
    assert set(marks[0].x) == {audit["assumed"]["first_epoch"]}


def test_names_are_as_short_as_tells_them_apart():
    holes = [RangeHole(name, 0, 1) for name in ("a.crop.p", "b.crop.p", "loss.soft.smoothing", "x")]
    assert Branch(None, holes, [], []).names == ["a.crop.p", "b.crop.p", "soft.smoothing", "x"]


def test_parameters_are_drawn_for_each_branch(material):
    common, fold = parameters(material).parts
    (own,) = fold.parts
    assert own.title == "Trials with mix = cutmix"
    assert fold.title.startswith("mix = cutmix, ")
    axes = [text.replace("<br>", "") for text in own.figure.layout.xaxis.ticktext]
    assert axes == ["cutmix.alpha", "cutmix.probability", "validaccuracy"]
    for chart, branch in zip((common, own), branches_of(material), strict=True):
        assert sum(list(trace.x).count(0) for trace in chart.figure.data) == len(branch.records)


def test_what_matters_lies_beyond_chance_and_what_does_not_does_not():
    values = [place / 59 for place in range(60)]
    noise = [(place * 37 % 60) / 59 for place in range(60)]
    records = [
        trial(-abs(value - 0.3), loss__smoothing=value, other=drawn)
        for value, drawn in zip(values, noise, strict=True)
    ]
    branch = Branch(None, [RangeHole("other", 0.0, 1.0), SMOOTHING], records, [])
    first, second = weigh(branch, larger_is_better=True)
    assert first.hole is SMOOTHING
    assert first.found > 2 * first.chance
    assert second.found < second.chance


def test_what_mattered_is_for_the_better_scores():
    values = [place / 59 for place in range(60)]
    scores = [10.0 if value < 0.25 else place * 37 % 60 / 60 for place, value in enumerate(values)]
    records = [trial(score, loss__smoothing=value) for score, value in zip(scores, values, strict=True)]
    branch = Branch(None, [SMOOTHING], records, [])
    (best,), (worst,) = (weigh(branch, larger_is_better=larger) for larger in (True, False))
    assert best.found > 2 * worst.found


def test_importance_is_among_the_trials_that_have_the_parameter():
    records = [
        trial(place / 59, **({"loss__smoothing": place / 59} if place % 3 else {})) for place in range(60)
    ]
    few = [
        trial(place / 59, **({"loss__smoothing": place / 59} if place % 6 == 0 else {}))
        for place in range(60)
    ]
    assert len(weigh(Branch(None, [SMOOTHING], records, []), larger_is_better=False)) == 1
    assert weigh(Branch(None, [SMOOTHING], few, []), larger_is_better=False) == []


def confirmed(candidate: str, seed: int, **recalls: float) -> Record:
    record = Record({"job": "j", "stage": "confirm", "candidate": candidate, "seed": seed, "test": True})
    record.state = "finished"
    record.metrics = [{"epoch": 1, **{f"test_recall/{label[1:]}": value for label, value in recalls.items()}}]
    return record


def test_effects_are_seed_by_seed_with_an_interval_of_t():
    gains = {1: 0.1, 2: 0.2, 3: 0.3}
    records = [confirmed("trial", seed, _0=0.5 + gain, _2=0.4) for seed, gain in gains.items()]
    records += [confirmed("base", seed, _0=0.5, _2=0.5) for seed in (3, 2, 1)]
    cat, eel = effects_of(records, "trial", "base", ("cat", "dog", "eel"))
    assert (cat.name, eel.name) == ("cat", "eel")
    assert (cat.gain, eel.gain) == pytest.approx((0.2, -0.1))
    reach = 4.302653 * 0.1 / math.sqrt(3)
    assert cat.interval == pytest.approx((0.2 - reach, 0.2 + reach), rel=1e-5)
    assert cat.colour == PALE
    (alone,) = effects_of(records[:1] + records[-1:], "trial", "base")[:1]
    assert (alone.name, alone.interval) == ("class 0", None)


def test_of_many_classes_the_most_changed_are_shown():
    many = [SimpleNamespace(gain=-place) for place in range(100)]
    assert [effect.gain for effect in shortened(many)] == [-place for place in (*range(20), *range(80, 100))]
    assert shortened(many[:40]) == many[:40]


@pytest.mark.parametrize(("objective", "wanted"), [(UP, (10, 100)), (DOWN, (0, 90))])
def test_a_frame_leaves_the_worst_out(objective, wanted):
    low, high = frame(list(range(101)), objective)
    pad = 0.06 * (wanted[1] - wanted[0])
    assert (low, high) == pytest.approx((wanted[0] - pad, wanted[1] + pad))


def test_text_of_a_run_is_no_tag_to_plotly():
    assert plain("<b>a & b</b>") == "&lt;b&gt;a &amp; b&lt;/b&gt;"


def test_units_suit_what_was_spent():
    assert [unit_of(seconds)[0] for seconds in (5, 700, 20_000)] == ["seconds", "minutes", "hours"]


def test_every_colour_has_one_for_dark_pages():
    assert len(set(DARK.values()) | DARK.keys()) == 2 * len(DARK)
