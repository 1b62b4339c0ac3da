"""The fake GPU sees every fault that it is for, and lets pass what a real one lets pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Literal

import pytest
import torch
from torch import Generator, Tensor, nn

from automix_search.mixing import AbstractMixer, MixedBatch, Pairs
from automix_search.mixing.salient.side_filters import window_mean
from automix_search.randomness import Randomness
from automix_search.testing.fake_gpu import (
    GPU,
    HostWaits,
    PlacedGenerator,
    StrayDraw,
    TwoDevices,
    at_leisure,
    backward,
    fake_autocast,
    fake_gpu,
    gradients,
    on_fake_gpu,
)

Touch = Callable[[Tensor, Randomness], object]


class Touching(AbstractMixer):
    """Mixes nothing, and does something with the images on the way."""

    kind: Literal["touching"] = "touching"
    touch: Touch

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        self.touch(pairs.images, random)
        return MixedBatch.unmixed(pairs.images)


def mix(touch: Touch) -> MixedBatch:
    images = torch.zeros(4, 3, 5, 6, device=GPU)
    pairs = Pairs(images, torch.arange(4, device=GPU))
    return Touching(touch=touch).mix(pairs, 4, Randomness(Generator().manual_seed(0)))


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    with fake_gpu():
        yield


def _write(x: Tensor, places: Tensor, value: Tensor) -> None:
    x.clone()[places] = value


WAITS: dict[str, Touch] = {
    "item": lambda x, _: x.mean().item(),
    "tolist": lambda x, _: x.tolist(),
    "bool": lambda x, _: bool(x.isfinite().all()),
    "int": lambda x, _: int(x.sum()),
    "float": lambda x, _: float(x.sum()),
    "number of a tensor": lambda x, _: range(x[0, 0, 0, 0].long()),
    "if": lambda x, _: 1 if x.sum() > 0 else 2,
    "equal": lambda x, _: torch.equal(x, x),
    "allclose": lambda x, _: torch.allclose(x, x),
    "read by a mask": lambda x, _: x[x > 0],
    "write by a mask": lambda x, _: _write(x, x[:, 0, 0, 0] > 0, x),
    "masked select": lambda x, _: x.masked_select(x > 0),
    "nonzero": lambda x, _: x.nonzero(),
    "argwhere": lambda x, _: torch.argwhere(x),
    "where": lambda x, _: torch.where(x > 0),
    "unique": lambda x, _: torch.unique_consecutive(x.flatten()),
    "bincount": lambda x, _: x.flatten().long().bincount(minlength=3),
    "one hot of unknown width": lambda x, _: nn.functional.one_hot(x[:, 0, 0, 0].long()),
    "repeat interleave": lambda x, _: torch.repeat_interleave(x[:, 0, 0, 0].long()),
    "multinomial": lambda x, random: torch.multinomial(x[0, 0], 1, generator=random.on(GPU)),
    "cpu": lambda x, _: x.cpu(),
    "to": lambda x, _: x.to("cpu"),
    "to, not waiting, for values that are not there yet": lambda x, _: x.to("cpu", non_blocking=True),
    "copy to the host": lambda x, _: torch.zeros(4, 3, 5, 6, device="cpu").copy_(x),
    "a tensor made of numbers": lambda x, _: torch.tensor([1.0, 2.0], device=GPU),
    "a new tensor of numbers": lambda x, _: x.new_tensor([1.0, 2.0]),
    "a host's tensor moved": lambda x, _: torch.ones(2, device="cpu").to(GPU),
    "a host's tensor copied": lambda x, _: x.clone().copy_(torch.ones(6, device="cpu")),
    "places by a list": lambda x, _: x[[0, 1]],
}

TWO: dict[str, Touch] = {
    "sum": lambda x, _: x + torch.ones(6, device="cpu"),
    "product in place": lambda x, _: x.clone().mul_(torch.ones(6, device="cpu")),
    "lerp": lambda x, _: x.lerp(x, torch.ones(6, device="cpu")),
    "places on the host": lambda x, _: x[torch.arange(2, device="cpu")],
    "rows on the host": lambda x, _: x.index_select(0, torch.arange(2, device="cpu")),
    "joined": lambda x, _: torch.cat((x, torch.ones(4, 3, 5, 6, device="cpu"))),
    "stacked numbers": lambda x, _: torch.stack((x.sum(), torch.zeros((), device="cpu"))),
    "product of matrices": lambda x, _: x @ torch.ones(6, 2, device="cpu"),
    "a number in a matrix product": lambda x, _: torch.addmm(
        torch.zeros((), device="cpu"), x[0, 0], x[0, 0].T
    ),
    "written into the host's": lambda x, _: torch.ones(6, device="cpu").add_(x[0, 0, 0]),
    "the host's generator": lambda x, random: torch.rand(
        4, device=GPU, generator=random.on(torch.device("cpu"))
    ),
    "one generator for all": lambda x, _: torch.randperm(4, device=GPU, generator=Generator()),
    "the device's generator on the host": lambda x, random: torch.rand(4, generator=random.on(GPU)),
    "in place with the host's generator": lambda x, _: x.clone().exponential_(generator=Generator()),
}

STRAY: dict[str, Touch] = {
    "uniform": lambda x, _: torch.rand(4, device=GPU),
    "like": lambda x, _: torch.randn_like(x),
    "order": lambda x, _: torch.randperm(4, device=GPU),
    "in place": lambda x, _: x.clone().uniform_(),
    "on the host": lambda x, _: torch.rand(1),
    "a distribution": lambda x, _: torch.distributions.Beta(0.5, 0.5).sample(),
    "bernoulli": lambda x, _: torch.bernoulli(x),
}


@pytest.mark.parametrize("touch", WAITS.values(), ids=WAITS)
def test_waiting_is_seen(touch: Touch) -> None:
    with pytest.raises(HostWaits):
        mix(touch)


def test_numpy_is_not_given_what_is_on_the_device() -> None:
    with pytest.raises(RuntimeError, match="numpy"):
        mix(lambda x, _: x.numpy())


@pytest.mark.parametrize("touch", TWO.values(), ids=TWO)
def test_two_devices_are_seen(touch: Touch) -> None:
    with pytest.raises(
        (TwoDevices, RuntimeError), match=r"of the host|generator on|at least two devices|same device"
    ):
        mix(touch)


@pytest.mark.parametrize("touch", STRAY.values(), ids=STRAY)
def test_stray_draws_are_seen(touch: Touch) -> None:
    with pytest.raises(StrayDraw):
        mix(touch)


FINE: dict[str, Touch] = {
    "a host's draw read": lambda x, random: random.uniform(1, x).item(),
    "a host's draw moved": lambda x, random: x * random.uniform(1, x).to(GPU, non_blocking=True),
    "a number of the host": lambda x, _: x * torch.tensor(2.0),
    "a draw for each": lambda x, random: x * random.beta(0.3, 4, x)[:, None, None, None],
    "an extreme draw for each": lambda x, random: x * random.beta(1e-3, 4, x)[:, None, None, None],
    "an order": lambda x, random: x[random.permutation(4, x)],
    "shapes": lambda x, _: x.view(len(x), -1)[:, : x.shape[1]].new_zeros(x.shape),
    "a mask filled": lambda x, _: x.masked_fill(x > 0, 1.0),
    "places of the host": lambda x, _: x[(torch.arange(4) > 2).nonzero()[:, 0].to(GPU, non_blocking=True)],
}


@pytest.mark.parametrize("touch", FINE.values(), ids=FINE)
def test_what_is_fine_passes(touch: Touch) -> None:
    assert mix(touch).inputs.device == GPU


def test_the_hosts_tensors_are_real() -> None:
    assert torch.tensor([1.0, 2.0]).mul(3).tolist() == [3.0, 6.0]


def test_a_model_is_copied_to_the_gpu() -> None:
    here = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    here[0].weight.requires_grad_(False)
    there = on_fake_gpu(here)
    assert {item.device for item in there.state_dict().values()} == {GPU}
    assert [item.requires_grad for item in there.parameters()] == [False, True]
    assert {item.device.type for item in here.state_dict().values()} == {"cpu"}
    assert there(torch.zeros(2, 3, 4, 4, device=GPU)).device == GPU


def test_autocast_is_that_of_the_gpu() -> None:
    x = torch.zeros(3, 3, device=GPU)
    with fake_autocast():
        assert (x @ x).dtype == torch.bfloat16
        with torch.autocast("cuda", enabled=False):
            assert (x @ x).dtype == torch.float32
    with fake_autocast(False):
        assert (x @ x).dtype == torch.float32


MODEL = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 5))
ENGINE = torch.autograd.grad
"""torch's own; within a fake GPU another one stands in its place."""


