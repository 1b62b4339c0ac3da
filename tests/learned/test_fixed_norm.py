"""Batch normalisation by fixed statistics: the values and derivatives of torch's own."""

import pytest
import torch
from torch import nn
from torch.nn.functional import batch_norm

from automix_search.learned.fixed_norm import FixedNorm

SHAPES = [(4, 3), (4, 3, 5), (4, 3, 5, 6)]


def layer_of(dimensions: int, affine: bool = True) -> nn.Module:
    """A layer in double precision that has seen something, in evaluation mode."""
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
    layer = kinds[dimensions](3, eps=0.1, affine=affine).double()
    torch.manual_seed(0)
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(3) + 0.5)
    return layer.eval()


def derivatives(layer: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """The output, its first derivatives, and theirs."""
    inputs = [images.clone().requires_grad_(), *layer.parameters()]
    out = layer(inputs[0])
    first = torch.autograd.grad(out.sin().sum(), inputs, create_graph=True)
    second = torch.autograd.grad(sum(one.square().sum() for one in first), inputs)
    return [out, *first, *second]


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_first_and_second_derivatives_are_those_of_torch(shape, affine):
    layer = layer_of(len(shape), affine)
    images = torch.rand(shape, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    wanted = derivatives(layer, images)
    with FixedNorm():
        found = derivatives(layer, images)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_it_takes_the_place_of_torchs_own_only_at_fixed_statistics():
    layer, images = layer_of(4), torch.rand(4, 3, 5, 6, dtype=torch.double)
    with FixedNorm():
        fixed = layer(images)
        moving = layer.train()(images)
    assert "BatchNorm" not in fixed.grad_fn.name()
    assert "BatchNorm" in moving.grad_fn.name()
    assert layer.num_batches_tracked == 1
    assert "BatchNorm" in layer.eval()(images).grad_fn.name()


def test_statistics_and_factors_may_be_named():
    images, mean, square = torch.rand(4, 3), torch.rand(3), torch.rand(3)
    wanted = batch_norm(images, mean, square, bias=mean, eps=0.2)
    with FixedNorm():
        found = batch_norm(images, running_var=square, running_mean=mean, bias=mean, eps=0.2)
    torch.testing.assert_close(found, wanted)
