"""Mixed batches and what a model saw in them, as a test writes them down."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from automix_search.mixing import MixedBatch, Pairs
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.randomness import Randomness
from automix_search.signals import Attention, Outcome
from automix_search.testing.signals import given_attention


def cut(count: int = 5, size: tuple[int, int] = (12, 18), seed: int = 0) -> MixedBatch:
    """A batch mixed by boxes of each item's own."""
    images = torch.randn(count, 3, *size, generator=Generator().manual_seed(seed))
    pairs = Pairs(images, torch.arange(1, count + 1) % count)
    return CutMix().mix(pairs, count, Randomness(Generator().manual_seed(seed)))


def boxed(size: tuple[int, int], rows: slice, columns: slice, count: int = 2) -> MixedBatch:
    """A batch whose items show their partners in one box."""
    mask = torch.ones(count, 1, *size)
    mask[:, :, rows, columns] = 0
    own = mask.mean((1, 2, 3))
    sources = torch.stack((torch.arange(count), torch.arange(1, count + 1) % count), dim=1)
    return MixedBatch(torch.zeros(count, 3, *size), sources, torch.stack((own, 1 - own), dim=1), mask)


def attended(count: int, grid: tuple[int, int], prefix: int = 1, blocks: int = 2, seed: int = 0) -> Attention:
    """Attention drawn at random; of a class token, if there is a prefix."""
    tokens = prefix + grid[0] * grid[1]
    random = Generator().manual_seed(seed)
    maps = [torch.randn(count, tokens, tokens, generator=random).softmax(2) for _ in range(blocks)]
    return given_attention(maps, grid, prefix)


def outcome(attention: Attention | None = None, logits: Tensor | None = None, count: int = 5) -> Outcome:
    """What a model made of a batch; without attention, it saw nothing."""
    drawn = torch.randn(count, 7, generator=Generator().manual_seed(3))
    return Outcome(drawn if logits is None else logits, attention=attention)
