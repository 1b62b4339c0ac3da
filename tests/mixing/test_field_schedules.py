"""Numbers of a mixing method that change in the course of training."""

import pytest
import torch
from torch import Generator, Tensor

from automix_search.mixing import Switch
from automix_search.randomness import Randomness
from automix_search.testing.mixers import pictures


class Asked(Randomness):
    """Notes with which alpha it is asked."""

    def __init__(self) -> None:
        super().__init__(Generator().manual_seed(0))
        self.alphas: list[float] = []

    def beta(self, alpha: float, count: int, like: Tensor) -> Tensor:
        self.alphas.append(alpha)
        return super().beta(alpha, count, like)


@pytest.mark.parametrize("per", ["batch", "sample"])
@pytest.mark.parametrize("kind", ["mixup", "cutmix", "fmix"])
def test_alpha_follows_its_schedule(kind: str, per: str) -> None:
    method = {"kind": kind, "alpha": 2.0, "field_schedules": {"alpha": {"kind": "ramp", "low": 0.2}}}
    options = [{"method": method}, {"method": {"kind": "none"}, "weight": 1e-9}]
    switch, random = Switch.model_validate({"options": options, "per": per}), Asked()
    for progress in (0.0, 0.5, 1.0):
        switch.mix(pictures((6, 3, 8, 11)), progress, random)
    assert random.alphas == pytest.approx([0.4, 1.2, 2.0])


def test_without_schedules_nothing_changes() -> None:
    plain = Switch.model_validate({"options": [{"method": {"kind": "mixup", "alpha": 2.0}}]})
    images, batches = pictures((6, 3, 8, 11)), []
    for progress in (0.1, 0.9):
        batches.append(plain.mix(images, progress, Randomness(Generator().manual_seed(3))))
    assert torch.equal(batches[0].inputs, batches[1].inputs)
