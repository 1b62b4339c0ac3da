"""Training steps that tests write down: small pictures, small models, batches mixed by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn

from automix_search.losses import AbstractLoss, Step
from automix_search.mixing import MixedBatch
from automix_search.mixing.labels import ShareLabels
from automix_search.models import ModelSpec, build_model
from automix_search.signals import HiddenMix, ModelSignals, classifier

CLASSES = 5
SIZE = (8, 12)


def pictures(count: int = 6, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, *SIZE, generator=Generator().manual_seed(seed))


def network(seed: int = 0, num_classes: int = CLASSES) -> nn.Module:
    """A convolutional network with batch norm, whose last feature map is what its classifier takes, pooled."""
    torch.manual_seed(seed)
    spec = ModelSpec(name="tiny_cnn", options={"width": 4})
    return build_model(spec, channels=3, size=SIZE, num_classes=num_classes)


class Flat(nn.Module):
    """A model without batch norm whose last feature map is its image: logits are linear in the image."""

    def __init__(self, num_classes: int = CLASSES, channels: int = 3) -> None:
        super().__init__()
        self.last = nn.Identity()
        self.head = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.last(images).mean((2, 3)))
        return logits


def step_of(
    loss: AbstractLoss,
    drawn: MixedBatch,
    *,
    model: nn.Module | None = None,
    labels: Tensor | None = None,
    images: Tensor | None = None,
    teacher: nn.Module | None = None,
    again: MixedBatch | None = None,
    **more: Any,
) -> Step:
    """A step of `loss` on a batch mixed by hand, of class ids in turn; mixed again it is `again`."""
    model = network() if model is None else model
    images = pictures() if images is None else images
    labels = torch.arange(len(images)) % CLASSES if labels is None else labels
    heads = None
    if loss.has_heads:
        torch.manual_seed(2)
        heads = loss.heads(classifier(model).in_features, CLASSES)
    signals = ModelSignals(model, images, loss.encode(labels, CLASSES), teacher=teacher)
    given = {
        "mix": lambda signals, partner: drawn if again is None else again,
        "view": lambda: images.flip(3),
        "heads": heads,
        "watch": loss.needs(),
    }
    return Step(signals, drawn, ShareLabels(), **(given | more))


def blended(images: Tensor, share: Tensor | float, partner: Tensor | None = None) -> MixedBatch:
    """Images blended with the next one by a share, or one share each."""
    partner = (torch.arange(len(images)) + 1) % len(images) if partner is None else partner
    own = torch.as_tensor(share).expand(len(images))
    mask = own[:, None, None, None]
    inputs = mask * images + (1 - mask) * images[partner]
    sources = torch.stack((torch.arange(len(images)), partner), 1)
    return MixedBatch(inputs, sources, torch.stack((own, 1 - own), 1))


def pasted(images: Tensor, columns: int) -> MixedBatch:
    """Images of which the left columns are those of the next one."""
    partner = (torch.arange(len(images)) + 1) % len(images)
    mask = torch.ones(len(images), 1, *images.shape[2:])
    mask[..., :columns] = 0
    own = mask.mean((1, 2, 3))
    sources = torch.stack((torch.arange(len(images)), partner), 1)
    inputs = mask * images + (1 - mask) * images[partner]
    return MixedBatch(inputs, sources, torch.stack((own, 1 - own), 1), mask)


def hidden(images: Tensor) -> MixedBatch:
    """A mix of the images' last map, half and half with the next one."""

    def change(features: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 * features + 0.5 * features.roll(-1, 0), torch.full((len(features), 2), 0.5)

    sources = torch.stack((torch.arange(6), (torch.arange(6) + 1) % 6), 1)
    return MixedBatch(
        images, sources, torch.tensor([[1.0, 0.0]]).expand(6, 2), hidden=HiddenMix("last", change)
    )
