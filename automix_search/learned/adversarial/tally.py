"""What became of each policy in an epoch: losses and recognised images, summed on the device.

Axes: B images, M policies, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.losses import AbstractTargetLoss


class Tally(nn.Module):
    """Sums over the images that each of a few policies augmented.

    Args:
        policies: How many policies there are, M.
        device: Where the sums lie.
    """

    sums: Tensor

    def __init__(self, policies: int, device: torch.device) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(3, policies, device=device))

    @torch.no_grad()
    def add(
        self,
        logits: Float[Tensor, "B K"],
        targets: Float[Tensor, "B K"],
        policy: Int64[Tensor, "B"],
        loss: AbstractTargetLoss,
    ) -> None:
        """Add a batch; `policy` says on the host which policy augmented each image."""
        counts = torch.bincount(policy, minlength=self.sums.shape[1]).tolist()
        order = policy.argsort(stable=True).to(logits.device, non_blocking=True)
        logits, targets = logits[order].float(), targets[order]
        right = (logits.argmax(1) == targets.argmax(1)).float()
        start = 0
        for number, count in enumerate(counts):
            if count:
                own = slice(start, start + count)
                self.sums[0, number] += loss.compare(logits[own], targets[own]) * count
                self.sums[1, number] += right[own].sum()
                self.sums[2, number] += count
                start += count

    @property
    def loss(self) -> Float[Tensor, "M"]:
        """Mean loss of each policy; 0 where it has not been used."""
        return self.sums[0] / self.sums[2].clamp(min=1)

    @property
    def accuracy(self) -> Float[Tensor, "M"]:
        """Part of the images that was recognised."""
        return self.sums[1] / self.sums[2].clamp(min=1)

    @property
    def used(self) -> Float[Tensor, "M"]:
        """Images that each policy augmented."""
        return self.sums[2]

    def clear(self) -> None:
        """Begin anew."""
        self.sums.zero_()


@contextmanager
def watched(model: nn.Module) -> Iterator[list[Tensor]]:
    """What a model gives in this context where it is trained by it, call by call."""
    seen: list[Tensor] = []
    hook = model.register_forward_hook(
        lambda _, __, output: seen.append(output) if output.requires_grad else None
    )
    try:
        yield seen
    finally:
        hook.remove()


def of_each_image(seen: list[Tensor], images: int) -> Float[Tensor, "B K"]:
    """The logits of the last call, without a graph.

    Raises:
        InputError: There is not one row for each image.
    """
    logits = seen[-1].detach()
    if len(logits) != images:
        raise InputError(
            f"`adversarial_auto_augment` needs the loss of each image, but the mix makes {len(logits)} items of "
            f"{images} images: choose another mix"
        )
    return logits
