"""A GPU that is not there, to see on any machine that a training step never mixes devices and never waits.

Tensors on the fake GPU know their shape, type and device, and have no values. Tensors on the host are real, so that
what is drawn there may be looked at. Whatever on a real GPU would fail, or would make the host wait, fails here.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from functools import _lru_cache_wrapper
from typing import Any, ClassVar
from unittest.mock import patch

import torch
from torch import Generator, Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.autograd.graph import Node, get_gradient_edge
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

GPU = torch.device("cuda", 0)
HOST = torch.device("cpu")

COPIES = ("_to_copy", "copy_")
"""Operations that may have one end on the host and one on the device."""

INDEXING = ("index", "index_put", "index_put_", "_unsafe_index", "_unsafe_index_put")

MASKS = (torch.bool, torch.uint8)

TAKES_NUMBERS = ("fill", "fill_", "masked_fill", "masked_fill_")
"""Operations beside those that go place by place that take a number of the host as a tensor."""

WAITING = (
    "_local_scalar_dense",
    "multinomial",
    "bincount",
    "_linalg_eigh",
    "_linalg_svd",
    "_linalg_check_errors",
)
"""Operations that look at values on the device and whose fake tensors do not."""


DRAWS_LIKE = ("_sample_dirichlet", "_standard_gamma")
"""Draws that a fake tensor cannot make, of the shape of their first argument."""


class HostWaits(AssertionError):
    """The host would wait for the device."""


class TwoDevices(AssertionError):
    """An operation on tensors of the host and of the device, or a draw by the generator of another device."""


class StrayDraw(AssertionError):
    """A draw from torch's global generator."""


class PlacedGenerator(Generator):
    """A generator that says it is on a device; its states are those of one on the host."""

    made: ClassVar[dict[int, PlacedGenerator]] = {}
    """All of them by their states' address: an operation is handed the same states in another object."""

    def __new__(cls, device: torch.device | str = HOST) -> PlacedGenerator:
        generator = super().__new__(cls)
        cls.made[_states(generator)] = generator
        return generator

    def __init__(self, device: torch.device | str = HOST) -> None:
        self._place = torch.device(device)

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where it draws."""
        return self._place


def _states(generator: Generator) -> int:
    """Where in memory a generator keeps its states."""
    address: int = generator._cdata  # type: ignore[attr-defined]
    return address


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs what is on the host, lets fake tensors find the shapes of the rest, and raises at every fault."""

    strict: ClassVar[bool] = True
    """Whether the host may not wait, and torch's global generator not be drawn from."""

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        leaves = tree_leaves((args, kwargs))
        tensors = [item for item in leaves if isinstance(item, Tensor)]
        device = _device(kwargs.get("device"), tensors)
        if func.namespace == "prim":
            return func(*args, **kwargs)
        if self.strict:
            _check_draw(func, device, leaves)
        elif (found := _read_back(func, args, kwargs)) is not None:
            return found
        if device == HOST and not any(isinstance(item, FakeTensor) for item in tensors):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        _check_devices(func, args, kwargs, tensors, self.strict)
        if self.strict:
            _check_waiting(func, args)
        args, kwargs = tree_map_only(Generator, lambda _: None, (args, kwargs))
        if func.overloadpacket.__name__ in DRAWS_LIKE:
            return torch.empty_like(args[0])
        try:
            return func(*args, **kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException) as error:
            raise HostWaits(f"{func} gives what only the device knows") from error


def _device(asked: torch.device | str | None, tensors: Sequence[Tensor]) -> torch.device:
    """Where an operation runs: where it was asked to, or where its tensors are."""
    if asked is not None:
        return torch.device(asked)
    return next((item.device for item in tensors if item.device != HOST), HOST)


def _check_draw(func: torch._ops.OpOverload, device: torch.device, leaves: Sequence[Any]) -> None:
    if torch.Tag.nondeterministic_seeded not in func.tags or not _takes_generator(func):
        return
    given = next((item for item in leaves if isinstance(item, Generator)), None)
    if given is None:
        raise StrayDraw(f"{func} draws from torch's global generator")
    place = PlacedGenerator.made.get(_states(given), given).device
    if place.type != device.type:
        raise TwoDevices(f"{func} on {device} draws from a generator on {place}")


