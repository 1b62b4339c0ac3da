"""Sub-policies of stages, each a soft or a hard choice among operations with probabilities and levels of their own.

Axes: B images, S sub-policies, T stages one after the other, J operations.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from automix_search.learned.differentiable.relaxed import bernoulli, bounded, logit_of, noise
from automix_search.learned.operators import Pixels01, operate
from automix_search.learned.sub_policy_table import Table
from automix_search.randomness import Randomness
from automix_search.transforms.operations import HOST, Names

GOLDEN = (5**0.5 - 1) / 2

PerOperation = Float[Tensor, "S T J"]


class Stages(nn.Module):
    """What is learned of each operation in each stage: its weight, its probability, its level.

    Args:
        sub_policies: How many there are, S.
        stages: Stages of each, T.
        names: The operations to choose from.
        temperature: By which weights are divided before their softmax.
        device: Where the numbers lie.
    """

    def __init__(
        self, sub_policies: int, stages: int, names: Names, temperature: float, device: torch.device
    ) -> None:
        super().__init__()
        self.names, self.temperature = names, temperature
        shape = (sub_policies, stages, len(names))
        for name in ("weights", "probabilities", "levels"):
            self.register_parameter(name, nn.Parameter(torch.rand(shape).to(device)))

    @property
    def chances(self) -> PerOperation:
        """How likely each operation is to be a stage's."""
        return (self.get_parameter("weights") / self.temperature).softmax(-1)

    def soft(
        self, pixels: Pixels01, rows: Int64[Tensor, "B"], sharpness: float, random: Randomness
    ) -> Pixels01:
        """Images after the soft stages of a sub-policy each, with a gradient to all that is learned.

        In a stage an image becomes the mean of what all operations make of it, by their chances; how far each
        operation goes is drawn between not at all and wholly.

        Args:
            pixels: Images in [0, 1]; not written to.
            rows: Sub-policies, on the device.
            sharpness: Temperature of how far operations go: at 0 not at all or wholly.
            random: Source of that and of signs.
        """
        chances = self.chances.index_select(0, rows)
        levels = bounded(self.get_parameter("levels")).index_select(0, rows)
        logits = logit_of(self.get_parameter("probabilities")).index_select(0, rows)
        z = bernoulli(logits, noise(tuple(logits.shape), logits, random))
        shares = chances * (z / sharpness).sigmoid()
        signs = noise(tuple(logits.shape), logits, random).lt(0.5).to(logits.dtype) * 2 - 1
        for stage in range(levels.shape[1]):
            pixels = self._stage(pixels, shares[:, stage], levels[:, stage], signs[:, stage])
        return pixels

    def _stage(
        self, pixels: Pixels01, shares: Float[Tensor, "B J"], levels: Tensor, signs: Tensor
    ) -> Pixels01:
        """Images moved towards what each operation makes of them, by its share."""
        out = pixels
        for place, name in enumerate(self.names):
            applied = operate(name, pixels, levels[:, place], signs[:, place])
            out = out + shares[:, place, None, None, None] * (applied - pixels)
        return out

    @torch.no_grad()
    def on_host(self) -> Float[Tensor, "3 S T J"]:
        """Chances, probabilities and levels, read back to the host at once."""
        numbers = (self.chances, *(bounded(self.get_parameter(name)) for name in ("probabilities", "levels")))
        return torch.stack(numbers).to(HOST)


def drawn(found: Float[Tensor, "3 S T J"], count: int, random: Randomness) -> Table:
    """A chain for each of `count` images: a sub-policy evenly drawn, an operation of each of its stages by chance."""
    draws = random.on(HOST)
    rows = torch.randint(found.shape[1], (count,), generator=draws, device=HOST)
    chances = found[0, rows]
    operation = torch.multinomial(chances.flatten(0, 1), 1, generator=draws).view(chances.shape[:2])
    return chains(found, rows, operation)


def spread(found: Float[Tensor, "3 S T J"], each: int) -> Table:
    """`each` chains of every sub-policy, its operations as evenly spread over them as their chances say."""
    count, stages = found.shape[1:3]
    rows = torch.arange(count, device=HOST).repeat_interleave(each)
    number = torch.arange(each, dtype=torch.float64, device=HOST).repeat(count)[:, None]
    steps = torch.tensor([1 / each, *(GOLDEN ** (stage + 1) for stage in range(stages - 1))], device=HOST)
    places = (number * steps + 0.5 / each) % 1
    ends = found[0, rows].double().cumsum(-1)
    operation = torch.searchsorted(ends, places[..., None] * ends[..., -1:], right=True)[..., 0]
    return chains(found, rows, operation)


def chains(
    found: Float[Tensor, "3 S T J"], rows: Int64[Tensor, "B"], operation: Int64[Tensor, "B T"]
) -> Table:
    """Some operations of some sub-policies with their probabilities and levels."""
    numbers = found[1:, rows].gather(3, operation.expand(2, -1, -1)[..., None])[..., 0]
    return torch.stack((operation.to(numbers.dtype), *numbers), -1)


def in_the_mean(found: Float[Tensor, "3 S T J"]) -> Table:
    """All operations of all stages of each sub-policy, with probabilities by their chances as well."""
    chances, probabilities, levels = found.flatten(2)
    places = torch.arange(found.shape[-1], device=HOST).repeat(found.shape[2]).expand_as(chances)
    return torch.stack((places.to(chances), chances * probabilities, levels), -1)
