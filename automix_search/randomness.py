"""Random draws that never make the host wait for the device.

One rule decides where a draw lives: a number for the whole batch is drawn on the host, a number for every
sample is drawn on the device of the batch. A box for the whole batch can then be a slice, and nothing is ever
read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor


class Randomness:
    """The random draws of one augmenter.

    Args:
        generator: Source of all draws; None seeds one from torch's global generator. With a CPU generator and
            a batch on another device, a second generator on that device is seeded from the first.
    """

    def __init__(self, generator: Generator | None = None) -> None:
        if generator is None:
            generator = Generator().manual_seed(int(torch.randint(2**62, ()).item()))
        self._generators = {generator.device: generator}
        if generator.device.type != "cpu":
            self._generators[torch.device("cpu")] = Generator().manual_seed(generator.initial_seed())

    def on(self, device: torch.device) -> Generator:
        """The generator for draws on `device`."""
        if device not in self._generators:
            seed = int(torch.randint(2**62, (), generator=self._generators[torch.device("cpu")]).item())
            self._generators[device] = Generator(device).manual_seed(seed)
        return self._generators[device]

    def _place(self, count: int, like: Tensor) -> tuple[torch.device, Generator]:
        device = torch.device("cpu") if count == 1 else like.device
        return device, self.on(device)

    def uniform(self, count: int, like: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Numbers uniform in [low, high): `(count,)` float32; on the host when `count` is 1."""
        device, generator = self._place(count, like)
        return torch.rand(count, device=device, generator=generator) * (high - low) + low

    def below(self, limit: int, count: int, like: Tensor) -> Tensor:
        """Whole numbers uniform in [0, limit): `(count,)` int64; on the host when `count` is 1."""
        device, generator = self._place(count, like)
        return torch.randint(limit, (count,), device=device, generator=generator)

    def choice(self, chances: Sequence[float], count: int) -> Tensor:
        """Positions in `chances`, each as often as its chance says: `(count,)` int64, always on the host."""
        host = torch.device("cpu")
        return torch.multinomial(torch.tensor(chances), count, replacement=True, generator=self.on(host))

    def beta(self, alpha: float, count: int, like: Tensor) -> Tensor:
        """Beta(alpha, alpha) draws: `(count,)` float32; all 1 when `alpha` is 0."""
        device, generator = self._place(count, like)
        if alpha == 0:
            return torch.ones(count, device=device)
        if 0.05 <= alpha <= 1e3:
            both = torch.full((count, 2), alpha, dtype=torch.float64, device=device)
            return torch._sample_dirichlet(both, generator)[:, 0].float()
        return self._extreme_beta(alpha, count, device, generator)

    @staticmethod
    def _extreme_beta(alpha: float, count: int, device: torch.device, generator: Generator) -> Tensor:
        """Beta draws for an alpha at which Gamma variables underflow or are all alike.

        A ratio of two of them, taken in the logarithm: Gamma(a) is Gamma(a + 1) * U^(1/a). Beyond 1e-30 and
        1e30 nothing changes any more but what overflows.
        """
        alpha = min(max(alpha, 1e-30), 1e30)
        above = torch._standard_gamma(torch.full((2, count), alpha + 1.0, device=device), generator)
        first: Tensor
        second: Tensor
        first, second = above.log_().sub_(torch.empty_like(above).exponential_(alpha, generator=generator))
        return first.sub_(second).sigmoid_()

    def dirichlet(self, alpha: float, parts: int, count: int, like: Tensor) -> Tensor:
        """Dirichlet(alpha, ..., alpha) draws: `(count, parts)` float32, rows sum to 1; on the host when `count` is 1.

        Gamma variables over their sum, taken in the logarithm as for an extreme `beta`.
        """
        device, generator = self._place(count, like)
        alpha = min(max(alpha, 1e-30), 1e30)
        above = torch._standard_gamma(torch.full((count, parts), alpha + 1.0, device=device), generator)
        return above.log_().sub_(torch.empty_like(above).exponential_(alpha, generator=generator)).softmax(1)

    def uniforms(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Numbers uniform in [0, 1) of `shape`, float32; on the host when the first axis is 1."""
        device, generator = self._place(shape[0], like)
        return torch.rand(shape, device=device, generator=generator)

    def normal(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Standard normal draws of `shape`, float32; on the host when the first axis is 1."""
        device, generator = self._place(shape[0], like)
        return torch.randn(shape, device=device, generator=generator)

    def categorical(self, chances: Tensor) -> Tensor:
        """One position in each row of `chances`, as often as it says: `(count,)` int64, on the same device.

        The first of exponential waiting times, which asks nothing of the host; `torch.multinomial` waits for it.
        """
        waits = torch.empty_like(chances).exponential_(generator=self.on(chances.device)).clamp_(min=1e-30)
        return (chances / waits).argmax(dim=1)

    def permutation(self, count: int, like: Tensor) -> Tensor:
        """A random order of `count` samples: `(count,)` int64, on the device of the batch."""
        return torch.randperm(count, device=like.device, generator=self.on(like.device))

    def state_dict(self) -> dict[str, Any]:
        """States of all generators, by device."""
        return {str(device): generator.get_state() for device, generator in self._generators.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, as `state_dict` gave it."""
        for name, value in state.items():
            device = torch.device(name)
            self._generators.setdefault(device, Generator(device)).set_state(value.cpu())
