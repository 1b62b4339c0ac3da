"""Boxes of CutMix: golden values, shares, and parity with timm and torchvision."""

import math

import numpy as np
import pytest
import torch
from scripted import Scripted
from timm.data import Mixup as TimmMixup
from torch import Generator, Tensor
from torchvision.transforms import v2

from automix_search.mixing import Pairs
from automix_search.mixing.pixels.cutmix import CutMix, clipped_boxes
from automix_search.policy import Policy
from automix_search.randomness import Randomness


@pytest.mark.parametrize(
    ("size", "share", "centre", "edges", "left_over"),
    [
        ((32, 32), 0.36, (16, 16), (4, 28, 4, 28), 0.4375),
        ((32, 32), 0.36, (0, 0), (0, 12, 0, 12), 0.859375),
        ((32, 32), 0.36, (31, 31), (19, 32, 19, 32), 0.8349609375),
        ((224, 224), 0.5, (112, 112), (33, 191, 33, 191), 1 - 158**2 / 224**2),
        ((20, 30), 0.75, (3, 28), (0, 8, 21, 30), 1 - 8 * 9 / 600),
        ((8, 12), 1.0, (3, 5), (3, 3, 5, 5), 1.0),
    ],
)
def test_clip_rule(
    size: tuple[int, int],
    share: float,
    centre: tuple[int, int],
    edges: tuple[int, int, int, int],
    left_over: float,
) -> None:
    boxes = clipped_boxes(
        size, torch.tensor([share]), Scripted([share], *([place] for place in centre)), Tensor()
    )
    assert tuple(torch.stack((boxes.start, boxes.stop), 1).flatten().tolist()) == edges
    assert boxes.share_outside().item() == pytest.approx(left_over, abs=1e-7)


def drawn_boxes(size: tuple[int, int], count: int = 20_000) -> tuple[Tensor, Tensor]:
    """Drawn shares and the shares left outside the boxes."""
    random = Randomness(Generator().manual_seed(11))
    share = random.beta(1.0, count, Tensor())
    return share, clipped_boxes(size, share, random, Tensor()).share_outside()


@pytest.mark.parametrize(("side", "mean"), [(32, 0.700), (224, 0.682)])
def test_mean_share(side: int, mean: float) -> None:
    """About five standard errors of the mean of 20,000 draws."""
    assert drawn_boxes((side, side))[1].mean().item() == pytest.approx(mean, abs=0.01)


def test_clipping_never_takes_more_than_was_drawn() -> None:
    share, outside = drawn_boxes((23, 40))
    assert (outside >= share - 1e-6).all()
    assert (outside > share + 0.05).any()


def test_hard_edges() -> None:
    images = torch.randn(6, 3, 12, 17)
    for draws in (1, 6):
        batch = CutMix().mix(
            Pairs(images, torch.arange(6).roll(1)), draws, Randomness(Generator().manual_seed(2))
        )
        own = batch.inputs == images
        assert torch.equal(own[:, :1].float(), batch.mask)
        assert torch.equal(torch.where(own, images, images.roll(1, 0)), batch.inputs)


def test_all_own_and_all_of_the_partner() -> None:
    images, partner = torch.randn(4, 1, 8, 12), torch.tensor([3, 2, 1, 0])
    own = CutMix().mix(Pairs(images, partner), 4, Scripted([1.0], [2], [3]))
    other = CutMix().mix(Pairs(images, partner), 1, Scripted([0.0], [4], [6]))
    assert torch.equal(own.inputs, images)
    assert torch.equal(other.inputs, images[partner])
    assert torch.equal(other.weights, torch.tensor([[0.0, 1.0]]).expand(4, 2))
    assert CutMix(alpha=0).mix(Pairs(images, partner), 4, Randomness()).weights[:, 0].eq(1).all()


def test_same_as_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    """With sides that cut evenly: timm makes odd sides one pixel longer than the authors do."""
    share, rows, columns = [0.75, 0.4375, 0.75, 0.9375], [3, 15, 0, 9], [20, 1, 12, 23]
    images, labels = torch.randn(4, 3, 16, 24), torch.tensor([0, 1, 2, 1])
    timm = TimmMixup(mixup_alpha=0, cutmix_alpha=1, mode="elem", label_smoothing=0, num_classes=3)
    monkeypatch.setattr(timm, "_params_per_elem", lambda count: (np.array(share), np.ones(count, dtype=bool)))
    centres = iter([place for pair in zip(rows, columns, strict=True) for place in pair])
    monkeypatch.setattr(np.random, "randint", lambda *args, **kwargs: next(centres))
    wanted, targets = timm(images.clone(), labels)

    batch = CutMix().mix(Pairs(images, torch.arange(3, -1, -1)), 4, Scripted(share, rows, columns))
    assert torch.equal(batch.inputs, wanted)
    torch.testing.assert_close(batch.targets(torch.eye(3)[labels]), targets)


def test_same_as_timm_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with smoothed labels, which are smoothed first and mixed then."""
    images, labels = torch.randn(6, 1, 16, 24), torch.tensor([0, 3, 2, 2, 1, 0])
    timm = TimmMixup(mixup_alpha=0, cutmix_alpha=1, mode="batch", label_smoothing=0.1, num_classes=10)
    monkeypatch.setattr(timm, "_params_per_batch", lambda: (0.75, True))
    centres = iter([5, 21])
    with monkeypatch.context() as patched:
        patched.setattr(np.random, "randint", lambda *args, **kwargs: next(centres))
        wanted, targets = timm(images.clone(), labels)

    batch = CutMix().mix(Pairs(images, torch.arange(5, -1, -1)), 1, Scripted([0.75], [5], [21]))
    assert torch.equal(batch.inputs, wanted)
    smooth = Policy.model_validate({"loss": {"kind": "soft_cross_entropy", "smoothing": 0.1}}).loss
    torch.testing.assert_close(batch.targets(smooth.encode(labels, 10)), targets)


def test_same_as_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = torch.randn(5, 3, 15, 22), torch.tensor([0, 1, 2, 1, 3])
    theirs = v2.CutMix(alpha=1.0, num_classes=4)
    monkeypatch.setattr(theirs._dist, "sample", lambda shape: torch.tensor(0.41))
    centres = iter([torch.tensor([18]), torch.tensor([5])])
    with monkeypatch.context() as patched:
        patched.setattr(torch, "randint", lambda *args, **kwargs: next(centres))
        wanted, targets = theirs(images, labels)

    batch = CutMix().mix(Pairs(images, torch.arange(-1, 4) % 5), 1, Scripted([0.41], [5], [18]))
    assert math.isclose(batch.weights[0, 0], targets[0, 0])
    assert torch.equal(batch.inputs, wanted)
    torch.testing.assert_close(batch.targets(torch.eye(4)[labels]), targets)
