"""Signals that a test writes down, so that a method that looks into a model is tested without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from automix_search.signals import Attention, Memory, Signals
from automix_search.signals.signals import Onlooker, Source


class GivenSignals(Signals):
    """Signals as a test gives them; what it leaves out is drawn, the same for the same image.

    Args:
        images: The pool, `P x C x H x W`.
        classes: Number of classes of the drawn labels and logits.
        grid: Patches down and across, for drawn attention, features and class maps.
        given: Maps by the name of the method that gives them: `saliency`, `attention`, `features`,
            `merged_attention`, `class_maps`, `logits`, `labels`.
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
        return self._given("labels", lambda: self._drawn(self.classes).softmax(1))

    def saliency(self) -> Tensor:
        return self._given("saliency", lambda: self._drawn(*self.images.shape[-2:]).abs())

    def attention(self, onlooker: Onlooker = "head") -> Tensor:
        return self._given(
            "attention", lambda: self._drawn(*self.grid).flatten(1).softmax(1).view(-1, *self.grid)
        )

    def merged_attention(self, merged: float, depth: float) -> Tensor:
        return self._given("merged_attention", lambda: self.attention())

    def features(self, source: Source = "model") -> Tensor:
        return self._given("features", lambda: self._drawn(6, *self.grid))

    def class_maps(self, source: Source = "model") -> Tensor:
        return self._given("class_maps", lambda: self._drawn(*self.grid))

    def logits(self, source: Source = "model") -> Tensor:
        return self._given("logits", lambda: self._drawn(self.classes))

    def stages(self) -> tuple[str, ...]:
        return ("stem", "first", "second")

    def _given(self, name: str, otherwise: Callable[[], Tensor]) -> Tensor:
        return self.given[name] if name in self.given else otherwise()

    def _drawn(self, *shape: int) -> Tensor:
        """Smooth functions of each image's own pixels: equal for equal images, different for others."""
        pooled = functional.adaptive_avg_pool2d(self.images.detach().float(), (5, 7)).mean(1).flatten(1)
        length = int(torch.tensor(shape).prod())
        weight = torch.randn(pooled.shape[1], length, generator=Generator().manual_seed(length))
        with torch.autocast(pooled.device.type, enabled=False):
            return (pooled @ weight).view(-1, *shape)


def given_attention(
    maps: Sequence[Tensor], grid: tuple[int, int], prefix: int = 0, class_token: bool | None = None
) -> Attention:
    """Attention whose blocks look as a test writes down.

    Args:
        maps: For each block `N x T x T`; rows sum to 1.
        grid: Patches down and across.
        prefix: Tokens before the patches.
        class_token: Whether the first token is one that the head reads.
    """
    attention = Attention([_OneHead() for _ in maps], grid, prefix, class_token)
    for block, rows in enumerate(maps):
        keys = torch.eye(rows.shape[1]).expand_as(rows)
        attention.watch(block, torch.cat((rows.clamp(min=1e-30).log(), keys, keys), dim=2))
    return attention


class _OneHead(nn.Module):
    """An attention module of one head whose queries are the scores: its keys are the unit vectors."""

    num_heads, scale = 1, 1.0

    def __init__(self) -> None:
        super().__init__()
        self.q_norm = self.k_norm = nn.Identity()