def test_gradients_are_those_of_torch() -> None:
    x = torch.arange(24.0).view(8, 3).sin().requires_grad_()

    def loss() -> Tensor:
        first, second = torch.split(MODEL(x), [2, 3], dim=1)
        odd, _ = torch.unbind(x.view(4, 2, 3), 1)
        return first.square().sum() + second.sin().sum() * first.mean() + odd[:, 0].sum().square()

    inputs = [x, *MODEL.parameters()]
    wanted = ENGINE(loss(), inputs)
    for found, item in zip(gradients(loss(), inputs), wanted, strict=True):
        torch.testing.assert_close(found, item)


def test_gradients_that_pass_two_devices_are_seen() -> None:
    x = torch.zeros(4, device=GPU, requires_grad=True)
    with pytest.raises(TwoDevices):
        gradients(Faulty.apply(x).sum(), x)


class Faulty(torch.autograd.Function):
    """What goes wrong on the way back alone."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return gradient * torch.ones(4)


def test_a_placed_generator_draws_as_any_other() -> None:
    drawn = [torch.rand(3, generator=make().manual_seed(5)) for make in (PlacedGenerator, Generator)]
    assert torch.equal(*drawn)
    assert PlacedGenerator(GPU).device == GPU


def test_nothing_fake_is_kept() -> None:
    assert window_mean(5, 2, GPU).device == GPU
    assert window_mean.cache_info().currsize == 1
    with fake_gpu():
        assert window_mean.cache_info().currsize == 0


def test_gradients_of_gradients_are_those_of_torch() -> None:
    x = torch.arange(24.0).view(8, 3).sin().requires_grad_()
    weights = list(MODEL.parameters())

    def slope(engine: Callable[..., tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        found = engine(MODEL(x).sin().sum(), weights, create_graph=True)
        return engine(sum(each.square().sum() for each in found), [x, *weights[:1]])

    for found, wanted in zip(slope(gradients), slope(ENGINE), strict=True):
        torch.testing.assert_close(found, wanted)


def test_gradients_along_what_arrived_and_of_what_is_not_used() -> None:
    x, unused = torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)
    found = gradients(x.square(), [x, unused], torch.arange(3.0), allow_unused=True, materialize_grads=True)
    assert [each.tolist() for each in found if each is not None] == [[0, 2, 4], [0, 0]]


def test_backward_adds_to_the_gradients_of_leaves() -> None:
    x = torch.arange(3.0).requires_grad_()
    for _ in range(2):
        backward(x.square().sum())
    assert x.grad is not None
    assert x.grad.tolist() == [0, 4, 8]


def test_at_leisure_the_host_may_wait_and_draw_but_two_devices_are_still_seen() -> None:
    x = torch.zeros(2, 3, device=GPU)
    with at_leisure():
        assert x.cpu().tolist() == x.tolist() == [[1, 1, 1], [1, 1, 1]]
        assert x.sum().item() == 1
        assert bool(x.isfinite().all())
        layer = nn.Linear(3, 4).to(GPU)
        assert layer(x).device == GPU
        assert deepcopy(layer).to(GPU).weight.device == GPU
        with pytest.raises(TwoDevices):
            x + torch.ones(3)
    for touch in (WAITS["cpu"], WAITS["item"], STRAY["on the host"]):
        with pytest.raises((HostWaits, StrayDraw)):
            mix(touch)
