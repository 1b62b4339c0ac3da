"""Whether a policy and a model fit a data set; found out before any training starts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from automix_search.data import ImageInfo
from automix_search.errors import InputError
from automix_search.losses import BinaryCrossEntropy, SoftCrossEntropy
from automix_search.policy import Policy


def settle_loss(policy: Policy, info: ImageInfo) -> Policy:
    """The policy with a loss that fits the labels; where it says nothing of one, it gets the one that does.

    Raises:
        InputError: It names a loss for one class an image, but images have several labels.
    """
    if not info.multi_label or not isinstance(policy.loss, SoftCrossEntropy):
        return policy
    if "loss" in policy.model_fields_set:
        raise InputError(
            f"the policy's loss `{policy.loss.kind}` is for one class an image, but images of `{info.name}` "
            f"have several labels; say `loss: {{kind: binary_cross_entropy}}`"
        )
    return policy.model_copy(update={"loss": BinaryCrossEntropy()})


def check_model(model: nn.Module, images: Tensor, info: ImageInfo) -> None:
    """Pass a few images through a model and look at what comes out.

    Raises:
        InputError: The model cannot take such images, or does not answer with one logit a class.
    """
    expected = (len(images), info.num_classes)
    try:
        with torch.inference_mode():
            logits = model.eval()(images)
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        shape = " x ".join(map(str, images.shape[1:]))
        raise InputError(
            f"the model cannot take images of {shape} (`{info.name}`): {str(error).splitlines()[0]}"
        ) from None
    found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if found != expected:
        raise InputError(
            f"the model must answer {expected[0]} images of `{info.name}` with logits of shape {expected}, "
            f"one a class, but gave {found}"
        )
