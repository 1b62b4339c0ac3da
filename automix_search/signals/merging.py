"""Token merging: like tokens of a vision transformer are joined from block to block while it runs.

Axes: N images, P patches, n tokens that they have been merged into.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from automix_search.signals.attention import Attention, PatchAttention, attention_of, watched_attention


@torch.no_grad()
def merged_attention(model: nn.Module, images: Tensor, merged: float, depth: float) -> PatchAttention:
    """How much a block attends to each patch where like patches were merged before it.

    After each block, every other patch token may join the token that is most like it by the block's keys
    (mean over heads), and the most alike do; a token is the mean of its patches. The pass ends at the block that is
    looked at. Authors' ToMe merges between a block's attention and its MLP and adds the logarithm of a
    token's size to the scores; here tokens merge at the end of the block and the scores stay as they are.

    Args:
        model: A vision transformer in evaluation mode.
        images: As the model sees them, float32.
        merged: Part of the patches that all blocks together would merge away.
        depth: Which block is looked at, as a part of the model's depth.

    Returns:
        Attention to the token that each patch went into.

    Reference: Bolya et al., Token Merging: Your ViT But Faster, ICLR 2023, https://arxiv.org/abs/2210.09461.
    """
    attention = attention_of(model, images)
    patches = attention.grid[0] * attention.grid[1]
    plan = merging_plan(int(merged * patches), len(attention))
    last = max(round(depth * len(attention)), 1) - 1
    with _merging(model, images, plan, last) as merging, suppress(_SeenEnoughError):
        model(images)
    return merging.scores(last)


def merging_plan(merged: int, blocks: int) -> list[int]:
    """How many tokens each block merges away: fewer and fewer, `merged` in all; the first makes up the sum."""
    each = round(merged / max(blocks - 1, 1))
    most = int(1.5 * each)
    fall = 2 * (most - each) / max(blocks - 1, 1)
    plan = [0] * blocks
    for block in range(1, blocks):
        plan[block] = min(int(most - fall * block), merged - sum(plan))
    plan[0] = merged - sum(plan)
    return plan


def merged_places(keys: Float[Tensor, "N n width"], count: int) -> Int64[Tensor, "N n"]:
    """Where each token goes when `count` tokens join others: every other token may, the most alike do.

    Those that stay keep their order, before those that are joined.
    """
    keys = functional.normalize(keys, dim=2)
    likeness, chosen = (keys[:, 1::2] @ keys[:, ::2].transpose(1, 2)).max(2)
    leaving = likeness.topk(count, dim=1).indices
    stays = torch.ones_like(chosen).scatter_(1, leaving, 0)
    left = chosen.shape[1] - count
    joined = torch.arange(left, keys.shape[1] - count, device=keys.device)
    places = joined.repeat_interleave(2)[: keys.shape[1]].repeat(len(keys), 1)
    places[:, 1::2] = torch.where(stays > 0, stays.cumsum(1) - 1, left + chosen)
    return places


class Merging:
    """Tokens merged block by block in one forward pass.

    Args:
        attention: The attention of the blocks, caught in the same pass.
        plan: How many tokens each block merges away.
    """

    def __init__(self, attention: Attention, plan: Sequence[int]) -> None:
        self.attention, self.plan = attention, tuple(plan)
        self.sizes: Tensor | None = None
        self.sources: Tensor | None = None

    def merge(self, block: int, tokens: Tensor) -> Tensor:
        """Merge what a block gave, `N x T x width`; tokens that stand for no patch stay in front."""
        prefix = self.attention.prefix
        patches = tokens[:, prefix:]
        sizes, sources = self._so_far(patches)
        count = min(self.plan[block], patches.shape[1] // 2)
        if not count:
            return tokens
        places = merged_places(self.attention.keys(block)[:, prefix:], count)
        grown = sizes.new_zeros(len(sizes), sizes.shape[1] - count).scatter_add_(1, places, sizes)
        weight = (sizes / grown.gather(1, places))[:, :, None].to(tokens.dtype)
        index = places[:, :, None].expand_as(patches)
        mean = patches.new_zeros(*grown.shape, patches.shape[2]).scatter_add_(1, index, patches * weight)
        self.sizes, self.sources = grown, places.gather(1, sources)
        return torch.cat((tokens[:, :prefix], mean), dim=1)

    def scores(self, block: int) -> PatchAttention:
        """Attention of a block's readers to the token that each patch went into."""
        attention = self.attention
        rows = attention.rows(block, attention.readers)[:, :, attention.prefix :]
        sizes, sources = self._so_far(rows.transpose(1, 2))
        if not attention.class_token:
            rows = rows * (sizes / sizes.sum(1, keepdim=True))[:, :, None]
        return rows.sum(1).gather(1, sources).view(-1, *attention.grid)

    def _so_far(self, patches: Float[Tensor, "N n width"]) -> tuple[Tensor, Tensor]:
        """Patches in each token and the token of each patch; before any merging, one for one."""
        if self.sizes is None or self.sources is None:
            count, tokens = patches.shape[:2]
            self.sizes = torch.ones(count, tokens, device=patches.device)
            self.sources = torch.arange(tokens, device=patches.device).repeat(count, 1)
        return self.sizes, self.sources


class _SeenEnoughError(Exception):
    """Ends a pass at the block that is looked at."""


@contextmanager
def _merging(model: nn.Module, images: Tensor, plan: Sequence[int], last: int) -> Iterator[Merging]:
    """Merge tokens in whatever runs through `model` in this context, up to a block at which it ends."""
    names = {module: name for name, module in model.named_modules()}
    with watched_attention(model, images) as attention, ExitStack() as hooks:
        merging = Merging(attention, plan)
        for number, module in enumerate(attention.blocks[:last]):
            block = model.get_submodule(names[module].rpartition(".")[0])
            hook = block.register_forward_hook(
                lambda _, __, tokens, number=number: merging.merge(number, tokens)
            )
            hooks.callback(hook.remove)
        hooks.callback(attention.blocks[last].register_forward_hook(_stop).remove)
        yield merging


def _stop(*_: object) -> None:
    raise _SeenEnoughError
