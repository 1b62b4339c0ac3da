"""Trial tables and landscapes: trainers like any other, and of the properties that are claimed of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import optuna
import pytest
from simulated import HILLS, LINE, crossing, plan

from automix_search.compute.simulated import EPOCH_TIME, Simulated
from automix_search.errors import InputError
from automix_search.evidence.fidelity import soft_tau
from automix_search.policy import Policy
from automix_search.testing.landscapes import BEST, CROSSING, WITHIN, Crossing, Hills, Plain, regret
from automix_search.testing.tables import Noise, RecordedTable, SyntheticTable
from automix_search.testing.trainers import TrainerContract
from automix_search.training.base import AbstractTrainer, Assignment
from automix_search.tuning.search import rehearse


class TestSyntheticTable(TrainerContract):
    @pytest.fixture
    def trainer(self) -> AbstractTrainer:
        return SyntheticTable(Plain(epochs=2), 2)


def finals(noise: Noise, seeds: int = 400) -> np.ndarray:
    """Validation and test scores over seeds, of two policies: 2 x 2 x seeds."""
    table = SyntheticTable(Plain(), 2, noise)
    policies = [LINE.fill({"loss.smoothing": smoothing}).policy for smoothing in (0.05, 0.15)]
    last = [
        [list(table.train(Assignment(policy, seed, 2, test=True)))[-1] for seed in range(seeds)]
        for policy in policies
    ]
    return np.array([[[told[key] for told in one] for key in ("accuracy", "test_accuracy")] for one in last])


def test_pairing_takes_away_what_seeds_have_in_common() -> None:
    scores = finals(Noise(shared=0.01, own=0.001, epoch=0.0, split=0.0))
    assert scores[0].std() == pytest.approx(0.01, rel=0.15)
    assert (scores[0] - scores[1])[0].std() == pytest.approx(0.001 * 2**0.5, rel=0.15)
    assert scores[:, 0] == pytest.approx(scores[:, 1])


def test_the_luck_of_the_validation_split_is_no_luck_of_seeds() -> None:
    scores = finals(Noise(shared=0.0, own=0.0, epoch=0.0, split=0.01))
    assert scores.std(axis=2) == pytest.approx(0.0)
    assert scores[:, 1] == pytest.approx(BEST)
    assert abs(scores[0, 0, 0] - scores[1, 0, 0]) > 0.001


def test_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="the table has trainings of 2 epochs, not of 3"):
        next(iter(SyntheticTable(Plain(), 2).train(Assignment(Policy(), 0, 3))))


def test_the_crossing_curves_are_what_is_known_of_the_published_ones() -> None:
    vanilla, *mixups = CROSSING.values()
    assert len(mixups) == 13
    assert sum(known[0] > vanilla[0] for known in mixups) == 13
    losers = {name for name, known in CROSSING.items() if known[-1] < vanilla[-1]}
    assert losers == {
        "CutMix", "SmoothMix", "SaliencyMix", "AttentiveMix+", "FMix", "GridMix", "ResizeMix"
    }  # fmt: skip
    assert (vanilla[0], vanilla[-1]) == (79.37, 81.32)
    assert (CROSSING["CutMix"][0], CROSSING["CutMix"][-1]) == (81.52, 77.17)
    columns = list(zip(*CROSSING.values(), strict=True))
    taus = [soft_tau(column, columns[-1]).tau for column in columns[:3]]
    assert taus == pytest.approx([0.40, 0.78, 0.91], abs=0.01)
    assert max(CROSSING, key=lambda name: CROSSING[name][-1]) == "other 6"


def test_the_crossing_curves_go_through_the_known_points() -> None:
    curve = Crossing()(Policy()).curve
    assert [round(100 * curve[epoch - 1], 2) for epoch in (4, 8, 16, 24)] == list(CROSSING["vanilla"])
    assert crossing(0).value == pytest.approx(0.837, abs=0.02)


def random_policies(count: int) -> list[Policy]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [HILLS.fill(HILLS.suggest(study.ask())).policy for _ in range(count)]


def test_hills_have_a_top_that_few_random_points_are_near() -> None:
    truth, policies = Hills(), random_policies(1000)
    lost = np.array([BEST - truth.final(policy) for policy in policies])
    assert lost.min() > 0
    assert 0.008 <= (lost <= WITHIN).mean() <= 0.02
    assert np.median(lost) == pytest.approx(0.014, abs=0.001)
    top = {
        "transform.batch.affine.degrees": 10.0, "transform.batch.affine.translate": 0.06, "mix": "cutmix",
        "mix.cutmix.alpha": 0.9, "mix.cutmix.probability": 0.55, "loss.smoothing": 0.09,
    }  # fmt: skip
    assert regret(HILLS.fill(top).policy) == pytest.approx(0.0)


@pytest.mark.parametrize(("start", "low", "high"), [(1.0, 0.7, 0.9), (0.0, -0.2, 0.5), (-1.0, -1.0, -0.7)])
def test_hills_show_early_what_they_say(start: float, low: float, high: float) -> None:
    curves = np.array([Hills(start)(policy).curve for policy in random_policies(60)])
    tau = soft_tau(curves[:, 0], curves[:, -1]).tau
    assert tau is not None
    assert low <= tau <= high


def test_a_recorded_search_can_be_searched_again() -> None:
    searched = plan(HILLS, Hills(epochs=4), 4, seed=5)
    first = rehearse(searched, Simulated(2))
    table = RecordedTable(first.records, searched.trainer.objective)
    table.transform = searched.trainer.transform
    executor = Simulated(2)
    again = rehearse(dataclasses.replace(searched, trainer=table), executor)
    assert again.verdict == first.verdict
    assert {name: record.metrics for name, record in again.records.items()} == {
        name: record.metrics for name, record in first.records.items()
    }
    assert executor.clock() > 0
    other = dataclasses.replace(searched, trainer=table, seed=6, trials=0, finalists=0)
    assert all(record.state == "finished" for record in rehearse(other, Simulated()).records.values())


def test_what_was_not_recorded_is_refused() -> None:
    searched = plan(LINE, Plain(), 2, trials=2, finalists=0)
    table = RecordedTable(rehearse(searched, Simulated()).records, searched.trainer.objective)
    unknown = LINE.fill({"loss.smoothing": 0.1234}).policy
    with pytest.raises(InputError, match=r"the table has no training of 2 epochs of this policy$"):
        next(iter(table.train(Assignment(unknown, 0, 2))))
    known = searched.baselines["none"]
    with pytest.raises(InputError, match="of this policy scored on the test split"):
        next(iter(table.train(Assignment(known, 0, 2, test=True))))
    assert [told[EPOCH_TIME] for told in table.train(Assignment(known, 9, 2))] == [60.0, 60.0]
