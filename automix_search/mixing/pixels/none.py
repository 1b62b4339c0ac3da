"""No mixing: the option that every space should offer."""

from __future__ import annotations

from typing import Literal

from automix_search.mixing.base import AbstractMixer
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.randomness import Randomness


class NoMix(AbstractMixer):
    """Leaves every sample as it is."""

    kind: Literal["none"] = "none"

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        batch = MixedBatch.unmixed(pairs.own_images())
        return batch if pairs.own is None else MixedBatch(batch.inputs, pairs.own[:, None], batch.weights)
