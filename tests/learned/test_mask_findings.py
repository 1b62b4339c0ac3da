"""What is told of learned masks, and the mix that does the same without them."""

import pytest
import torch
from mask_lessons import a_draw

from automix_search.learned.automix.findings import SATURATED, measured, record_of, static_mix


def test_nearly_black_and_white_masks_raise_an_alarm():
    draw = a_draw(0.5, [1, 0])
    sharp = (torch.rand(2, 1, 8, 8) > 0.5).float()
    for mask, alarm in ((sharp, 1.0), (torch.rand(2, 1, 8, 8), 0.0)):
        numbers = measured(draw, torch.cat((mask, 1 - mask), 1))
        found = record_of({name: float(number) for name, number in numbers.items()})["mask"]
        assert found["saturated"] == alarm == float(found["standard deviation"] > SATURATED)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_mixup_with_the_same_moments_stands_in(alpha):
    shares = torch.distributions.Beta(alpha, alpha).sample((200_000,))
    squares = (shares**2 + (1 - shares) ** 2).mean().item()
    assert static_mix({"squares": squares})["alpha"] == pytest.approx(alpha, rel=0.03)
    assert static_mix({"squares": 0.5})["alpha"] == 100
    assert static_mix({"squares": 0.503})["alpha"] == pytest.approx((1 / 0.003 - 2) / 4, rel=1e-4)
    assert static_mix({"squares": 1.0})["alpha"] == 0
