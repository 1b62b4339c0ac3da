"""The contract of another library that is compared with ours.

Axes: B samples, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from torch import Tensor

from automix_search.policy.exporters.plain import Chance, Library
from automix_search.policy.verification.draws import Draw


class AbstractOther(ABC):
    """What another library makes of a policy's mixing and loss.

    Attributes:
        library: What it mixes.
        smooths_targets: Whether its targets are smoothed already, or its criterion does that.
        box_tolerance: By how many pixels edges of its boxes may differ from ours.
        version: Its name and version.
        chances: The methods that it knows, in the order of its code.
    """

    library: ClassVar[Library]
    smooths_targets: ClassVar[bool]
    box_tolerance: ClassVar[int]

    version: str
    chances: list[Chance]

    @property
    @abstractmethod
    def criterion(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss of logits and targets, both `B x K`."""

    @abstractmethod
    def mix(self, images: Tensor, labels: Tensor, seed: int) -> tuple[Tensor, Tensor, Sequence[Draw]]:
        """A batch mixed from a seed: images, targets `B x K`, and what was drawn, once or for each sample."""

    @abstractmethod
    def shares(self, count: int, per_sample: bool, seed: int) -> Sequence[Draw]:
        """Many draws of a method and a share, without boxes."""
