"""Mixup: shares, linearity, and parity with timm and torchvision."""

import numpy as np
import pytest
import torch
from scripted import Scripted
from timm.data import Mixup as TimmMixup
from torch import Generator
from torchvision.transforms import v2

from automix_search.mixing import Pairs
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.randomness import Randomness


def test_golden() -> None:
    images = torch.tensor([[[[1.0, 2.0, 4.0]]], [[[5.0, 0.0, 2.0]]]])
    batch = Mixup().mix(Pairs(images, torch.tensor([1, 0])), 1, Scripted([0.25]))
    torch.testing.assert_close(batch.inputs[:, 0, 0], torch.tensor([[4.0, 0.5, 2.5], [2.0, 1.5, 3.5]]))
    torch.testing.assert_close(batch.weights, torch.tensor([[0.25, 0.75], [0.25, 0.75]]))
    assert batch.sources.tolist() == [[0, 1], [1, 0]]
    assert batch.mask is None


@pytest.mark.parametrize(("share", "picked"), [(1.0, [0, 1, 2]), (0.0, [2, 0, 1])])
@pytest.mark.parametrize("draws", [1, 3])
def test_whole_samples_bit_for_bit(share: float, picked: list[int], draws: int) -> None:
    images = torch.randn(3, 2, 5, 7) * 1e3
    batch = Mixup().mix(Pairs(images, torch.tensor([2, 0, 1])), draws, Scripted([share]))
    assert torch.equal(batch.inputs, images[picked])


def test_linear_in_the_images() -> None:
    images, partner = torch.randn(4, 3, 6, 5, dtype=torch.float64), torch.tensor([2, 3, 1, 0])
    once, twice = (
        Mixup().mix(Pairs(scale * images, partner), 4, Scripted([0.1, 0.6, 0.8, 0.3])) for scale in (1, -2)
    )
    torch.testing.assert_close(twice.inputs, -2 * once.inputs)


def test_draws_nothing_at_alpha_zero() -> None:
    images = torch.randn(4, 3, 6, 5)
    batch = Mixup(alpha=0).mix(Pairs(images, torch.tensor([1, 0, 3, 2])), 4, Randomness())
    assert torch.equal(batch.inputs, images)
    assert torch.equal(batch.weights, torch.tensor([[1.0, 0.0]]).expand(4, 2))


def test_alpha_decides_how_far_shares_are_from_the_middle() -> None:
    """Variance 1 / (4 (2 alpha + 1)), here of 20,000 draws."""
    for alpha, variance in ((0.2, 0.17857), (2.0, 0.05)):
        share = Mixup(alpha=alpha).share(20_000, torch.empty(1), Randomness(Generator().manual_seed(5)))
        assert share.var().item() == pytest.approx(variance, rel=0.05)


def test_same_as_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    share = np.array([0.7, 0.2, 0.55, 0.9], dtype=np.float32)
    images, labels = torch.randn(4, 3, 6, 9), torch.tensor([0, 1, 2, 1])
    timm = TimmMixup(mixup_alpha=1, mode="elem", label_smoothing=0, num_classes=3)
    monkeypatch.setattr(timm, "_params_per_elem", lambda count: (share.copy(), np.zeros(count, dtype=bool)))
    wanted, targets = timm(images.clone(), labels)

    batch = Mixup().mix(Pairs(images, torch.arange(3, -1, -1)), 4, Scripted(share.tolist()))
    torch.testing.assert_close(batch.inputs, wanted)
    torch.testing.assert_close(batch.targets(torch.eye(3)[labels]), targets)


def test_same_as_timm_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = torch.randn(6, 1, 5, 8), torch.tensor([0, 1, 2, 1, 1, 0])
    timm = TimmMixup(mixup_alpha=1, mode="batch", label_smoothing=0, num_classes=3)
    monkeypatch.setattr(timm, "_params_per_batch", lambda: (0.3, False))
    wanted, targets = timm(images.clone(), labels)

    batch = Mixup().mix(Pairs(images, torch.arange(5, -1, -1)), 1, Scripted([0.3]))
    torch.testing.assert_close(batch.inputs, wanted)
    torch.testing.assert_close(batch.targets(torch.eye(3)[labels]), targets)


def test_same_as_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = torch.randn(5, 3, 6, 9), torch.tensor([0, 1, 2, 1, 3])
    theirs = v2.MixUp(alpha=1.0, num_classes=4)
    monkeypatch.setattr(theirs._dist, "sample", lambda shape: torch.tensor(0.3))
    wanted, targets = theirs(images, labels)

    batch = Mixup().mix(Pairs(images, torch.arange(-1, 4) % 5), 1, Scripted([0.3]))
    torch.testing.assert_close(batch.inputs, wanted)
    torch.testing.assert_close(batch.targets(torch.eye(4)[labels]), targets)
