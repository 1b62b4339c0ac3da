"""Signals that a test writes down, so that a method that looks into a model is tested without one."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

from automix_search.signals import Memory, Signals
from automix_search.signals.signals import Source


class GivenSignals(Signals):
    """Signals as a test gives them; what it leaves out is drawn, the same for the same image.

    Args:
        images: The pool, `P x C x H x W`.
        classes: Number of classes of the drawn labels and logits.
        grid: Patches down and across, for drawn attention, features and class maps.
        given: Maps by the name of the method that gives them: `saliency`, `attention`, `features`,
            `class_maps`, `logits`, `labels`.
    """

    def __init__(
        self,
        images: Tensor,
        *,
        classes: int = 7,
        grid: tuple[int, int] = (4, 5),
        memory: Memory | None = None,
        **given: Tensor,
    ) -> None:
        super().__init__(images, None, None, memory)
        self.classes, self.grid, self.given = classes, grid, given

    def labels(self) -> Tensor:
        return self._given("labels", self._drawn(self.classes).softmax(1))

    def saliency(self) -> Tensor:
        return self._given("saliency", self._drawn(*self.images.shape[-2:]).abs())

    def attention(self) -> Tensor:
        return self._given("attention", self._drawn(*self.grid).flatten(1).softmax(1).view(-1, *self.grid))

    def features(self, source: Source = "model") -> Tensor:
        return self._given("features", self._drawn(6, *self.grid))

    def class_maps(self, source: Source = "model") -> Tensor:
        return self._given("class_maps", self._drawn(*self.grid))

    def logits(self, source: Source = "model") -> Tensor:
        return self._given("logits", self._drawn(self.classes))

    def stages(self) -> tuple[str, ...]:
        return ("stem", "first", "second")

    def _given(self, name: str, otherwise: Tensor) -> Tensor:
        return self.given.get(name, otherwise)

    def _drawn(self, *shape: int) -> Tensor:
        """Smooth functions of each image's own pixels: equal for equal images, different for others."""
        pooled = functional.adaptive_avg_pool2d(self.images.float(), (5, 7)).mean(1).flatten(1)
        length = int(torch.tensor(shape).prod())
        weight = torch.randn(pooled.shape[1], length, generator=Generator().manual_seed(length))
        return (pooled @ weight).view(-1, *shape)
