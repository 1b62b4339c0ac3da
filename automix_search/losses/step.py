"""What a loss may look at in one training step.

Axes: B samples, N mixed items, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automix_search.mixing import AbstractLabelRule, MixedBatch
from automix_search.signals import ModelSignals, Need, Outcome, run


@dataclass
class Step:
    """One training step on a mixed batch; passes through the model happen when first asked for, and once.

    Attributes:
        signals: The clean images, their soft targets, the model and the teacher.
        drawn: The mixed batch; its weights are the shares of the sources.
        label: The rule that turns shares into label weights.
        remix: Mixes the clean images once more, with new draws.
        view: Augments the images anew, by the policy's transforms alone: `B x C x H x W`, normalised.
        heads: Layers of the loss's own, trained along with the model; None if it has none.
        watch: What to catch while the model runs on the mixed batch.
    """

    signals: ModelSignals
    drawn: MixedBatch
    label: AbstractLabelRule
    remix: Callable[[], MixedBatch]
    view: Callable[[], Tensor]
    heads: nn.Module | None = None
    watch: frozenset[Need] = field(default_factory=frozenset)

    def run(self, batch: MixedBatch) -> Outcome:
        """A training pass over a mixed batch of the same clean images."""
        return run(
            self.signals.model,
            batch.inputs,
            batch.hidden,
            attention=Need.MIXED_ATTENTION in self.watch,
            features=Need.MIXED_FEATURES in self.watch,
        )

    def labelled(self, batch: MixedBatch, outcome: Outcome) -> MixedBatch:
        """A batch with label weights, by what the model made of it."""
        shares = batch if outcome.weights is None else replace(batch, weights=outcome.weights)
        return replace(shares, weights=self.label.weights(shares, self.signals, outcome))

    @cached_property
    def outcome(self) -> Outcome:
        """What the model made of the mixed batch."""
        return self.run(self.drawn)

    @cached_property
    def batch(self) -> MixedBatch:
        """The mixed batch with label weights."""
        return self.labelled(self.drawn, self.outcome)

    @cached_property
    def clean(self) -> Outcome:
        """What the model makes of the clean images, in a training pass of their own, with its graph."""
        return self.run(MixedBatch.unmixed(self.signals.images))

    @property
    def labels(self) -> Float[Tensor, "B K"]:
        """Soft targets of the clean images."""
        return self.signals.labels()

    @cached_property
    def targets(self) -> Float[Tensor, "N K"]:
        """Soft targets of the mixed batch."""
        return self.batch.targets(self.labels)

    def together(self, *batches: Tensor) -> tuple[Tensor, ...]:
        """Logits of several batches of images from one pass, so that they share batch statistics."""
        logits: Tensor = self.signals.model(torch.cat(batches))
        return torch.split(logits.float(), [len(batch) for batch in batches])
