"""What a loss may look at in one training step.

Axes: B samples, N mixed items, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automix_search.losses.mixture import mixture
from automix_search.mixing import AbstractLabelRule, AbstractPartner, MixedBatch
from automix_search.signals import Memory, ModelSignals, Need, Outcome, run

Mixing = Callable[[ModelSignals, AbstractPartner | None], MixedBatch]
"""Mixes clean images with new draws; a partner rule stands in for the policy's own where one is given."""


@dataclass
class Step:
    """One training step on a mixed batch; passes through the model happen when first asked for, and once.

    Attributes:
        signals: The clean images, their soft targets, the model and the teacher.
        drawn: The mixed batch; its weights are the shares of the sources.
        label: The rule that turns shares into label weights.
        mix: Mixes clean images as the policy says.
        view: Augments the images anew, by the policy's transforms alone: `B x C x H x W`, normalised.
        heads: Layers of the loss's own, trained along with the model; None if it has none.
        watch: What to catch while the model runs on the mixed batch.
        past: What methods remembered before the batch was drawn. To mix anew starts from there and leaves what they
            remember by now as it is.
    """

    signals: ModelSignals
    drawn: MixedBatch
    label: AbstractLabelRule
    mix: Mixing
    view: Callable[[], Tensor]
    heads: nn.Module | None = None
    watch: frozenset[Need] = field(default_factory=frozenset)
    past: Memory = field(default_factory=dict)

    def remix(self) -> MixedBatch:
        """The clean images mixed once more, with new draws."""
        return self.mix(self._before, None)

    @property
    def _before(self) -> ModelSignals:
        """The clean images as they were before the batch was drawn."""
        return self.signals.remembering(dict(self.past))

    def run(self, batch: MixedBatch) -> Outcome:
        """A training pass over a mixed batch of the same clean images."""
        return run(
            self.signals.model,
            batch.inputs,
            batch.hidden,
            attention=Need.MIXED_ATTENTION in self.watch,
            features=Need.MIXED_FEATURES in self.watch,
        )

    def run_together(self, batches: Sequence[MixedBatch]) -> list[Outcome]:
        """Several batches in one pass, so that they share batch statistics.

        Where something is mixed or caught on the way, each batch has a pass of its own.
        """
        looks = self.watch & {Need.MIXED_ATTENTION, Need.MIXED_FEATURES}
        if looks or any(batch.hidden is not None for batch in batches):
            return [self.run(batch) for batch in batches]
        return [Outcome(logits) for logits in self.together(*(batch.inputs for batch in batches))]

    def together(self, *batches: Tensor) -> tuple[Tensor, ...]:
        """Logits of several batches of images from one pass, so that they share batch statistics."""
        logits: Tensor = self.signals.model(torch.cat(batches))
        return torch.split(logits.float(), [len(batch) for batch in batches])

    def labelled(self, batch: MixedBatch, outcome: Outcome) -> MixedBatch:
        """A batch with label weights, by what the model made of it."""
        shares = batch if outcome.weights is None else replace(batch, weights=outcome.weights)
        return replace(shares, weights=self.label.weights(shares, self.signals, outcome))

    def taught(self, batch: MixedBatch) -> Float[Tensor, "N K"]:
        """The teacher's logits of a mixed batch, without a graph.

        Where features are mixed inside the model, it is the mixture of what the teacher says of the clean images.
        """
        if batch.hidden is not None:
            return mixture(batch, self.signals.logits("teacher"))
        return self.signals.teach(batch.inputs)

    @cached_property
    def outcome(self) -> Outcome:
        """What the model made of the mixed batch."""
        return self.run(self.drawn)

    @cached_property
    def batch(self) -> MixedBatch:
        """The mixed batch with label weights."""
        return self.labelled(self.drawn, self.outcome)

    def both_views(self, partner: AbstractPartner) -> Step:
        """A step on the clean images and another view of each, 2B in all, mixed by a partner rule of its own."""
        images = torch.cat((self.signals.images, self.view()))
        signals = self._before.with_images(images, self.labels.repeat(2, 1))
        return replace(self, signals=signals, drawn=self.mix(signals, partner))

    @property
    def unmixed(self) -> MixedBatch:
        """The clean images as a batch in which nothing is mixed."""
        return MixedBatch.unmixed(self.signals.images)

    @cached_property
    def clean(self) -> Outcome:
        """What the model makes of the clean images, in a training pass of their own, with its graph."""
        return self.run(self.unmixed)

    @property
    def labels(self) -> Float[Tensor, "B K"]:
        """Soft targets of the clean images."""
        return self.signals.labels()

    @cached_property
    def targets(self) -> Float[Tensor, "N K"]:
        """Soft targets of the mixed batch."""
        return self.batch.targets(self.labels)
