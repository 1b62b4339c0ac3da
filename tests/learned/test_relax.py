"""Relaxed choices, and the RELAX estimator against exact expectations, in double precision."""

import itertools
import math

import pytest
import torch
from torch import Generator
from torch.nn import functional

from automix_search.learned.differentiable import relaxed
from automix_search.learned.differentiable.pairs import Pairs
from automix_search.learned.differentiable.relax import ControlVariate, relax
from automix_search.learned.differentiable.relaxed import (
    bernoulli,
    bounded,
    gumbel,
    logit_of,
    tied_bernoulli,
    tied_gumbel,
)
from automix_search.randomness import Randomness

MANY = 400_000


def even(*shape: int, seed: int = 0) -> torch.Tensor:
    draws = Generator().manual_seed(seed)
    return torch.rand(shape, generator=draws, dtype=torch.float64).clamp(1e-9, 1 - 1e-9)


CONTROLS = {
    "none": lambda s: 0 * s,
    "value": lambda s: (s - 0.45) ** 2,
    "another": lambda s: torch.tanh(3 * s - 1),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_the_estimate_has_no_bias_whatever_the_control_variate(name):
    # Oracle T5: E f(b) with f(b) = (b - .45)^2 rises by f(1) - f(0) = .1 with theta.
    control, theta = CONTROLS[name], torch.full((MANY,), 0.3, dtype=torch.float64, requires_grad=True)
    logit = theta.logit()
    z = bernoulli(logit, even(MANY))
    hard = (z > 0).double()
    tied = tied_bernoulli(logit, hard, even(MANY, seed=1))
    log_chance = torch.where(hard > 0, theta.log(), (1 - theta).log())
    free, again = (control((one / 0.5).sigmoid()) for one in (z, tied))
    (found,) = relax((hard - 0.45) ** 2, log_chance, free, again, [theta])
    deviation = found.std().item()
    assert abs(found.mean().item() - 0.1) < 4 * deviation / math.sqrt(MANY)
    assert 0.2 < deviation < 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_what_is_tied_fits_the_choice_in_every_draw(dtype):
    logit = torch.linspace(-12, 12, 49, dtype=dtype).repeat(4000)
    first, second = (even(len(logit), seed=seed).to(dtype).clamp(1e-6, 1 - 1e-6) for seed in (0, 1))
    hard = (bernoulli(logit, first) > 0).to(dtype)
    tied = tied_bernoulli(logit, hard, second)
    assert torch.isfinite(tied).all()
    assert torch.equal((tied > 0).to(dtype), hard)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_what_is_tied_has_its_largest_where_the_choice_is(dtype):
    log_chances = torch.tensor([1.0, -3.0, 0.5, 0.0, -8.0], dtype=dtype).log_softmax(0)
    tie = torch.vmap(tied_gumbel, in_dims=(None, 0, 0))
    chosen = gumbel(log_chances, even(20_000, 5).to(dtype).clamp(1e-6, 1 - 1e-6)).argmax(1)
    hard = functional.one_hot(chosen, 5).to(dtype)
    tied = tie(log_chances, hard, even(20_000, 5, seed=1).to(dtype).clamp(1e-6, 1 - 1e-6))
    assert torch.equal(tied.argmax(1), chosen)
    often = torch.bincount(chosen, minlength=5) / len(chosen)
    torch.testing.assert_close(often.to(dtype), log_chances.exp(), atol=0.015, rtol=0)


def test_tied_draws_have_the_law_of_free_ones():
    logit = torch.full((MANY,), -0.7, dtype=torch.float64)
    z = bernoulli(logit, even(MANY))
    tied = tied_bernoulli(logit, (z > 0).double(), even(MANY, seed=1))
    quantiles = torch.linspace(0.02, 0.98, 25, dtype=torch.float64)
    torch.testing.assert_close(
        tied[:100_000].quantile(quantiles), z[:100_000].quantile(quantiles), atol=0.06, rtol=0
    )
    log_chances = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()
    free = gumbel(log_chances, even(100_000, 3))
    hard = functional.one_hot(free.argmax(1), 3).double()
    again = torch.vmap(tied_gumbel, in_dims=(None, 0, 0))(log_chances, hard, even(100_000, 3, seed=1))
    for place in range(3):
        torch.testing.assert_close(
            again[:, place].quantile(quantiles), free[:, place].quantile(quantiles), atol=0.06, rtol=0
        )


def test_parameters_answer_everywhere():
    parameter = torch.linspace(-3, 4, 50, dtype=torch.float64, requires_grad=True)
    value = bounded(parameter)
    (slope,) = torch.autograd.grad(value.sum(), parameter)
    assert value.min() > 0
    assert value.max() < 1
    assert slope.min() > 0
    middle = torch.tensor(0.5, requires_grad=True)
    assert bounded(middle).item() == 0.5
    assert torch.autograd.grad(bounded(middle), middle)[0].item() == pytest.approx(1)
    torch.testing.assert_close(logit_of(parameter), value.logit())


def expected(weights, probabilities, values):
    """The expected value of pairs, by all outcomes."""
    chances, total = weights.softmax(0), 0
    for pair, outcome in itertools.product(range(3), itertools.product((0, 1), repeat=2)):
        theta = bounded(probabilities[pair])
        likely = torch.stack(
            [one if hit else 1 - one for one, hit in zip(theta, outcome, strict=True)]
        ).prod()
        total = total + chances[pair] * likely * values[pair, outcome[0], outcome[1]]
    return total


def pairs_of_three() -> Pairs:
    pairs = Pairs(("rotate", "invert", "color"), torch.device("cpu")).double()
    pairs.weights.data = torch.tensor([0.4, -0.6, 0.1], dtype=torch.float64)
    pairs.probabilities.data = torch.tensor([[0.7, 0.4], [0.3, 0.6], [0.5, 0.55]], dtype=torch.float64)
    return pairs


@pytest.mark.parametrize("controlled", [False, True])
def test_the_gradient_of_pairs_has_no_bias(controlled):
    pairs, random = pairs_of_three(), Randomness(Generator().manual_seed(2))
    values = torch.tensor([[[1.0, 2], [-1, 0.5]], [[0, 3], [2, 1]], [[-2, 0.3], [1, 4]]], dtype=torch.float64)
    parameters = [pairs.weights, pairs.probabilities]
    wanted = torch.autograd.grad(expected(*parameters, values), parameters)
    torch.manual_seed(0)
    control = ControlVariate(9).double()
    if controlled:
        torch.nn.init.normal_(control.layers[2].weight, std=0.5)
    found = []
    for _ in range(3000):
        choice = pairs.draw(0.5, random)
        first, second = choice.applied[choice.pair.argmax()].long().tolist()
        value = values[choice.pair.argmax(), first, second]
        one = relax(value, choice.log_chance, control(choice.free), control(choice.tied), parameters)
        found.append(torch.cat((one[0], (one[1] * choice.pair[:, None]).flatten())).detach())
    rows = torch.stack(found)
    error = (rows.mean(0) - torch.cat((wanted[0], wanted[1].flatten()))).abs()
    assert (error < 4.5 * rows.std(0) / math.sqrt(len(rows))).all()
    assert rows.std(0).min() > 0


def test_the_control_variate_learns_to_lower_the_variance():
    pairs, random = pairs_of_three(), Randomness(Generator().manual_seed(2))
    torch.manual_seed(0)
    control = ControlVariate(9).double()
    optimizer = torch.optim.Adam(control.parameters(), lr=0.02)
    squares = []
    for _ in range(600):
        choice = pairs.draw(0.5, random)
        one = relax(
            torch.tensor(2.0, dtype=torch.float64),
            choice.log_chance,
            control(choice.free),
            control(choice.tied),
            [pairs.weights],
        )
        squares.append(one[0].square().mean())
        optimizer.zero_grad()
        squares[-1].backward(inputs=list(control.parameters()))
        optimizer.step()
    first, last = (torch.stack(part).mean().item() for part in (squares[:200], squares[-200:]))
    assert last < 0.5 * first


def test_values_are_scaled_by_those_before_them_and_0_stays_0():
    torch.manual_seed(0)
    control = ControlVariate(2)
    assert control.scaled(torch.tensor(0.0)).item() == 0
    assert control.scaled(torch.tensor(-3e-4)).item() == pytest.approx(-1)
    assert control.scaled(torch.tensor(6e-4)).item() == pytest.approx(2, rel=1e-3)
    assert control.mean_square.item() == pytest.approx(0.95 * 9e-8 + 0.05 * 36e-8, rel=1e-3)
    assert control(torch.rand(2)).item() == 0


def test_noise_is_never_at_its_ends(monkeypatch):
    monkeypatch.setattr(Randomness, "uniforms", lambda *_: torch.tensor([0.0, 1.0]))
    drawn = relaxed.noise((2,), torch.zeros(2), Randomness())
    assert torch.isfinite(bernoulli(torch.zeros(2), drawn)).all()
    assert torch.isfinite(gumbel(torch.zeros(2), drawn)).all()
