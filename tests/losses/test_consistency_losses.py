"""Losses that ask for like predictions: mixtures, and views by Jensen and Shannon."""

from __future__ import annotations

import math

import pytest
import torch
from loss_steps import Flat, blended, network, pictures, step_of
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.losses.augmix import AugMixConsistency, jensen_shannon
from automix_search.losses.consistency import MixtureConsistency, divergence
from automix_search.mixing import MixedBatch


def test_divergence_golden() -> None:
    """KL([.5, .5] from [.25, .75]) = .5 log 2 + .5 log(2/3)."""
    expected, found = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, math.log(3)]])
    assert divergence(expected, found).item() == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert divergence(found, found + 3).item() == pytest.approx(0)
    two = divergence(expected.expand(2, 2), torch.cat((found, expected)))
    assert two.item() == pytest.approx(0.5 * divergence(expected, found).item())


def test_a_linear_model_is_consistent() -> None:
    images, loss = pictures(), MixtureConsistency(weight=7.0)
    step = step_of(loss, blended(images, 0.3), model=Flat())
    torch.testing.assert_close(loss(step), functional.cross_entropy(step.outcome.logits, step.targets))


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_mixture_of_a_step(average: str) -> None:
    """Pictures so bright that the two averages differ."""
    model, images = network().train(), 20 * pictures()
    drawn = blended(images, torch.tensor([0.2, 0.9, 0.6, 0.5, 0.3, 1.0]))
    loss = MixtureConsistency.model_validate({"weight": 2.0, "average": average})
    with torch.no_grad():
        clean = model.eval()(images)
    clean = clean if average == "logits" else clean.softmax(1)
    mixed = drawn.weights[:, :1] * clean + drawn.weights[:, 1:] * clean.roll(-1, 0)
    chances = mixed.softmax(1) if average == "logits" else mixed
    step = step_of(loss, drawn, model=model.train(), images=images)
    found, logits = loss(step), step.outcome.logits
    spread = (chances * (chances.log() - logits.log_softmax(1))).sum(1).mean()
    wanted = functional.cross_entropy(logits, step.targets) + 2 * spread
    torch.testing.assert_close(found, wanted)


def test_samples_from_beyond_the_batch_have_no_prediction() -> None:
    images = pictures()
    drawn = MixedBatch(
        images, torch.tensor([[0, 6]] * 6), torch.full((6, 2), 0.5), more_labels=torch.eye(5)[:1]
    )
    for loss in (MixtureConsistency(), AugMixConsistency()):
        with pytest.raises(InputError, match="a method that mixes in samples from beyond the batch"):
            loss(step_of(loss, drawn))


def test_jensen_shannon_golden() -> None:
    """Two certain, different views: log 2; three: log 3; equal ones: 0."""
    certain = torch.eye(3)[None]
    assert jensen_shannon(certain).item() == pytest.approx(math.log(3), abs=1e-5)
    assert jensen_shannon(certain[:, :2]).item() == pytest.approx(math.log(2), abs=1e-5)
    same = torch.rand(4, 1, 6).softmax(2).expand(4, 3, 6)
    torch.testing.assert_close(jensen_shannon(same), torch.zeros(4), atol=1e-6, rtol=0)
    views = torch.tensor([[[0.7, 0.3], [0.4, 0.6], [0.1, 0.9]]])
    middle = torch.tensor([0.4, 0.6])
    wanted = sum(float((row * (row / middle).log()).sum()) for row in views[0]) / 3
    assert jensen_shannon(views).item() == pytest.approx(wanted, abs=1e-6)


def test_jensen_shannon_of_certain_predictions_has_finite_gradients() -> None:
    logits = torch.tensor([[[300.0, 0, 0], [0, 300.0, 0], [300.0, 0, 0]]], requires_grad=True)
    jensen_shannon(logits.softmax(2)).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_views_of_an_unmixed_step_are_one_batch() -> None:
    """The paper's loss: cross-entropy of the first view, and 12 times the divergence of the three."""
    model, images, loss = network(), pictures(), AugMixConsistency()
    found = loss(step_of(loss, MixedBatch.unmixed(images), model=model))
    logits = model(torch.cat((images, images.flip(3), images.flip(3))))
    views = logits.softmax(1).view(3, 6, 5)
    middle = views.mean(0).clamp(1e-7, 1).log()
    spread = sum(functional.kl_div(middle, view, reduction="batchmean") for view in views) / 3
    wanted = functional.cross_entropy(logits[:6], torch.arange(6) % 5) + 12 * spread
    torch.testing.assert_close(found, wanted)


def test_views_of_a_mixed_step_are_mixed_alike() -> None:
    model, images, loss = network().eval(), pictures(), AugMixConsistency(weight=3.0)
    drawn = blended(images, 0.3)
    step = step_of(loss, drawn, model=model)
    own, other = model(drawn.inputs), model(images.flip(3)).softmax(1)
    other = 0.3 * other + 0.7 * other.roll(-1, 0)
    spread = jensen_shannon(torch.stack((own.softmax(1), other, other), 1)).mean()
    wanted = functional.cross_entropy(own, drawn.targets(step.labels)) + 3 * spread
    torch.testing.assert_close(loss(step), wanted)
