"""timm's `Mixup` with the arguments that we export, and what it draws.

timm draws from numpy's global random state. Its draws are learned by making them twice from one state: once by the
functions that its `Mixup` calls, once by calling the `Mixup` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from torch import Tensor

from automix_search.mixing.pixels.mixup import Mixup
from automix_search.policy.exporters.base import Account
from automix_search.policy.exporters.plain import Chance, plain_mix
from automix_search.policy.exporters.timm import TIMM, timm_arguments
from automix_search.policy.schema import Policy
from automix_search.policy.verification.draws import Draw
from automix_search.policy.verification.other import AbstractOther


class Timm(AbstractOther):
    """timm, as its training script would use it."""

    library = TIMM
    smooths_targets = True
    box_tolerance = 1

    def __init__(self, policy: Policy, num_classes: int) -> None:
        import timm
        from timm.data.mixup import Mixup as TimmMixup
        from timm.loss.binary_cross_entropy import BinaryCrossEntropy
        from timm.loss.cross_entropy import SoftTargetCrossEntropy

        self.version = f"timm {timm.__version__}"
        account = Account()
        arguments = timm_arguments(policy, account)
        self.chances: list[Chance] = plain_mix(policy.mix, TIMM, Account())
        self._criterion = BinaryCrossEntropy(0.0) if "bce-loss" in arguments else SoftTargetCrossEntropy()
        minmax = arguments.get("cutmix-minmax")
        self._mixup = TimmMixup(
            mixup_alpha=float(arguments["mixup"]),
            cutmix_alpha=float(arguments["cutmix"]),
            cutmix_minmax=None if minmax is None else [float(side) for side in minmax.split()],
            prob=float(arguments.get("mixup-prob", 0.0)),
            switch_prob=float(arguments.get("mixup-switch-prob", 0.0)),
            mode=arguments.get("mixup-mode", "batch"),
            label_smoothing=float(arguments["smoothing"]),
            num_classes=num_classes,
        )

    @property
    def criterion(self) -> Callable[[Tensor, Tensor], Tensor]:
        found: Callable[[Tensor, Tensor], Tensor] = self._criterion
        return found

    def mix(self, images: Tensor, labels: Tensor, seed: int) -> tuple[Tensor, Tensor, Sequence[Draw]]:
        with _seeded(seed):
            draws = self._draws(len(images), (images.shape[-2], images.shape[-1]))
        with _seeded(seed):
            mixed, targets = self._mixup(images.clone(), labels)
        return mixed, targets, draws

    def shares(self, count: int, per_sample: bool, seed: int) -> Sequence[Draw]:
        with _seeded(seed):
            return [self._draw(share, cut) for share, cut in self._parameters(count, per_sample)]

    def _parameters(self, count: int, per_sample: bool) -> list[tuple[float, bool]]:
        if per_sample:
            shares, cuts = self._mixup._params_per_elem(count)
            return list(zip(map(float, shares), map(bool, cuts), strict=True))
        return [self._mixup._params_per_batch() for _ in range(count)]

    def _draws(self, count: int, size: tuple[int, int]) -> list[Draw]:
        per_sample = self._mixup.mode == "elem"
        parameters = self._parameters(count if per_sample else 1, per_sample)
        return [self._draw(share, cut, size) for share, cut in parameters]

    def _draw(self, share: float, cut: bool, size: tuple[int, int] | None = None) -> Draw:
        """A draw of timm's as ours; the box is drawn where a size is given."""
        from timm.data.mixup import cutmix_bbox_and_lam

        if share == 1:
            return Draw(None)
        place = next(each.place for each in self.chances if isinstance(each.method, Mixup) != cut)
        if not cut or size is None:
            return Draw(place, share)
        state = np.random.get_state()
        centre = int(np.random.randint(0, size[0])), int(np.random.randint(0, size[1]))
        np.random.set_state(state)
        box, _ = cutmix_bbox_and_lam((1, *size), share, ratio_minmax=self._mixup.cutmix_minmax)
        top, bottom, left, right = map(int, box)
        return Draw(place, share, centre, (top, bottom, left, right))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """numpy's global random state, seeded; the caller's comes back."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
