"""The policy region generator. Axes: B images, N sets of m images each, 2m - 1 = r."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from automix_search.learned.adamixup.networks import CopiedNetwork, TinyNetwork
from automix_search.learned.context import Pixels, Setting
from automix_search.learned.trunk import Looker, Sight, Trunk
from automix_search.randomness import Randomness

Input = Literal["concat", "noise"]
HIDDEN = 100


class RegionGenerator(nn.Module):
    """Looks at sets of images and says in `2m - 1` numbers where their shares may lie.

    Args:
        sight: How it sees pixels.
        network: From what it sees of a set to features.
        fold: Images of a set, m.
        input: How the images of a set become one.
    """

    def __init__(self, sight: Sight, network: CopiedNetwork | TinyNetwork, fold: int, input: Input) -> None:
        super().__init__()
        self.sight, self.network, self.fold, self.input = sight, network, fold, input
        first = nn.Linear(network.width, HIDDEN)
        nn.init.normal_(first.weight, std=1e-3)
        self.head = nn.Sequential(first, nn.Linear(HIDDEN, 2 * fold - 1))

    def forward(
        self, pixels: Pixels, sets: Int64[Tensor, "N m"], random: Randomness, learning: bool
    ) -> Float[Tensor, "N r"]:
        """The numbers of each set, float32.

        Args:
            pixels: The images of the batch.
            sets: Which of them each set is made of.
            random: Source of the noise.
            learning: Whether batch normalisation is to go by the batch; a single set has no statistics of its own.
        """
        seen = self.sight.prepared(pixels)
        images = [seen[sets[:, place]] for place in range(self.fold)]
        self.network.train(learning and len(sets) > 1)
        features = self.network(torch.cat(images, 1) if self.input == "concat" else gated(images, random))
        with torch.autocast(features.device.type, enabled=False):
            return self.head(features.float())  # type: ignore[no-any-return]


def gated(images: list[Float[Tensor, "N C h w"]], random: Randomness) -> Float[Tensor, "N C h w"]:
    """The mean of a set's images, each first multiplied by noise of its own."""
    noisy = [truncated_normal(image, random) * image for image in images]
    return torch.stack(noisy).mean(0)


def truncated_normal(like: Float[Tensor, "N *rest"], random: Randomness) -> Float[Tensor, "N *rest"]:
    """Normal noise cut off at two standard deviations; torch's own would wait for the device."""
    most = math.erf(2 / math.sqrt(2))
    even = random.uniforms(tuple(like.shape), like).to(like.device, non_blocking=True)
    return ((2 * even - 1) * most).erfinv() * math.sqrt(2)


def copied(trunk: Trunk | None, setting: Setting, fold: int, input: Input) -> RegionGenerator:
    """A generator with a network like the model that is trained, or that it was learned beside."""
    looker = Looker(trunk, setting)
    network = CopiedNetwork(looker.network, looker.images.channels, _at_once(fold, input))
    return RegionGenerator(Sight(looker.images, setting.device), network, fold, input)


def tiny(trunk: Trunk | None, setting: Setting, fold: int, input: Input, downsample: int) -> RegionGenerator:
    """A generator with a small network that sees pictures smaller by a factor."""
    images = setting.images if trunk is None else trunk.images
    height, width = (-(-side // downsample) for side in images.size)
    small = replace(images, size=(height, width))
    network = TinyNetwork(_at_once(fold, input) * images.channels)
    return RegionGenerator(Sight(small, setting.device), network, fold, input)


def _at_once(fold: int, input: Input) -> int:
    """How many images of a set the network sees behind one another."""
    return fold if input == "concat" else 1
