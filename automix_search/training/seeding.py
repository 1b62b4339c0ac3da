"""Everything random in a training, from one seed, in streams that do not touch each other.

Initial weights and data order depend on the seed alone, so that two policies with one seed are paired.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Seeds:
    """Seeds of the streams.

    Attributes:
        weights: Initial weights, and then dropout and its like while training.
        order: Order of the training samples.
        augmentation: Draws of the augmenter.
        search_share: Which training samples an augmenter that learns has for itself.
    """

    weights: int
    order: int
    augmentation: int
    search_share: int

    @classmethod
    def spread(cls, seed: int) -> Seeds:
        """Independent seeds from one."""
        return cls(
            *(int(word) for word in np.random.SeedSequence(seed).generate_state(4, np.uint64) >> np.uint64(1))
        )

    def order_of(self, epoch: int) -> Generator:
        """The generator of one epoch's data order; nothing has to be remembered to go on from any epoch."""
        return _generator(self.order, epoch)

    def search_order_of(self, epoch: int, turn: int) -> Generator:
        """The same for an augmenter's own samples, which may be gone through several times an epoch."""
        return _generator(self.search_share, epoch, turn)


def _generator(*words: int) -> Generator:
    seed = np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1)
    return Generator().manual_seed(int(seed))


class GlobalRandom:
    """torch's global random state as one training sees it: there while it works, away while it waits.

    Initial weights, dropout and stochastic depth draw from the global state. With this, several trainings
    in one process do not disturb each other, nor the caller. cuDNN is asked for its repeatable kernels
    meanwhile.

    Args:
        seed: Where the stream begins.
        device: Whose state is kept beside the CPU's.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        self._states: dict[str, Tensor] | None = None
        self._seed = seed

    @contextmanager
    def active(self) -> Iterator[None]:
        """This training's state in place of the caller's."""
        outside, repeatable = self._read(), torch.backends.cudnn.deterministic
        torch.backends.cudnn.deterministic = True
        if self._states is None:
            torch.manual_seed(self._seed)
        else:
            self._write(self._states)
        try:
            yield
        finally:
            self._states = self._read()
            self._write(outside)
            torch.backends.cudnn.deterministic = repeatable

    def state_dict(self) -> dict[str, Tensor]:
        """The state where this training stands now; only while it is active."""
        return self._read()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`; only while active."""
        self._write(state)

    def _read(self) -> dict[str, Tensor]:
        states = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        return states

    def _write(self, states: dict[str, Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        if "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self._device)
