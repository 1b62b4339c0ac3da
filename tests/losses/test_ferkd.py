"""FerKD: what a store keeps of soft labels, calibration by certainty, two views mixed with each other."""

from __future__ import annotations

import pytest
import torch
from loss_steps import CLASSES, SIZE, blended, network, pictures, step_of
from torch import Generator, Tensor
from torch.nn import functional

from automix_search.losses.ferkd import FerKD, OtherView
from automix_search.losses.soft_labels import Compression, calibrated, compressed
from automix_search.mixing import AbstractPartner, MixedBatch
from automix_search.policy import ImageSpec, Policy
from automix_search.randomness import Randomness
from automix_search.signals import Signals

ROWS = torch.tensor([[0.5, 0.25, 0.15, 0.06, 0.04], [0.1, 0.1, 0.2, 0.3, 0.3]])


@pytest.mark.parametrize(
    ("compression", "keep", "wanted"),
    [
        ("none", 2, [0.5, 0.25, 0.15, 0.06, 0.04]),
        ("hard", 2, [1, 0, 0, 0, 0]),
        ("smoothing", 2, [0.5, 0.125, 0.125, 0.125, 0.125]),
        ("marginal_smoothing", 2, [0.5, 0.25, 0.25 / 3, 0.25 / 3, 0.25 / 3]),
        ("marginal_renorm", 2, [2 / 3, 1 / 3, 0, 0, 0]),
        ("marginal_smoothing", 10, [0.5, 0.25, 0.15, 0.06, 0.04]),
    ],
)
def test_compression_golden(compression: str, keep: int, wanted: list[float]) -> None:
    found = compressed(ROWS, compression, keep)  # type: ignore[arg-type]
    torch.testing.assert_close(found[0], torch.tensor(wanted, dtype=torch.float32))
    torch.testing.assert_close(found.sum(1), torch.ones(2))


def test_calibration_by_certainty() -> None:
    certain = torch.tensor([0.1, 0.2, 0.5, 0.99])
    taught = torch.stack((certain, *[(1 - certain) / 20] * 20), 1)
    truth = torch.eye(21)[[3, 4, 5, 6]]
    found = calibrated(taught, certain[:, None], truth, 0.15, 0.3, 0.95)
    assert (found[0] == 0).all()
    assert torch.equal(found[1], truth[1])
    assert torch.equal(found[2], taught[2])
    assert (found[3] == 0).all()
    assert torch.equal(calibrated(taught, certain[:, None], truth, 0.0, 0.0, 1.0), taught)


def test_partners_are_the_other_views() -> None:
    partner = OtherView().partner(Signals(torch.zeros(6, 1, 2, 2)), Randomness(Generator().manual_seed(0)))
    assert partner.tolist() == [3, 4, 5, 0, 1, 2]


def mixing(share: float) -> dict[str, object]:
    """A step's way of mixing the pool of both views by a share."""

    def mix(signals: Signals, partner: AbstractPartner | None) -> MixedBatch:
        assert partner is not None
        return blended(signals.images, share, partner.partner(signals, Randomness(Generator())))

    return {"mix": mix}


def test_loss_by_hand() -> None:
    """The own view has share 0.3; its teacher's labels are mixed with those of the mirrored view."""
    model, teacher, images = network().eval(), network(7).eval(), pictures()
    loss = FerKD(lowest=0.0, context=0.0, compression="none")
    step = step_of(loss, MixedBatch.unmixed(images), model=model, teacher=teacher, **mixing(0.3))
    labels = 0.3 * teacher(images).softmax(1) + 0.7 * teacher(images.flip(3)).softmax(1)
    logits = model(0.3 * images + 0.7 * images.flip(3))
    torch.testing.assert_close(loss(step), functional.cross_entropy(logits, labels))


