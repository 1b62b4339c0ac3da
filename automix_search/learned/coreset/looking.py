"""What stands for the gradients of samples: what the model gets wrong of each.

Axes: B samples, K classes, d features.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.learned.context import EpochContext, Setting
from automix_search.learned.coreset.selection import Proxies
from automix_search.learned.per_sample import each_loss
from automix_search.signals import classifier, embed, undisturbed
from automix_search.signals.layers import uncompiled

Proxy = Literal["error", "length", "features"]


def passed(setting: Setting, epoch: EpochContext, proxy: Proxy) -> Proxies:
    """Proxies of the whole training split, by one pass of the model in evaluation mode over its clean images."""
    parts = []
    for inputs, labels, index in epoch.batches():
        images = setting.normalise(inputs)
        with torch.no_grad(), undisturbed(epoch.model, images):
            logits, features = embed(epoch.model, images) if proxy != "error" else (epoch.model(images), None)
        found = proxies_of(setting, setting.encode(labels), index, logits, features, proxy)
        parts.append(Proxies.joined([found]))
    return Proxies.joined(parts)


def counted(setting: Setting, epoch: EpochContext) -> Proxies:
    """The samples of the training split with their classes alone, without a look at any."""
    seen = [(index, setting.encode(labels).argmax(1)) for _, labels, index in epoch.batches()]
    return Proxies.joined([Proxies(index, classes, torch.zeros(len(index)), ()) for index, classes in seen])


@torch.no_grad()
def proxies_of(
    setting: Setting,
    labels: Float[Tensor, "B K"],
    index: Int64[Tensor, "B"],
    logits: Float[Tensor, "B K"],
    features: Float[Tensor, "B d"] | None,
    proxy: Proxy,
) -> Proxies:
    """What the model gets wrong, as it is or times the features or their length: a gradient of its last layer."""
    logits = logits.detach().float()
    factors = [logits.softmax(1) - labels]
    if features is not None:
        features = features.detach().float()
        factors.append(features if proxy == "features" else features.norm(dim=1, keepdim=True))
    losses = each_loss(setting.target_loss, logits, labels)
    return Proxies(index, labels.argmax(1), losses, tuple(factors))


@dataclass
class Watched:
    """What a model gave last: its logits, and the features that they are made of where these were asked for."""

    logits: Tensor | None = None
    features: Tensor | None = None

    def proxies(
        self, setting: Setting, labels: Float[Tensor, "B K"], index: Int64[Tensor, "B"], proxy: Proxy
    ) -> Proxies:
        """Proxies of the samples of a training step.

        Raises:
            InputError: The policy's mix does not give one item for each image.
        """
        if self.logits is None or len(self.logits) != len(labels):
            raise InputError(
                "`proxy_from: training` needs a prediction for each image of a batch, which this policy's `mix` does "
                "not leave: use `proxy_from: pass`"
            )
        return proxies_of(setting, labels, index, self.logits, self.features, proxy)


@contextmanager
def watched(model: nn.Module, proxy: Proxy) -> Iterator[Watched]:
    """Catch what a model gives in this context; a compiled one runs eagerly where features are asked for."""
    seen = Watched()

    def keep_logits(_: nn.Module, __: object, logits: Tensor) -> None:
        seen.logits = logits.detach()

    def keep_features(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.features = inputs[0].detach().flatten(1)

    with ExitStack() as hooks:
        hooks.callback(model.register_forward_hook(keep_logits).remove)
        if proxy != "error":
            hooks.enter_context(uncompiled())
            hooks.callback(classifier(model).register_forward_pre_hook(keep_features).remove)
        yield seen
