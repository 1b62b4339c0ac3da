"""The intrusion discriminator. Axes: N mixed images, B real ones, d features."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.learned.context import Setting
from automix_search.losses import AbstractTargetLoss
from automix_search.signals import classifier

HIDDEN = 10


class IntrusionDiscriminator:
    """Tells by the features of an image whether it is a real one or a mixture.

    It is trained along with the model, on whose features it stands, and is no part of what is learned for later.

    Args:
        features: Length of the vector that the model's classifier takes.
        device: Where the features lie.
    """

    def __init__(self, features: int, device: torch.device) -> None:
        layers = nn.Sequential(nn.Linear(features, HIDDEN), nn.Linear(HIDDEN, 2))
        self.layers = layers.to(device)

    def loss(self, mixed: Float[Tensor, "N d"], real: Float[Tensor, "B d"]) -> Float[Tensor, ""]:
        """Its mean cross-entropy over all images; mixtures are class 0."""
        logits = self.layers(torch.cat((mixed, real)))
        truth = (torch.arange(len(logits), device=logits.device) >= len(mixed)).long()
        return functional.cross_entropy(logits.float(), truth)


def discriminator_for(setting: Setting) -> IntrusionDiscriminator:
    """A discriminator on the features of the model that is trained.

    Raises:
        InputError: The policy's loss needs more than logits and soft targets, or the model has no linear classifier.
    """
    if not isinstance(setting.criterion, AbstractTargetLoss):
        raise InputError(
            f"the learned policy `adamixup` needs a loss of logits and soft targets, such as `soft_cross_entropy`, "
            f"but the policy's is `{kind_of(type(setting.criterion))}`"
        )
    return IntrusionDiscriminator(classifier(setting.model).in_features, setting.device)
