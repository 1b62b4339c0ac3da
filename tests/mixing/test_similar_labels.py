"""Partners by similar labels: the chances in closed form, against scikit-learn, and the draws."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.neighbors import KernelDensity
from torch import Generator, Tensor

from automix_search.errors import InputError
from automix_search.mixing import Switch
from automix_search.mixing.partners import Kernel, SimilarLabels, partner_chances
from automix_search.randomness import Randomness
from automix_search.signals import Signals
from automix_search.testing.signals import GivenSignals

KERNELS = pytest.mark.parametrize("kernel", ["gaussian", "tophat"])


def labels_of(count: int, dimensions: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(count, dimensions, generator=Generator().manual_seed(seed))


def test_closed_form() -> None:
    chances = partner_chances(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), 1.0)
    wanted = torch.tensor([0.5741, 0.3482, 0.0777, 1.1e-22])
    torch.testing.assert_close(chances[0], wanted, atol=5e-5, rtol=0)
    assert chances[0, 3].item() == pytest.approx(1.107e-22, rel=1e-2)


def test_closed_form_of_the_even_kernel() -> None:
    chances = partner_chances(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), 1.5, "tophat")
    third = 1 / 3
    wanted = torch.tensor([[0.5, 0.5, 0, 0], [third, third, third, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 1]])
    torch.testing.assert_close(chances, wanted)


@KERNELS
@pytest.mark.parametrize(("bandwidth", "dimensions"), [(0.3, 1), (1.7, 1), (0.8, 3)])
def test_same_as_a_kernel_density(kernel: Kernel, bandwidth: float, dimensions: int) -> None:
    labels = labels_of(40, dimensions)
    chances = partner_chances(labels, bandwidth, kernel).double()
    for own in range(40):
        density = KernelDensity(kernel=kernel, bandwidth=bandwidth).fit(labels[own : own + 1].double())
        at_all = torch.from_numpy(density.score_samples(labels.double())).exp()
        torch.testing.assert_close(chances[own], at_all / at_all.sum(), atol=1e-6, rtol=0)


@KERNELS
@given(st.integers(1, 12), st.floats(0.05, 5), st.integers(0, 1000))
def test_closer_is_likelier(kernel: Kernel, count: int, bandwidth: float, seed: int) -> None:
    labels = labels_of(count, seed=seed)
    chances = partner_chances(labels, bandwidth, kernel)
    torch.testing.assert_close(chances.sum(1), torch.ones(count))
    assert (chances.diagonal() == chances.amax(1)).all()
    order = (labels - labels.T).abs().argsort(1)
    assert (chances.gather(1, order).diff(dim=1) <= 0).all()


@KERNELS
def test_between_nobody_else_and_anybody(kernel: Kernel) -> None:
    labels = labels_of(9, 2)
    assert torch.equal(partner_chances(labels, 1e-4, kernel), torch.eye(9))
    torch.testing.assert_close(partner_chances(labels, 1e4, kernel), torch.full((9, 9), 1 / 9))


@KERNELS
def test_shifted_and_scaled_labels(kernel: Kernel) -> None:
    labels = labels_of(11)
    wanted = partner_chances(labels, 0.7, kernel)
    torch.testing.assert_close(partner_chances(labels + 3, 0.7, kernel), wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(partner_chances(labels * 5, 3.5, kernel), wanted, atol=1e-5, rtol=1e-5)


def test_drawn_as_often_as_the_chances_say() -> None:
    labels = torch.tensor([[0.0], [1.0], [2.5], [4.0]])
    signals, random = Signals(torch.zeros(4, 1), labels), Randomness(Generator().manual_seed(0))
    counts = torch.zeros(4, 4)
    for _ in range(4000):
        counts[torch.arange(4), SimilarLabels(bandwidth=1.5).partner(signals, random)] += 1
    torch.testing.assert_close(counts / 4000, partner_chances(labels, 1.5), atol=0.03, rtol=0)


def test_labels_of_pairs_drift_apart_with_the_bandwidth() -> None:
    labels, random = labels_of(500), Randomness(Generator().manual_seed(1))
    signals = Signals(torch.zeros(500, 1), labels)
    apart = [
        (labels - labels[SimilarLabels(bandwidth=bandwidth).partner(signals, random)]).abs().mean()
        for bandwidth in (0.01, 0.1, 0.5, 2.0)
    ]
    assert apart == sorted(apart)
    assert apart[0] < 0.02
    assert apart[-1] > 0.9


def test_a_linear_truth_stays_true_for_any_bandwidth() -> None:
    """With a linear target, mixed targets are the targets of mixed inputs."""
    inputs = torch.randn(30, 5, 1, 1)
    truth = torch.randn(5, 1)
    labels = inputs[:, :, 0, 0] @ truth
    switch = Switch.model_validate(
        {"partner": {"kind": "similar_labels", "bandwidth": 0.4}, "options": [{"method": {"kind": "mixup"}}]}
    )
    batch = switch.mix(inputs, 0.0, Randomness(), GivenSignals(inputs, labels=labels))
    torch.testing.assert_close(batch.inputs[:, :, 0, 0] @ truth, batch.targets(labels))


def test_classes_mix_within_themselves() -> None:
    classes = torch.tensor([0, 1, 0, 2, 1, 0])
    signals = Signals(torch.zeros(6, 1), torch.eye(3)[classes])
    partner = SimilarLabels(bandwidth=0.05).partner(signals, Randomness())
    assert torch.equal(classes[partner], classes)


def test_needs_labels_and_a_bandwidth() -> None:
    with pytest.raises(InputError, match="looks at the labels"):
        SimilarLabels().partner(Signals(torch.zeros(4, 1)), Randomness())
    with pytest.raises(ValidationError, match="greater than 0"):
        SimilarLabels(bandwidth=0)
