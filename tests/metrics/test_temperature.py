"""Temperature scaling: the fit against a grid, its scale, its limits, and that no label flatters itself."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, tensor

from automix_search.metrics import cross_scaled, fit_temperature
from automix_search.metrics.functions import accuracy, nll

seeds = st.integers(0, 10_000)


def sampled(
    count: int, seed: int, temperature: float = 1.0, multi_label: bool = False
) -> tuple[Tensor, Tensor]:
    """Logits, and labels that `logits / temperature` are the truth about."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, 4, generator=generator)
    true = logits / temperature
    if multi_label:
        return logits, torch.bernoulli(true.sigmoid(), generator=generator)
    return logits, torch.multinomial(true.softmax(dim=1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("temperature", [0.4, 1.7, 3.0])
def test_finds_the_temperature_that_is_true(temperature: float, multi_label: bool) -> None:
    logits, labels = sampled(40_000, 1, temperature, multi_label)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.03)


@pytest.mark.parametrize("multi_label", [False, True])
def test_is_the_best_of_a_grid(multi_label: bool) -> None:
    logits, labels = sampled(60, 3, 1.6, multi_label)
    found = fit_temperature(logits, labels)
    grid = torch.linspace(0.5, 6, 1101).tolist()
    best = min(grid, key=lambda temperature: nll(logits / temperature, labels))
    assert found == pytest.approx(best, abs=0.006)
    assert nll(logits / found, labels) <= nll(logits / best, labels)


@given(seeds, st.floats(0.3, 3.0), st.booleans())
def test_larger_logits_want_as_much_larger_a_temperature(seed: int, scale: float, multi_label: bool) -> None:
    logits, labels = sampled(200, seed, multi_label=multi_label)
    assert fit_temperature(scale * logits, labels) == pytest.approx(
        scale * fit_temperature(logits, labels), rel=1e-4
    )


@given(seeds)
def test_never_less_likely_and_as_accurate(seed: int) -> None:
    logits, labels = sampled(50, seed, 2.0)
    scaled = logits / fit_temperature(logits, labels)
    assert nll(scaled, labels) <= nll(logits, labels) + 1e-9
    assert accuracy(scaled, labels) == accuracy(logits, labels)


def test_stays_between_its_limits() -> None:
    labels = torch.arange(8) % 4
    right = torch.eye(4)[labels]
    assert fit_temperature(right, labels) == 0.05
    assert fit_temperature(-right, labels) == 20.0
    assert fit_temperature(right[:0], labels[:0]) == 1.0


def test_each_half_is_scaled_by_the_other() -> None:
    logits, labels = sampled(31, 5, 1.5)
    scaled = cross_scaled(logits, labels)
    for own, other in ((0, 1), (1, 0)):
        assert torch.equal(
            scaled[own::2], logits[own::2] / fit_temperature(logits[other::2], labels[other::2])
        )


def test_a_label_does_not_help_to_scale_its_own_sample() -> None:
    logits, labels = sampled(20, 7)
    other = labels.clone()
    other[4] = (other[4] + 1) % 4
    before, after = cross_scaled(logits, labels), cross_scaled(logits, other)
    assert torch.equal(before[0::2], after[0::2])
    assert not torch.equal(before[1::2], after[1::2])


def test_a_single_sample_stays_as_it_is() -> None:
    logits = tensor([[0.3, 1.0]])
    assert torch.equal(cross_scaled(logits, tensor([1])), logits)


def test_cross_fitting_does_not_flatter() -> None:
    plain, crossed, many = [], [], 40
    for seed in range(many):
        logits, labels = sampled(24, seed, 1.5)
        plain.append(nll(logits / fit_temperature(logits, labels), labels))
        crossed.append(nll(cross_scaled(logits, labels), labels))
    true = sum(
        nll(logits / 1.5, labels) for logits, labels in (sampled(24, seed, 1.5) for seed in range(many))
    )
    assert sum(plain) < true < sum(crossed)
