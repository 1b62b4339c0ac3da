"""Gradients of a policy through one virtual step of the optimiser that trains the model.

The inner loss, of augmented training images, depends on the policy and moves the weights; the outer loss, of clean
images, judges the weights after the step. Since the outer images are not augmented, the outer loss knows the policy
through the moved weights only: the shortcut that leaves the step out ("first order") has a gradient of exactly zero.

Nothing of the model or the optimiser is written to.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, jvp
from torch.nn.attention import SDPBackend, sdpa_kernel

from automix_search.errors import InputError
from automix_search.learned.fixed_norm import FixedNorm
from automix_search.signals import classifier
from automix_search.signals.layers import plain

Form = Literal["unroll", "finite_difference", "alignment", "last_layer"]
"""How the gradient is reckoned.

`unroll` differentiates the step itself; `finite_difference` differs from it by the square of a small radius and needs
no second derivatives; `alignment` is the inner product of both gradients at the weights before the step;
`last_layer`, the cheapest, moves the classifier only, and is the same as `unroll` where all else is frozen.
"""

Weights = dict[str, Tensor]
Run = Callable[[Tensor], Tensor]
"""The model at some weights: from images to logits."""
LossOf = Callable[[Run], Float[Tensor, ""]]

RADIUS = 0.01
"""Length of the step away from the weights that finite differences are taken over."""

TINY = 1e-24
"""Below this a second moment of Adam has no gradient: that of its root would be infinite."""


def policy_gradient(
    form: Form,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inner: LossOf,
    outer: LossOf,
    policy: Sequence[Tensor],
) -> list[Tensor]:
    """Gradient of the outer loss, after a virtual step down the inner loss, to the parameters of a policy.

    Args:
        form: How to reckon it.
        model: The model, in the mode that it is to run in.
        optimizer: The model's optimiser, with the settings of this step.
        inner: The loss that the step goes down; depends on the policy, and may be called more than once.
        outer: The loss that judges the weights after the step.
        policy: Parameters of the policy.

    Raises:
        InputError: The optimiser's step cannot be differentiated here.
    """
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # other kernels have no second derivatives
        value = _FORMS[form](model, optimizer, inner, outer)
        return list(torch.autograd.grad(value, policy, allow_unused=True, materialize_grads=True))


def virtual_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_of: LossOf,
    only: nn.Module | None = None,
) -> Weights:
    """The weights after a step down a loss, with their graph; momentum, weight decay and rate are the optimiser's.

    Args:
        model: The model, in the mode that it is to run in.
        optimizer: Its optimiser: SGD, Adam or AdamW.
        loss_of: The loss of the model at given weights.
        only: The part of the model that moves; None for all that the optimiser trains.

    Raises:
        InputError: It is another optimiser.
    """
    weights = _leaves(model, optimizer, only)
    loss = loss_of(at(model, weights))
    found = torch.autograd.grad(loss, list(weights.values()), create_graph=True, allow_unused=True)
    return moved(model, optimizer, weights, dict(zip(weights, found, strict=True)))


def at(model: nn.Module, weights: Weights) -> Run:
    """The model at other weights; what is not among them stays as it is, buffers are copies."""
    held = {name: tensor.detach() for name, tensor in plain(model).named_parameters()}
    buffers = {name: tensor.detach().clone() for name, tensor in plain(model).named_buffers()}

    def run(images: Tensor) -> Tensor:
        logits: Tensor = functional_call(plain(model), {**held, **buffers, **weights}, (images,))
        return logits

    return run


def moved(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    weights: Weights,
    gradients: Mapping[str, Tensor | None],
) -> Weights:
    """Weights after the optimiser's step along gradients; a weight without a gradient stays."""
    rule = _rule(optimizer)
    groups = {id(one): group for group in optimizer.param_groups for one in group["params"]}
    real = dict(plain(model).named_parameters())
    return {
        name: weight
        if (gradient := gradients[name]) is None
        else rule(weight, gradient, optimizer.state.get(real[name], {}), groups[id(real[name])])
        for name, weight in weights.items()
    }


def _unrolled(model: nn.Module, optimizer: torch.optim.Optimizer, inner: LossOf, outer: LossOf) -> Tensor:
    with FixedNorm():
        return outer(at(model, virtual_step(model, optimizer, inner)))


def _last_layer(model: nn.Module, optimizer: torch.optim.Optimizer, inner: LossOf, outer: LossOf) -> Tensor:
    return outer(at(model, virtual_step(model, optimizer, inner, only=classifier(model))))


