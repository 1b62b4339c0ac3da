"""The part of the training split that an augmenter which learns has for itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, repeat

import numpy as np
from torch import Tensor

from automix_search.data import Batches, Split
from automix_search.errors import InputError
from automix_search.training.seeding import Seeds


def take_share(split: Split, share: float, seed: int) -> tuple[Split, Split | None]:
    """Divide a training split at random into what the model trains on and the augmenter's share.

    Raises:
        InputError: Either part would have fewer than two samples.
    """
    if share == 0:
        return split, None
    taken = round(share * len(split))
    if not 2 <= taken <= len(split) - 2:
        raise InputError(
            f"{share:.0%} of {len(split)} training samples cannot be set aside for the policy to learn on"
        )
    order = np.random.default_rng(seed).permutation(len(split))
    return split.take(np.sort(order[taken:])), split.take(np.sort(order[:taken]))


def endless(batches: Batches | None, seeds: Seeds, epoch: int) -> Iterator[tuple[Tensor, Tensor] | None]:
    """Inputs and labels of shuffled batches without end, the same in each run; None without `batches`."""
    if batches is None:
        yield from repeat(None)
    else:
        for turn in count():
            for batch in batches.epoch(seeds.search_order_of(epoch, turn)):
                yield batch.inputs, batch.labels
