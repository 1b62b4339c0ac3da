"""The plan that is told before a search."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rehearsed import SPACE, plan

from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import Place
from automix_search.documents import Document
from automix_search.presets import find_preset
from automix_search.report.estimate import calibrate, longest, time_told
from automix_search.report.plan import MOST_PARAMETERS, plan_view
from automix_search.spaces import read_space
from automix_search.training.factory import trainer_from_recipe
from automix_search.training.recipe import Recipe
from automix_search.tuning.baselines import baselines_of
from automix_search.tuning.stopping import Asha

ORIGINS = {"space": "/else/small.yaml", "trainer": "Python objects", "cluster": "the cluster"}


def view(searched, **more):
    settings = {"origins": ORIGINS, "run": Path("runs/first"), "epoch_s": 2.0}
    return plan_view(searched, InProcess(Place(threads=2)), **(settings | more))


def test_the_plan_as_text(render):
    assert render(view(plan())).splitlines() == [
        "",
        "space    small, 3 parameters · /else/small.yaml",
        "         mix              none, mixup",
        "         mix.mixup.alpha  0.05 to 4 (log), if mix = mixup",
        "         loss.smoothing   0 to 0.2",
        "trainer  Told, accuracy, higher is better",
        "against  none, base",
        "trials   5 × 4 epochs, chosen by tpe (seed 0), each to its end",
        "race     the best 2 trials and the baselines, by validation, on up to 2 fresh seeds each",
        "verdict  the best trial against each baseline, on 3 more seeds and the test split; `better` takes a",
        "         gain of 3.6 standard deviations of the paired differences (18 with 2 seeds, the fewest)",
        "where    1 worker × 2 threads on cpu",
        "in all   at most 24 trainings: 2 baselines, 5 trials, 8 to race, 9 to confirm",
        "time     at most 3 min 12 s (8.0 s a training, 1 at a time)",
        "results  runs/first/",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_plan_fits_any_terminal(render, width):
    text = render(view(plan(stopping=Asha())), width)
    assert "mix.mixup.alpha" in text
    assert "stopped early by asha" in " ".join(text.split())


def test_a_large_space_is_told_in_part(render):
    many = [{"weight": {"range": [0.1, 1.0]}, "method": "mixup"} for _ in range(20)]
    space = read_space(Document({**SPACE, "mix": {"kind": "switch", "options": many}}, "large.yaml"))
    text = render(view(plan(space=space)))
    assert f"and {len(space.parameters) - MOST_PARAMETERS} more" in text


def test_a_resumed_search_says_what_is_done(render):
    text = render(view(plan(), done=9))
    assert "9 of them are done" in text
    assert "at most 2 min (8.0 s a training" in text


def test_a_search_without_confirmation_says_so(render):
    text = render(view(plan(finalists=0)))
    assert "in all   7 trainings: 2 baselines, 5 trials\n" in text
    assert "scores of the search are all there will be" in text


@pytest.mark.parametrize(
    ("changes", "workers", "told"),
    [
        ({}, 4, "at most 48 s (8.0 s a training, 4 at a time)"),
        ({"stopping": Asha()}, 1, "at most 3 min 12 s (8.0 s a training, 1 at a time)"),
        (
            {"time_budget_s": 1800.0},
            4,
            "at most 48 s (8.0 s a training, 4 at a time); no trial starts after 30 min",
        ),
        ({"finalists": 0}, 1, "about 56 s (8.0 s a training, 1 at a time)"),
        ({}, None, "at most 3 min 12 s (8.0 s a training, less by as many as the cluster runs at a time)"),
    ],
)
def test_the_time_depends_on_workers_and_stopping(changes, workers, told):
    assert time_told(plan(**changes), 2.0, workers) == told


def test_the_time_of_a_loop_of_the_users_own_is_not_known_beforehand():
    searched = plan()
    assert calibrate(searched, Place()) is None
    assert time_told(searched, None, 2) == "unknown until the first epoch"


def test_the_time_is_that_of_the_longest_training_the_space_proposes():
    space = read_space(
        Document({**SPACE, "trainer": {"epochs": {"choice": [2, 16, 8]}}}, "long.yaml"),
        settings=Recipe.model_validate({"data": {"kind": "digits"}, "model": {"name": "tiny_cnn"}}),
    )
    assert longest(plan(space=space)) == 16
    assert longest(plan(space=space, epochs=3)) == 3
    assert time_told(plan(space=space), 1.0, 1).startswith("at most")


def test_a_recipe_is_measured_with_the_threads_of_a_worker():
    trainer = trainer_from_recipe(find_preset("trainer", "digits-cnn").document())
    threads = torch.get_num_threads()
    epoch_s = calibrate(plan(trainer=trainer, baselines=baselines_of(trainer)), Place(threads=1))
    assert epoch_s is not None
    assert 0 < epoch_s < 60
    assert torch.get_num_threads() == threads


def test_a_device_that_is_elsewhere_cannot_be_measured(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    trainer = trainer_from_recipe(find_preset("trainer", "digits-cnn").document())
    assert calibrate(plan(trainer=trainer, baselines=baselines_of(trainer)), Place(device="cuda")) is None