def test_uncertain_views_have_softened_truth() -> None:
    model, images = network().eval(), pictures()
    loss = FerKD(lowest=0.0, context=1.0, smoothing=0.2)
    step = step_of(loss, MixedBatch.unmixed(images), model=model, teacher=network(7).eval(), **mixing(0.6))
    logits = model(0.6 * images + 0.4 * images.flip(3))
    wanted = functional.cross_entropy(logits, torch.arange(6) % CLASSES, label_smoothing=0.2)
    torch.testing.assert_close(loss(step), wanted)


def test_views_that_are_dropped_do_not_count() -> None:
    model, images = network(), pictures()
    teacher = network(7).eval()
    certain = torch.cat((teacher(images), teacher(images.flip(3)))).softmax(1).amax(1).detach()
    loss = FerKD(lowest=float(certain.median()), context=0.0, compression="none")
    kept = (certain >= loss.lowest).float()
    step = step_of(loss, MixedBatch.unmixed(images), model=model.eval(), teacher=teacher, **mixing(0.3))
    views = [(0.3, images, kept[:6]), (0.7, images.flip(3), kept[6:])]
    labels = sum(share * here[:, None] * teacher(view).softmax(1) for share, view, here in views)
    assert isinstance(labels, Tensor)
    logits = model(0.3 * images + 0.7 * images.flip(3))
    wanted = -(labels * logits.log_softmax(1)).sum() / labels.sum()
    torch.testing.assert_close(loss(step), wanted)


@pytest.mark.parametrize("compression", ["hard", "smoothing", "marginal_smoothing", "marginal_renorm"])
def test_certainty_is_the_teachers_whatever_its_store_keeps(compression: Compression) -> None:
    """A store of hard labels would have the teacher sure of every view."""
    teacher, images = network(7).eval(), pictures()
    certain = torch.cat((teacher(images), teacher(images.flip(3)))).softmax(1).amax(1).detach()
    loss = FerKD(lowest=float(certain.max()) + 1e-3, context=0.0, compression=compression, keep=2)
    assert loss(step_of(loss, MixedBatch.unmixed(images), teacher=teacher, **mixing(0.3))).item() == 0


def test_thresholds_that_drop_every_view_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`lowest <= highest` must hold, but got lowest=0\.4, highest=0\.3"):
        FerKD(lowest=0.4, highest=0.3)


def test_a_batch_that_is_dropped_whole_teaches_nothing() -> None:
    model, loss = network(), FerKD(lowest=0.0, highest=0.0)
    value = loss(
        step_of(loss, MixedBatch.unmixed(pictures()), model=model, teacher=network(7).eval(), **mixing(0.3))
    )
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() == 0
    assert all(item.grad is not None and (item.grad == 0).all() for item in model.parameters())


def test_each_image_is_mixed_with_itself_alone() -> None:
    """Through the augmenter: images of one value each stay what they are, whatever the partner rule says."""
    values = torch.arange(6.0)
    images = values[:, None, None, None].expand(6, 3, *SIZE).contiguous()
    seen: list[Tensor] = []
    model = network()
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    mix = {"kind": "cutmix", "per": "sample", "partner": {"kind": "roll"}}
    policy = Policy(mix=mix, loss=FerKD(), transform={"batch": [{"kind": "hflip"}]})
    spec = ImageSpec(3, SIZE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    built = policy.build(num_classes=CLASSES, input=spec, model=model, teacher=network(7))
    built.loss(model, images, torch.arange(6) % CLASSES)
    (mixed,) = seen
    assert torch.equal(mixed, images)


def test_the_other_view_comes_after_the_own() -> None:
    loss = FerKD()
    step = step_of(loss, MixedBatch.unmixed(pictures()), teacher=network(7).eval(), **mixing(0.3))
    views = step.both_views(OtherView())
    assert torch.equal(views.signals.images, torch.cat((pictures(), pictures().flip(3))))
    assert torch.equal(views.labels, step.labels.repeat(2, 1))
