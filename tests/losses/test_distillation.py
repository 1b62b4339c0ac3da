"""Learning from a teacher: temperature and standard deviation, batches that stay mixed in part."""

from __future__ import annotations

import pytest
import torch
from loss_steps import CLASSES, Flat, blended, hidden, network, pasted, pictures, step_of
from torch import Tensor, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.losses.distillation import Distillation, MixKD, partly
from automix_search.mixing import MixedBatch

SHARE = torch.tensor([0.2, 0.9, 0.6, 0.5, 0.3, 1.0])


class Affine(nn.Module):
    """Another model's logits, scaled and moved."""

    def __init__(self, model: nn.Module, scale: float, shift: float) -> None:
        super().__init__()
        self.model, self.scale, self.shift = model, scale, shift

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.scale * self.model(images) + self.shift
        return logits


def deviation(logits: Tensor) -> Tensor:
    return logits / logits.std(1, correction=1, keepdim=True)


def test_distillation_by_hand() -> None:
    model, teacher, loss = network(), network(7).eval(), Distillation(teacher_weight=0.7, temperature=3.0)
    drawn = blended(pictures(), SHARE)
    step = step_of(loss, drawn, model=model, teacher=teacher)
    found = loss(step)
    logits, taught = step.outcome.logits, teacher(drawn.inputs)
    learnt = functional.kl_div((logits / 3).log_softmax(1), (taught / 3).softmax(1), reduction="batchmean")
    wanted = 0.3 * functional.cross_entropy(logits, step.targets) + 0.7 * 9 * learnt
    torch.testing.assert_close(found, wanted)


def test_mix_kd_by_hand() -> None:
    """Both parts are on rescaled logits; there is no square of a temperature."""
    model, teacher, loss = network(), network(7).eval(), MixKD(teacher_weight=0.9, scale=0.5, mixed=1.0)
    drawn = blended(pictures(), SHARE)
    step = step_of(loss, drawn, model=model, teacher=teacher)
    found = loss(step)
    logits, taught = 2 * deviation(model(drawn.inputs)), 2 * deviation(teacher(drawn.inputs))
    learnt = functional.kl_div(logits.log_softmax(1), taught.softmax(1), reduction="batchmean")
    wanted = 0.1 * functional.cross_entropy(logits, drawn.targets(step.labels)) + 0.9 * learnt
    torch.testing.assert_close(found, wanted)


def test_a_teacher_that_differs_in_scale_and_shift_teaches_nothing_more() -> None:
    model, loss = network().eval(), MixKD(teacher_weight=1.0)
    step = step_of(loss, blended(pictures(), SHARE), model=model, teacher=Affine(network().eval(), 3.0, -2.0))
    torch.testing.assert_close(loss(step), torch.zeros(()), atol=1e-6, rtol=0)


def test_logits_all_alike_are_no_division_by_zero() -> None:
    model, loss = Flat(), MixKD()
    for item in model.parameters():
        nn.init.zeros_(item)
    step = step_of(loss, blended(pictures(), SHARE), model=model, teacher=network().eval())
    value = loss(step)
    value.backward()  # type: ignore[no-untyped-call]
    assert value.isfinite()
    assert all(item.grad is not None and item.grad.isfinite().all() for item in model.parameters())


@pytest.mark.parametrize(("part", "count"), [(0.0, 0), (0.4, 2), (0.5, 3), (1.0, 6)])
def test_a_part_stays_mixed(part: float, count: int) -> None:
    images = pictures()
    for drawn in (blended(images, 0.3), pasted(images, 5)):
        batch = partly(drawn, images, part)
        assert torch.equal(batch.inputs[:count], drawn.inputs[:count])
        assert torch.equal(batch.inputs[count:], images[count:])
        targets, rows = batch.targets(torch.eye(6)), drawn.targets(torch.eye(6))
        torch.testing.assert_close(targets, torch.cat((rows[:count], torch.eye(6)[count:])))
        if drawn.mask is not None:
            assert batch.mask is not None
            assert (batch.mask[count:] == 1).all()


def test_a_part_keeps_labels_from_beyond_the_batch() -> None:
    images, more = pictures(), torch.rand(6, CLASSES)
    sources = torch.stack((torch.arange(6), torch.arange(6, 12)), 1)
    drawn = MixedBatch(images + 1, sources, torch.full((6, 2), 0.5), more_labels=more)
    rows = partly(drawn, images, 0.5).targets(torch.zeros(6, CLASSES))
    torch.testing.assert_close(rows, torch.cat((0.5 * more[:3], torch.zeros(3, CLASSES))))


def test_nothing_mixed_is_distillation_on_clean_images() -> None:
    model, teacher, loss = network().eval(), network(7).eval(), MixKD(mixed=0.0)
    found = [
        loss(step_of(loss, drawn, model=model, teacher=teacher))
        for drawn in (blended(pictures(), SHARE), MixedBatch.unmixed(pictures()))
    ]
    torch.testing.assert_close(found[0], found[1])


def test_where_features_are_mixed_the_teacher_mixes_its_predictions() -> None:
    model, teacher, images = Flat(), network(7).eval(), pictures()
    for loss in (MixKD(), Distillation()):
        step = step_of(loss, hidden(images), model=model, teacher=teacher)
        taught = teacher(images)
        torch.testing.assert_close(step.taught(step.batch), 0.5 * taught + 0.5 * taught.roll(-1, 0))
        mixed = step_of(loss, blended(images, 0.5), model=model, teacher=Affine(Flat(), 1.0, 0.0))
        torch.testing.assert_close(step.outcome.logits, mixed.outcome.logits)
        assert loss(step).isfinite()


def test_a_teacher_of_other_classes_is_refused() -> None:
    loss = Distillation()
    step = step_of(loss, blended(pictures(), SHARE), teacher=network(7, num_classes=9).eval())
    with pytest.raises(InputError, match="of the task's 5 classes, but the teacher has 9 classes"):
        loss(step)
    with pytest.raises(InputError, match="the teacher has 9"):
        step.signals.logits("teacher")
    with pytest.raises(InputError, match="the teacher has 9"):
        step.signals.class_maps("teacher")
    assert step.signals.features("teacher").shape[0] == 6
