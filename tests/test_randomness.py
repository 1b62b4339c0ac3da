"""Random draws: distributions, places, and going on where one left off."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from automix_search.randomness import Randomness

LIKE = torch.empty(1)


def seeded(seed: int = 0) -> Randomness:
    return Randomness(Generator().manual_seed(seed))


@given(limit=st.integers(1, 1000), count=st.integers(1, 50), seed=st.integers(0, 1000))
def test_below_stays_below(limit: int, count: int, seed: int) -> None:
    draw = seeded(seed).below(limit, count, LIKE)
    assert draw.dtype == torch.int64
    assert draw.shape == (count,)
    assert 0 <= draw.min() <= draw.max() < limit


def test_below_is_uniform() -> None:
    """Each of 7 numbers in 70,000 draws: five standard deviations are 463."""
    counts = seeded().below(7, 70_000, LIKE).bincount(minlength=7)
    assert (counts - 10_000).abs().max() < 463


def test_uniform_between_two_numbers() -> None:
    draw = seeded().uniform(50_000, LIKE, 2.0, 5.0)
    assert draw.min() >= 2
    assert draw.max() < 5
    assert draw.mean().item() == pytest.approx(3.5, abs=0.02)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 1.0, 4.0])
def test_beta_moments(alpha: float) -> None:
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1)), within five standard errors of 40,000 draws."""
    draw = seeded().beta(alpha, 40_000, LIKE)
    variance = 1 / (4 * (2 * alpha + 1))
    assert draw.dtype == torch.float32
    assert draw.mean().item() == pytest.approx(0.5, abs=5 * (variance / 40_000) ** 0.5)
    assert draw.var().item() == pytest.approx(variance, rel=0.05)
    # E[max(share, 1 - share)] is 3/4 for the uniform distribution.
    assert alpha != 1 or torch.maximum(draw, 1 - draw).mean().item() == pytest.approx(0.75, abs=0.004)


@pytest.mark.parametrize("alpha", [1e-4, 1e-2])
def test_beta_of_a_small_alpha_is_a_coin(alpha: float) -> None:
    """Nearly all of the mass is at 0 and 1, half at each; nothing gathers in the middle."""
    draw = seeded().beta(alpha, 20_000, LIKE)
    assert draw.isfinite().all()
    assert ((draw < 0.01) | (draw > 0.99)).float().mean() > 0.9
    assert draw.mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("alpha", "low", "high"), [(1e-300, 0.0, 1.0), (1e300, 0.5, 0.5)])
def test_beta_of_an_extreme_alpha_is_its_limit(alpha: float, low: float, high: float) -> None:
    draw = seeded().beta(alpha, 1000, LIKE)
    assert set(draw.tolist()) == {low, high}


def test_beta_of_zero_is_all_own() -> None:
    assert seeded().beta(0, 3, LIKE).tolist() == [1, 1, 1]


@pytest.mark.parametrize("alpha", [0.05, 1.0, 4.0])
@pytest.mark.parametrize("parts", [2, 5])
def test_dirichlet_moments(alpha: float, parts: int) -> None:
    """Mean 1/n and variance (n - 1) / (n^2 (n alpha + 1)) of every part."""
    draw = seeded().dirichlet(alpha, parts, 40_000, LIKE)
    variance = (parts - 1) / (parts**2 * (parts * alpha + 1))
    assert draw.dtype == torch.float32
    torch.testing.assert_close(draw.sum(dim=1), torch.ones(40_000))
    torch.testing.assert_close(draw.mean(dim=0), torch.full((parts,), 1 / parts), atol=0.01, rtol=0)
    torch.testing.assert_close(draw.var(dim=0), torch.full((parts,), variance), atol=0, rtol=0.06)


@pytest.mark.parametrize(("alpha", "expected"), [(1e-300, [0.0, 0.0, 1.0]), (1e300, [1 / 3, 1 / 3, 1 / 3])])
def test_dirichlet_of_an_extreme_alpha_is_its_limit(alpha: float, expected: list[float]) -> None:
    draw = seeded().dirichlet(alpha, 3, 500, LIKE).sort(dim=1).values
    torch.testing.assert_close(draw, torch.tensor(expected).expand(500, -1))


def test_a_number_for_the_batch_is_drawn_on_the_host() -> None:
    elsewhere = torch.empty(4, device="meta")
    for draw in (
        seeded().uniform(1, elsewhere),
        seeded().below(5, 1, elsewhere),
        seeded().beta(0.5, 1, elsewhere),
        seeded().dirichlet(0.5, 3, 1, elsewhere),
        seeded().normal((1, 3, 4), elsewhere),
    ):
        assert draw.device.type == "cpu"


def draws(random: Randomness) -> list[Tensor]:
    return [
        random.uniform(3, LIKE),
        random.beta(0.5, 4, LIKE),
        random.dirichlet(0.5, 3, 4, LIKE),
        random.permutation(9, LIKE),
        random.normal((2, 2), LIKE),
    ]


def equal(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_same_seed_same_draws() -> None:
    assert equal(draws(seeded(1)), draws(seeded(1)))
    assert not equal(draws(seeded(1)), draws(seeded(2)))


def test_goes_on_from_a_state() -> None:
    random, other = seeded(1), seeded(99)
    draws(random)
    state = {name: value.clone() for name, value in random.state_dict().items()}
    wanted = draws(random)
    other.load_state_dict(state)
    assert equal(draws(other), wanted)


def test_without_a_generator_torchs_own_seed_decides() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first, second = draws(Randomness()), draws(Randomness())
        torch.manual_seed(5)
        again = draws(Randomness())
    assert equal(first, again)
    assert not equal(first, second)


def test_choices_by_chance() -> None:
    """Chances of 0.2, 0, 0.8: five standard errors of 20,000 draws."""
    draw = seeded().choice([0.2, 0.0, 0.8], 20_000)
    counts = draw.bincount(minlength=3) / 20_000
    assert draw.dtype == torch.int64
    assert counts[1] == 0
    assert counts[0].item() == pytest.approx(0.2, abs=0.015)