def _takes_generator(func: torch._ops.OpOverload) -> bool:
    packet = func.overloadpacket
    schemas = (getattr(packet, name)._schema for name in packet.overloads())
    return any(argument.name == "generator" for schema in schemas for argument in schema.arguments)


def _check_devices(
    func: torch._ops.OpOverload,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    tensors: Sequence[Tensor],
    strict: bool,
) -> None:
    """Place by place a number of the host will do; anything else is to be moved before."""
    name = func.overloadpacket.__name__
    if name in COPIES:
        source = args[1] if name == "copy_" else args[0]
        target = args[0].device if name == "copy_" else torch.device(kwargs.get("device") or source.device)
        if source.device != HOST and target == HOST:
            raise HostWaits(f"{func} reads {tuple(source.shape)} back from the device")
        waits = not (kwargs.get("non_blocking") or (name == "copy_" and len(args) > 2 and args[2]))
        if source.device == HOST and waits and strict:
            raise HostWaits(f"{func} brings {tuple(source.shape)} to the device without `non_blocking=True`")
        return
    numbers = torch.Tag.pointwise in func.tags or name in TAKES_NUMBERS or _fills(name, args)
    left = [item for item in tensors if item.device == HOST and not (numbers and item.ndim == 0)]
    if left:
        raise TwoDevices(f"{func} on the device gets {tuple(left[0].shape)} of the host")


def _read_back(func: torch._ops.OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Ones for what is read from the device, which has no values; None if nothing is."""
    name, from_device = func.overloadpacket.__name__, isinstance(args[0] if args else None, FakeTensor)
    if name == "_local_scalar_dense" and from_device:
        return 1.0 if args[0].is_floating_point() else 1
    if name == "_to_copy" and from_device and torch.device(kwargs.get("device") or GPU) == HOST:
        with unset_fake_temporarily():
            return torch.ones(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
    return None


def _fills(name: str, args: Sequence[Any]) -> bool:
    """Whether one number of the host is put wherever a mask says so: torch makes `masked_fill_` of that."""
    if not name.startswith("index_put") or len(args) < 3 or len(args[1]) != 1:
        return False
    (mask,), value = args[1], args[2]
    return mask is not None and mask.dtype in MASKS and value.numel() == 1 and value.device == HOST


def _check_waiting(func: torch._ops.OpOverload, args: Sequence[Any]) -> None:
    name = func.overloadpacket.__name__
    if _fills(name, args):
        return
    if name in WAITING:
        raise HostWaits(f"{func} makes the host wait")
    if name in INDEXING and any(item is not None and item.dtype in MASKS for item in args[1]):
        raise HostWaits(f"{func} with a mask makes the host wait for the number of its places")


@contextmanager
def fake_gpu() -> Iterator[torch.device]:
    """A fake GPU: within, its tensors can be made and reckoned with, and every fault raises.

    Yields:
        The device of the fake GPU.

    Raises:
        HostWaits: Something on the device was read back, or had to arrive before the host went on.
        TwoDevices: Something on the host was reckoned with something on the device.
        StrayDraw: Something was drawn from torch's global generator.
    """
    with ExitStack() as stack:
        stack.callback(PlacedGenerator.made.clear)
        stack.callback(_forget)
        _forget()
        stack.enter_context(patch("automix_search.randomness.Generator", PlacedGenerator))
        stack.enter_context(patch("torch.autograd.grad", gradients))
        stack.enter_context(patch("torch.autograd.backward", backward))
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        stack.enter_context(Watch())  # type: ignore[no-untyped-call]
        yield GPU


@contextmanager
def at_leisure() -> Iterator[None]:
    """Between steps the host may wait, and initial weights be drawn; what is read back is ones."""
    with patch.object(Watch, "strict", False), patch.object(nn.Module, "to", _to), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")  # copies of modules do
        yield


def _forget() -> None:
    """Empty the package's caches: a fake tensor is of no use to anyone later, nor a real one to a fake GPU."""
    for name, module in list(sys.modules.items()):
        if name.startswith("automix_search."):
            for item in vars(module).values():
                if isinstance(item, _lru_cache_wrapper):
                    item.cache_clear()


def on_fake_gpu(model: nn.Module) -> nn.Module:
    """A copy of a model of the host on the fake GPU; to be called within `fake_gpu`."""
    return _to(deepcopy(model), GPU)


def _to(model: nn.Module, device: torch.device | str) -> nn.Module:
    """`Module.to`, which gives up where a real tensor is to become a fake one; what is there already stays."""
    for module in model.modules():
        for name, item in module._parameters.items():
            if item is not None and item.device != torch.device(device):
                module._parameters[name] = nn.Parameter(_moved(item.detach()), item.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.device != torch.device(device):
                module._buffers[name] = _moved(buffer)
    return model


def _moved(item: Tensor) -> Tensor:
    return item.to(GPU, non_blocking=True)


@contextmanager
def fake_autocast(enabled: bool = True) -> Iterator[None]:
    """`torch.autocast("cuda", torch.bfloat16)`, which needs no GPU."""
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    torch.set_autocast_enabled("cuda", enabled)
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])
        torch.clear_autocast_cache()


