"""One optimiser step: clipping in true units whatever the precision, and the moving average's arithmetic."""

import pytest
import torch
from bars import recipe
from torch import Tensor, nn

from automix_search.training.optimisation import Optimisation

CPU = torch.device("cpu")
PLAIN = {"name": "momentum", "lr": 0.5, "momentum": 0.0, "weight_decay": 0.0}


def step(model: nn.Linear, **changes: object) -> Optimisation:
    """One step on a loss whose gradient is (3, 4), at half of a straight line's rate."""
    chosen = recipe(optimizer=PLAIN, lr_schedule={"kind": "linear"}, **changes)
    optimisation = Optimisation(model, chosen, CPU)
    optimisation.step((model.weight * torch.tensor([[3.0, 4.0]])).sum(), 0.5)
    return optimisation


def change(**changes: object) -> Tensor:
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()
    step(model, **changes)
    return (before - model.weight.detach())[0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(("clip", "norm"), [(None, 5.0), (10.0, 5.0), (2.0, 2.0)])
def test_steps_down_the_clipped_gradient(precision: str, clip: float | None, norm: float) -> None:
    expected = 0.5 * 0.5 * norm * torch.tensor([0.6, 0.8])
    torch.testing.assert_close(change(precision=precision, clip_grad=clip), expected, rtol=1e-4, atol=1e-6)


def test_parameters_trained_along_with_the_model_are_clipped_too() -> None:
    model, head = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    before = model.weight.item(), head.weight.item()
    chosen = recipe(optimizer=PLAIN, lr_schedule={"kind": "linear"}, clip_grad=2.0)
    optimisation = Optimisation(model, chosen, CPU, [{"params": list(head.parameters())}])
    optimisation.step(3 * model.weight.sum() + 4 * head.weight.sum(), 0.5)
    assert before[0] - model.weight.item() == pytest.approx(0.25 * 2 * 0.6, rel=1e-4)
    assert before[1] - head.weight.item() == pytest.approx(0.25 * 2 * 0.8, rel=1e-4)


def test_moving_average() -> None:
    model = nn.Linear(2, 1, bias=False)
    optimisation = step(model, ema=0.75)
    first = model.weight.detach().clone()
    optimisation.step((model.weight * torch.tensor([[3.0, 4.0]])).sum(), 0.5)
    expected = 0.75 * first + 0.25 * model.weight.detach()
    assert optimisation.best_model is not model
    torch.testing.assert_close(dict(optimisation.best_model.named_parameters())["weight"].detach(), expected)


def test_rate_is_what_was_used_last() -> None:
    assert step(nn.Linear(2, 1, bias=False)).rate == pytest.approx(0.25)
