"""Attention of vision transformers, caught while they run.

Axes: N images, T tokens of which the first few stand for no patch (a class token, registers), h x w patches,
m values that tokens carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from automix_search.errors import InputError

BlockAttention = Float[Tensor, "N T T"]
PatchAttention = Float[Tensor, "N h w"]


class Attention:
    """The attention of some blocks in one forward pass; detached, reckoned in float32 when asked for.

    Args:
        blocks: The attention modules, from the first block to the last.
        grid: Patches down and across, (h, w).
        prefix: Tokens before the patches.
        class_token: Whether the first token is a class token that the model's head reads; without one the
            head reads the patches. None: where there is a prefix, it starts with one.
    """

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        grid: tuple[int, int],
        prefix: int,
        class_token: bool | None = None,
    ) -> None:
        self.blocks, self.grid, self.prefix = tuple(blocks), grid, prefix
        self.class_token = prefix > 0 if class_token is None else class_token
        self._projections: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.blocks)

    @property
    def readers(self) -> slice:
        """The tokens that the model's head reads."""
        return slice(0, 1) if self.class_token else slice(self.prefix, None)

    def watch(self, block: int, projection: Tensor) -> None:
        """Keep what a block's `qkv` layer gave in this pass."""
        self._projections[block] = projection.detach()

    def of_block(self, block: int = -1) -> BlockAttention:
        """Softmax attention of a block, mean over heads; rows are queries."""
        return self._probabilities(block, slice(None)).mean(1)

    def to_patches(self, block: int = -1) -> PatchAttention:
        """How much a block attends to each patch: of the class token, or of all patches where none is read.

        Mean over heads; the patches of an image sum to 1.
        """
        return self._on_patches(block, self.readers)

    def between_patches(self, block: int = -1) -> PatchAttention:
        """How much the patches attend to each patch, mean over heads and over the patches that look."""
        return self._on_patches(block, slice(self.prefix, None))

    def carried(self, values: Float[Tensor, "N T m"], block: int = -1) -> Float[Tensor, "N T m"]:
        """What each token gathers of all tokens' values by a block's attention, mean over heads.

        No map of T x T is made where torch has a kernel that makes none.
        """
        query, key, scale = self._queries_and_keys(block)
        wide = functional.pad(values.float(), (0, max(key.shape[3] - values.shape[2], 0)))
        with torch.no_grad(), torch.autocast(key.device.type, enabled=False):
            heads = wide[:, None].expand(-1, key.shape[1], -1, -1)
            gathered = functional.scaled_dot_product_attention(query, key, heads, scale=scale)
        return gathered[..., : values.shape[2]].mean(1)

    def keys(self, block: int = -1) -> Float[Tensor, "N T width"]:
        """The keys of all tokens, mean over heads."""
        return self._queries_and_keys(block)[1].mean(1)

    def rows(self, block: int, queries: slice) -> Float[Tensor, "N q T"]:
        """Softmax attention of some tokens of a block, mean over heads."""
        return self._probabilities(block, queries).mean(1)

    def _on_patches(self, block: int, queries: slice) -> PatchAttention:
        seen = self._probabilities(block, queries)[..., self.prefix :].mean((1, 2))
        if seen.shape[1] != self.grid[0] * self.grid[1]:
            raise InputError(
                f"the model lets only some patches through ({seen.shape[1]} of {self.grid[0]} x {self.grid[1]}), so "
                f"that its attention has no map: train it without dropping patches"
            )
        return (seen / seen.sum(1, keepdim=True)).view(-1, *self.grid)

    def _probabilities(self, block: int, queries: slice) -> Float[Tensor, "N heads q T"]:
        query, key, scale = self._queries_and_keys(block)
        with torch.no_grad(), torch.autocast(key.device.type, enabled=False):
            return (query[:, :, queries] @ key.transpose(2, 3) * scale).softmax(-1)

    def _queries_and_keys(self, block: int) -> tuple[Tensor, Tensor, float]:
        """Queries and keys of all tokens, `N x heads x T x width` float32 each, and what scales their products."""
        number = block % len(self.blocks)
        module: Any = self.blocks[number]
        projection = self._projections[number]
        count, tokens, _ = projection.shape
        with torch.no_grad(), torch.autocast(projection.device.type, enabled=False):
            split = projection.float().view(count, tokens, 3, module.num_heads, -1).permute(2, 0, 3, 1, 4)
            return module.q_norm(split[0]), module.k_norm(split[1]), module.scale


_USED = ("qkv", "num_heads", "scale", "q_norm", "k_norm")
_UNSEEN = ("rel_pos", "rope", "rotate_half", "dual_lambda")
"""Parts that change the scores behind queries and keys: relative positions, rotations, differences of two maps."""


def attention_blocks(model: nn.Module) -> list[nn.Module]:
    """The model's modules of self-attention over all patches in timm's form, from the first to the last.

    Convolutional networks have none, nor have models whose attention stays within windows or depends on more
    than queries and keys.
    """
    if not hasattr(model, "patch_embed"):
        return []
    return [
        module
        for module in model.modules()
        if all(hasattr(module, name) for name in _USED) and not any(hasattr(module, name) for name in _UNSEEN)
    ]


def no_attention(model: nn.Module) -> InputError:
    """What to say where a policy needs attention and a model has none."""
    return InputError(
        f"a {type(model).__name__} has no attention over all patches to look at; "
        f"use a vision transformer (timm's `vit_*` or `deit_*`, or `tiny_vit`)"
    )


def attention_of(model: nn.Module, images: Tensor) -> Attention:
    """An empty record of the model's attention to `images`, to be filled while it runs.

    Raises:
        InputError: The model has none.
    """
    blocks = attention_blocks(model)
    if not blocks:
        raise no_attention(model)
    prefix = int(getattr(model, "num_prefix_tokens", 1))
    has_class_token = bool(getattr(model, "has_class_token", prefix > 0))
    reads_it = getattr(model, "global_pool", "token") in ("token", "")
    return Attention(blocks, _grid(model.patch_embed, images), prefix, has_class_token and reads_it)


def _grid(embedding: Any, images: Tensor) -> tuple[int, int]:
    """Patches down and across, for images of any size that the model takes."""
    size = (images.shape[-2], images.shape[-1])
    if hasattr(embedding, "dynamic_feat_size"):
        height, width = embedding.dynamic_feat_size(size)
    else:
        height, width = (side // patch for side, patch in zip(size, embedding.patch_size, strict=True))
    return int(height), int(width)


@contextmanager
def watched_attention(model: nn.Module, images: Tensor) -> Iterator[Attention]:
    """Catch the attention of all blocks of whatever runs through `model` in this context.

    Raises:
        InputError: The model has none.
    """
    attention = attention_of(model, images)
    with ExitStack() as hooks:
        for number, block in enumerate(attention.blocks):
            hooks.enter_context(_hooked(block.qkv, attention, number))  # type: ignore[arg-type]
        yield attention


@contextmanager
def _hooked(layer: nn.Module, attention: Attention, number: int) -> Iterator[None]:
    handle = layer.register_forward_hook(lambda _, __, output: attention.watch(number, output))
    try:
        yield
    finally:
        handle.remove()
