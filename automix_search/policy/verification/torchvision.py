"""The code that we export for torchvision, executed, and what it draws.

torchvision draws from torch's global random state. Its draws are learned by making them twice from one state: once as
its transforms do, once by calling these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from automix_search.mixing.pixels.mixup import Mixup
from automix_search.policy.exporters.base import Account
from automix_search.policy.exporters.torchvision import TORCHVISION, TorchvisionCode, torchvision_chances
from automix_search.policy.schema import Policy
from automix_search.policy.verification.draws import Draw
from automix_search.policy.verification.other import AbstractOther


class Torchvision(AbstractOther):
    """torchvision's transforms v2."""

    library = TORCHVISION
    smooths_targets = False
    box_tolerance = 0

    def __init__(self, policy: Policy, num_classes: int) -> None:
        import torchvision

        self.version = f"torchvision {torchvision.__version__}"
        self.chances = torchvision_chances(policy, Account())
        self._names: dict[str, Any] = {}
        exec(compile(TorchvisionCode().export(policy).text, "the exported code", "exec"), self._names)
        self._num_classes = num_classes

    @property
    def criterion(self) -> Callable[[Tensor, Tensor], Tensor]:
        found: Callable[[Tensor, Tensor], Tensor] = self._names["criterion"]
        return found

    def mix(self, images: Tensor, labels: Tensor, seed: int) -> tuple[Tensor, Tensor, Sequence[Draw]]:
        with _seeded(seed):
            draw = self._draw(images)
        with _seeded(seed):
            mixed, targets = self._names["mix_batch"](images, labels, self._num_classes)
        return mixed, targets, [draw]

    def shares(self, count: int, per_sample: bool, seed: int) -> Sequence[Draw]:
        with _seeded(seed):
            return [self._draw(None) for _ in range(count)]

    def _draw(self, images: Tensor | None) -> Draw:
        """What is drawn for a batch; the box where images are given."""
        number, transform = self._chosen()
        if number >= len(self.chances):
            return Draw(None)
        chance = self.chances[number]
        state = torch.get_rng_state()
        share = float(transform._dist.sample(()))
        if isinstance(chance.method, Mixup) or images is None:
            return Draw(chance.place, share)
        height, width = images.shape[-2:]
        column, row = int(torch.randint(width, size=(1,))), int(torch.randint(height, size=(1,)))
        torch.set_rng_state(state)
        left, top, right, bottom = transform.make_params([images])["box"]
        return Draw(chance.place, share, (row, column), (top, bottom, left, right))

    def _chosen(self) -> tuple[int, Any]:
        """The position of the transform that mixes a batch, and itself."""
        from torchvision.transforms import v2

        mix = self._names["mix"]
        if not isinstance(mix, v2.RandomChoice):
            return 0, mix
        number = int(torch.multinomial(torch.tensor(mix.p), 1))
        return number, mix.transforms[number]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """torch's global random state, seeded; the caller's comes back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