def _finite_difference(
    model: nn.Module, optimizer: torch.optim.Optimizer, inner: LossOf, outer: LossOf
) -> Tensor:
    """A number with the gradient's first-order content: the inner loss at two places, over their distance."""
    weights = _leaves(model, optimizer)
    found = torch.autograd.grad(inner(at(model, weights)), list(weights.values()), materialize_grads=True)
    gradients = {name: one.detach().requires_grad_() for name, one in zip(weights, found, strict=True)}
    after = moved(model, optimizer, {name: one.detach() for name, one in weights.items()}, gradients)
    # How the outer loss answers to the inner gradients: the rate, momentum and moments are all in it.
    answer = torch.autograd.grad(outer(at(model, after)), list(gradients.values()), materialize_grads=True)
    length = torch.stack([one.norm() for one in answer]).norm()
    step = RADIUS / length.clamp(min=TINY)
    ahead, behind = (inner(at(model, _shifted(weights, answer, by))) for by in (step, -step))
    value: Tensor = (ahead - behind) / (2 * step)
    return value


def _alignment(model: nn.Module, optimizer: torch.optim.Optimizer, inner: LossOf, outer: LossOf) -> Tensor:
    """Minus the rate times the inner product of both gradients, by a forward derivative of the inner loss."""
    weights = _leaves(model, optimizer)
    found = torch.autograd.grad(outer(at(model, weights)), list(weights.values()), materialize_grads=True)
    rates = {id(one): group["lr"] for group in optimizer.param_groups for one in group["params"]}
    real = dict(plain(model).named_parameters())
    tangents = {name: one.detach() * -rates[id(real[name])] for name, one in zip(weights, found, strict=True)}
    fixed = {name: one.detach() for name, one in weights.items()}
    with warnings.catch_warnings():
        # The first forward derivative in a program loads what torch itself calls deprecated.
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
        value: Tensor = jvp(lambda here: inner(at(model, here)), (fixed,), (tangents,))[1]
    return value


_FORMS: dict[Form, Callable[[nn.Module, torch.optim.Optimizer, LossOf, LossOf], Tensor]] = {
    "unroll": _unrolled,
    "finite_difference": _finite_difference,
    "alignment": _alignment,
    "last_layer": _last_layer,
}


def _leaves(model: nn.Module, optimizer: torch.optim.Optimizer, only: nn.Module | None = None) -> Weights:
    """Copies of what the optimiser trains of the model, or of a part of it, to be differentiated by."""
    trained = {id(one) for group in optimizer.param_groups for one in group["params"] if one.requires_grad}
    if only is not None:
        trained &= {id(one) for one in only.parameters()}
    return {
        name: one.detach().requires_grad_()
        for name, one in plain(model).named_parameters()
        if id(one) in trained
    }


def _shifted(weights: Weights, direction: Sequence[Tensor], step: Tensor) -> Weights:
    return {
        name: weight.detach() + step * one
        for (name, weight), one in zip(weights.items(), direction, strict=True)
    }


def _rule(optimizer: torch.optim.Optimizer) -> Callable[[Tensor, Tensor, Any, Any], Tensor]:
    """The optimiser's step for one weight: of weight, gradient, state and settings.

    Raises:
        InputError: There is none for it.
    """
    if isinstance(optimizer, torch.optim.Adam):
        return _adam
    if isinstance(optimizer, torch.optim.SGD):
        return _sgd
    raise InputError(
        f"a virtual step of {type(optimizer).__name__} cannot be differentiated, only of SGD, Adam and AdamW: "
        f"choose one of these, or `update: alignment`"
    )


def _sgd(weight: Tensor, gradient: Tensor, state: Mapping[str, Any], group: Mapping[str, Any]) -> Tensor:
    step = (-gradient if group["maximize"] else gradient) + group["weight_decay"] * weight
    if group["momentum"]:
        before = state.get("momentum_buffer")
        kept = step
        if before is not None:
            kept = group["momentum"] * before.detach() + (1 - group["dampening"]) * step
        step = step + group["momentum"] * kept if group["nesterov"] else kept
    after: Tensor = weight - group["lr"] * step
    return after


def _adam(weight: Tensor, gradient: Tensor, state: Mapping[str, Any], group: Mapping[str, Any]) -> Tensor:
    first, second = group["betas"]
    step = -gradient if group["maximize"] else gradient
    if group.get("decoupled_weight_decay", False):
        weight = weight * (1 - group["lr"] * group["weight_decay"])
    else:
        step = step + group["weight_decay"] * weight
    count = torch.as_tensor(state.get("step", 0)).double() + 1
    mean = (1 - first) * step + first * state.get("exp_avg", 0)
    square = (1 - second) * step.square() + second * state.get("exp_avg_sq", 0)
    if group["amsgrad"]:
        square = torch.maximum(square, torch.as_tensor(state.get("max_exp_avg_sq", 0.0)).to(square))
    root = square.clamp(min=TINY).sqrt() / (1 - second**count) ** 0.5
    after: Tensor = weight - group["lr"] / (1 - first**count) * mean / (root + group["eps"])
    return after
