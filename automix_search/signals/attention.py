"""Attention of vision transformers, caught while they run.

Axes: N images, T tokens of which the first few stand for no patch (a class token), h x w patches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automix_search.errors import InputError

BlockAttention = Float[Tensor, "N T T"]
PatchAttention = Float[Tensor, "N h w"]


class Attention:
    """The attention of some blocks in one forward pass; detached, reckoned in float32 when asked for.

    Args:
        blocks: The attention modules, from the first block to the last.
        grid: Patches down and across, (h, w).
        prefix: Tokens before the patches.
    """

    def __init__(self, blocks: Sequence[nn.Module], grid: tuple[int, int], prefix: int) -> None:
        self.blocks, self.grid, self.prefix = tuple(blocks), grid, prefix
        self._projections: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.blocks)

    def watch(self, block: int, projection: Tensor) -> None:
        """Keep what a block's `qkv` layer gave in this pass."""
        self._projections[block] = projection.detach()

    def of_block(self, block: int = -1) -> BlockAttention:
        """Softmax attention of a block, mean over heads; rows are queries."""
        whole = slice(None)
        return self._probabilities(block % len(self.blocks), whole).mean(1)

    def to_patches(self, block: int = -1) -> PatchAttention:
        """How much a block attends to each patch: of the class token, or of all tokens where there is none.

        Mean over heads; the patches of an image sum to 1.
        """
        queries = slice(0, 1) if self.prefix else slice(None)
        rows = self._probabilities(block % len(self.blocks), queries)[..., self.prefix :].mean((1, 2))
        return (rows / rows.sum(1, keepdim=True)).view(-1, *self.grid)

    def between_patches(self, block: int = -1) -> PatchAttention:
        """How much the patches attend to each patch, mean over heads and over the patches that look."""
        rows = self._probabilities(block % len(self.blocks), slice(self.prefix, None))
        seen = rows[..., self.prefix :].mean((1, 2))
        return (seen / seen.sum(1, keepdim=True)).view(-1, *self.grid)

    def _probabilities(self, block: int, queries: slice) -> Float[Tensor, "N heads q T"]:
        module: Any = self.blocks[block]
        projection = self._projections[block]
        count, tokens, _ = projection.shape
        with torch.no_grad(), torch.autocast(projection.device.type, enabled=False):
            split = projection.float().view(count, tokens, 3, module.num_heads, -1).permute(2, 0, 3, 1, 4)
            query: Tensor = module.q_norm(split[0][:, :, queries])
            key: Tensor = module.k_norm(split[1])
            scale: float = module.scale
            return (query @ key.transpose(2, 3) * scale).softmax(-1)


def attention_blocks(model: nn.Module) -> list[nn.Module]:
    """The model's modules of self-attention over all patches in timm's form, from the first to the last.

    Convolutional networks have none, nor have models whose attention stays within windows.
    """
    wanted = ("qkv", "num_heads", "scale", "q_norm", "k_norm")
    if not hasattr(model, "patch_embed"):
        return []
    return [module for module in model.modules() if all(hasattr(module, name) for name in wanted)]


def no_attention(model: nn.Module) -> InputError:
    """What to say where a policy needs attention and a model has none."""
    return InputError(
        f"a {type(model).__name__} has no attention over all patches to look at; "
        f"use a vision transformer (timm's `vit_*` or `deit_*`, or `tiny_vit`)"
    )


@contextmanager
def watched_attention(model: nn.Module, images: Tensor) -> Iterator[Attention]:
    """Catch the attention of all blocks of whatever runs through `model` in this context.

    Raises:
        InputError: The model has none.
    """
    blocks = attention_blocks(model)
    if not blocks:
        raise no_attention(model)
    embedding: Any = model.patch_embed
    down, across = embedding.patch_size
    grid = (images.shape[-2] // down, images.shape[-1] // across)
    attention = Attention(blocks, grid, int(getattr(model, "num_prefix_tokens", 1)))
    with ExitStack() as hooks:
        for number, block in enumerate(blocks):
            hooks.enter_context(_hooked(block.qkv, attention, number))  # type: ignore[arg-type]
        yield attention


@contextmanager
def _hooked(layer: nn.Module, attention: Attention, number: int) -> Iterator[None]:
    handle = layer.register_forward_hook(lambda _, __, output: attention.watch(number, output))
    try:
        yield
    finally:
        handle.remove()