def gradients(
    output: Tensor,
    inputs: Tensor | Sequence[Tensor],
    arrived: Tensor | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """`torch.autograd.grad` of one tensor, one node after the other: torch's own engine asks for a real GPU.

    The graph is always kept.
    """
    sought = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    wanted = [get_gradient_edge(item) for item in sought]
    start = get_gradient_edge(output)
    held: dict[Node, dict[int, Tensor]] = defaultdict(dict)
    held[start.node][start.output_nr] = torch.ones_like(output) if arrived is None else arrived
    with torch.set_grad_enabled(create_graph):
        for node in _in_order(start.node):
            if any(node is edge.node for edge in wanted) or not held[node] or not node.next_functions:
                continue
            for (after, number), gradient in zip(
                node.next_functions, _through(node, held[node]), strict=True
            ):
                if after is not None and gradient is not None:
                    gradient = _fitted(gradient, after, number)
                    before = held[after].get(number)
                    held[after][number] = gradient if before is None else before + gradient
    found = [held[edge.node].get(edge.output_nr) for edge in wanted]
    if not materialize_grads:
        return tuple(found)
    return tuple(
        torch.zeros_like(item) if one is None else one for item, one in zip(sought, found, strict=True)
    )


def backward(output: Tensor, *_: Any, **__: Any) -> None:
    """`torch.autograd.backward` of a scalar, in the same way: gradients are added to those of the leaves."""
    nodes: list[Any] = _in_order(get_gradient_edge(output).node)
    leaves = [node.variable for node in nodes if hasattr(node, "variable")]
    for leaf, gradient in zip(leaves, gradients(output, leaves), strict=True):
        if gradient is not None:
            leaf.grad = gradient if leaf.grad is None else leaf.grad + gradient


def _through(node: Node, arrived: Mapping[int, Tensor]) -> tuple[Tensor | None, ...]:
    step: Any = node
    backward: Callable[..., Any] = getattr(step, "apply", step)
    found = backward(*(arrived.get(number) for number in range(len(node._input_metadata))))
    return found if isinstance(found, tuple) else (found,)


def _fitted(gradient: Tensor, node: Node, number: int) -> Tensor:
    """A gradient of the shape and dtype of what it is of: where that was broadcast, the sum."""
    wanted = node._input_metadata[number]
    return gradient.sum_to_size(wanted.shape).to(wanted.dtype)


def _in_order(start: Node) -> list[Node]:
    """All nodes that gradients reach, each after all that lead to it."""
    done: dict[Node, None] = {}
    stack: list[tuple[Node, bool]] = [(start, False)]
    while stack:
        node, left = stack.pop()
        if left:
            done[node] = None
        elif node not in done:
            stack.append((node, True))
            stack += [
                (after, False) for after, _ in node.next_functions if after is not None and after not in done
            ]
    return list(reversed(done))
