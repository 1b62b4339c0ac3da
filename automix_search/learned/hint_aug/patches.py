"""On which patches a tuned transformer fastens: its attention beside that of a pretrained one.

Axes: N images, T tokens, h x w patches, H x W pixels, K classes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from automix_search.signals import Attention, undisturbed
from automix_search.signals.attention import watched_attention

PatchMap = Float[Tensor, "N h w"]


@torch.no_grad()
def hinted(
    model: nn.Module, images: Float[Tensor, "N C H W"], depth: float
) -> tuple[Float[Tensor, "N K"], PatchMap]:
    """Logits of clean images, and how much a block attends to each patch.

    Args:
        model: A vision transformer; it runs in evaluation mode, without a graph and in float32.
        images: As the model sees them.
        depth: Which block is looked at, as a part of the model's depth.

    Raises:
        InputError: The model has no attention over all patches.
    """
    with undisturbed(model, images), watched_attention(model, images) as seen:
        logits: Tensor = model(images.float())
    return logits.float(), patch_map(seen, depth, (images.shape[-2], images.shape[-1]))


def patch_map(seen: Attention, depth: float, size: tuple[int, int]) -> PatchMap:
    """Attention of all tokens to each patch: mean over heads, each token's of length 1, mean over tokens.

    Args:
        seen: The attention of all blocks.
        depth: Which block is looked at, as a part of the model's depth.
        size: Height and width of the images, to tell rows from columns where the model resizes them.
    """
    block = max(round(depth * len(seen)), 1) - 1
    paid = functional.normalize(seen.of_block(block), dim=2).mean(1)[:, seen.prefix :].contiguous()
    rows, columns = seen.grid
    if rows * columns != paid.shape[1]:
        rows = round((paid.shape[1] * size[0] / size[1]) ** 0.5)
    return paid.view(len(paid), rows, -1)


def overfitted(tuned: PatchMap, pretrained: PatchMap, threshold: float, count: int) -> PatchMap:
    """1 for `count` patches of each image, 0 for the others.

    Where the two maps differ by more than `threshold` somewhere, those that the tuned model attends to least beside
    the pretrained one; elsewhere those that it attends to most.
    """
    if pretrained.shape != tuned.shape:
        pretrained = functional.interpolate(pretrained[:, None], tuned.shape[1:], mode="bilinear")[:, 0]
    lost = (pretrained - tuned).flatten(1)
    apart = lost.abs().amax(1, keepdim=True) > threshold
    chosen = torch.where(apart, lost, tuned.flatten(1)).topk(min(count, lost.shape[1]), dim=1).indices
    return torch.zeros_like(lost).scatter_(1, chosen, 1.0).view_as(tuned)


def on_pixels(patches: PatchMap, size: tuple[int, int]) -> Float[Tensor, "N 1 H W"]:
    """A map of patches as one of pixels."""
    return functional.interpolate(patches[:, None], size, mode="nearest")
