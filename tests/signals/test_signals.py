"""What a model shows of clean images: right values, and nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.models import ModelSpec, build_model
from automix_search.signals import HiddenMix, ModelSignals, Need, Signals, check_needs, extra_passes, run
from automix_search.signals.layers import classifier, stages

SIZE = (16, 24)


def model_named(name: str, channels: int = 3) -> nn.Module:
    torch.manual_seed(0)
    if name.startswith("vit"):
        arguments: dict[str, Any] = {
            "img_size": SIZE,
            "patch_size": 8,
            "embed_dim": 24,
            "depth": 3,
            "num_heads": 3,
        }
        return timm.create_model(name, in_chans=channels, num_classes=5, **arguments)
    return build_model(ModelSpec(name=name), channels=channels, size=SIZE, num_classes=5)


def images(count: int = 4, channels: int = 3) -> Tensor:
    return torch.randn(count, channels, *SIZE, generator=Generator().manual_seed(1))


def signals_of(model: nn.Module, count: int = 4, **more: Any) -> ModelSignals:
    return ModelSignals(model, images(count), torch.eye(5)[torch.arange(count) % 5], **more)


every_model = pytest.mark.parametrize(
    "name",
    ["tiny_cnn", "small_cnn", "tiny_vit", "cifar_resnet18", "test_efficientnet", "test_resnet", "test_vit"],
)
transformers = pytest.mark.parametrize("name", ["tiny_vit", "vit_tiny_patch16_224"])


@every_model
def test_maps_have_the_shape_they_promise(name: str) -> None:
    if name == "test_vit":
        pytest.skip("it takes images of one size only")
    seen = signals_of(model_named(name))
    assert seen.saliency().shape == (4, *SIZE)
    assert seen.saliency().min() >= 0
    features = seen.features()
    assert features.ndim == 4
    assert min(features.shape[2:]) >= 1
    assert seen.class_maps().shape == (4, *features.shape[2:])
    assert seen.logits().shape == (4, 5)
    assert len(seen.stages()) >= 2
    assert all(not item.requires_grad for item in (seen.saliency(), features, seen.logits()))


@every_model
def test_a_look_leaves_the_model_as_it_was(name: str) -> None:
    if name == "test_vit":
        pytest.skip("it takes images of one size only")
    model = model_named(name).train()
    model.get_submodule(stages(model)[0]).eval()
    modes = {key: module.training for key, module in model.named_modules()}
    before = {key: value.clone() for key, value in model.state_dict().items()}
    seen = signals_of(model)
    seen.saliency(), seen.features(), seen.logits()
    assert {key: module.training for key, module in model.named_modules()} == modes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_saliency_is_the_root_of_the_mean_squared_gradient() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 24, 5))
    seen = signals_of(model)
    x = images().requires_grad_()
    functional.cross_entropy(model(x), torch.arange(4), reduction="sum").backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    torch.testing.assert_close(seen.saliency(), x.grad.square().mean(1).sqrt())


def test_class_maps_average_to_the_logit() -> None:
    """With average pooling the mean of the map is the logit of the true class, less its bias."""
    model = model_named("small_cnn").eval()
    seen = signals_of(model)
    logit = seen.logits().gather(1, torch.arange(4)[:, None])[:, 0] - classifier(model).bias[:4]
    torch.testing.assert_close(seen.class_maps().mean((1, 2)), logit, atol=1e-4, rtol=1e-4)


@transformers
def test_attention_is_what_the_block_reckons(name: str) -> None:
    model = model_named(name).eval()
    block = model.get_submodule(stages(model)[-1] + ".attn")
    caught: list[Tensor] = []
    block.fused_attn = False  # type: ignore[assignment]
    handle = block.attn_drop.register_forward_hook(lambda _, __, output: caught.append(output))  # type: ignore[union-attr]
    outcome = run(model, images(), attention=True)
    handle.remove()
    assert outcome.attention is not None
    torch.testing.assert_close(outcome.attention.of_block(-1), caught[0].mean(1))
    prefix = outcome.attention.prefix
    rows = caught[0].mean(1)[:, :1] if prefix else caught[0].mean(1)
    wanted = rows[:, :, prefix:].mean(1)
    wanted = (wanted / wanted.sum(1, keepdim=True)).view(4, *outcome.attention.grid)
    torch.testing.assert_close(outcome.attention.to_patches(), wanted)
    torch.testing.assert_close(outcome.attention.between_patches().sum((1, 2)), torch.ones(4))


def test_attention_is_asked_of_transformers_only() -> None:
    with pytest.raises(InputError, match=r"no attention over all patches.*vision transformer"):
        signals_of(model_named("small_cnn")).attention()
    with pytest.raises(InputError, match="no attention"):
        check_needs({Need.MIXED_ATTENTION}, model_named("test_efficientnet"))
    check_needs({Need.MIXED_ATTENTION, Need.LAYERS, Need.CLASS_MAPS}, model_named("tiny_vit"))


@every_model
def test_hidden_features_are_mixed_at_every_stage(name: str) -> None:
    """A change that swaps items after any stage is seen in the logits as the same swap."""
    if name == "test_vit":
        pytest.skip("it takes images of one size only")
    model, order = model_named(name).eval(), torch.tensor([2, 0, 3, 1])
    plain = model(images())
    for stage in stages(model):
        hidden = HiddenMix(stage, lambda features: (features[order], torch.ones(4, 1)))
        outcome = run(model, images(), hidden)
        torch.testing.assert_close(outcome.logits, plain[order], atol=1e-5, rtol=1e-5)
        assert outcome.weights is not None
    assert not any(module._forward_hooks for module in model.modules())


def test_an_unknown_layer() -> None:
    hidden = HiddenMix("nowhere", lambda features: (features, torch.ones(4, 1)))
    with pytest.raises(InputError, match="no layer `nowhere`"):
        run(model_named("tiny_cnn"), images(), hidden)


def test_features_of_the_training_pass_carry_gradients() -> None:
    model = model_named("small_cnn")
    outcome = run(model, images(), features=True)
    assert outcome.features is not None
    assert outcome.features.requires_grad
    last, pooled = classifier(model), outcome.features.mean((2, 3))
    torch.testing.assert_close(outcome.logits, functional.linear(pooled, last.weight, last.bias))


def test_without_a_model_nothing_is_seen() -> None:
    blind = Signals(images())
    for look in (
        blind.saliency,
        blind.attention,
        blind.features,
        blind.class_maps,
        blind.logits,
        blind.stages,
    ):
        with pytest.raises(InputError, match=r"augmenter\.loss\(model, x, y\)"):
            look()


def test_pixels_fill_the_scale_or_undo_the_normalising() -> None:
    low, high = Signals(images()).pixels().aminmax()
    assert (float(low), float(high)) == (0, 1)
    pixels = torch.rand(4, 3, *SIZE)
    mean, std = torch.full((1, 3, 1, 1), 0.4), torch.full((1, 3, 1, 1), 0.2)
    torch.testing.assert_close(Signals((pixels - mean) / std, scale=(mean, std)).pixels(), pixels)


def test_a_teacher_is_asked_for_by_name() -> None:
    with pytest.raises(InputError, match="needs a teacher: name one under `teacher:`"):
        signals_of(model_named("tiny_cnn")).logits("teacher")
    teacher = model_named("small_cnn")
    seen = signals_of(model_named("tiny_cnn"), teacher=teacher)
    torch.testing.assert_close(seen.logits("teacher"), teacher.eval()(images()).detach())


def test_what_needs_cost() -> None:
    assert extra_passes(()) == (0, 0)
    assert extra_passes({Need.MIXED_ATTENTION, Need.LAYERS}) == (0, 0)
    assert extra_passes({Need.FEATURES, Need.PREDICTIONS}) == (1, 0)
    assert extra_passes({Need.SALIENCY}) == (1, 1)
    assert extra_passes({Need.SALIENCY, Need.ATTENTION, Need.TEACHER}) == (3, 1)


def test_grey_is_the_brightness_of_the_pixels() -> None:
    mean, std = torch.tensor([0.1, 0.2, 0.4]).view(1, 3, 1, 1), torch.tensor([0.5, 0.3, 0.2]).view(1, 3, 1, 1)
    coloured = torch.rand(4, 3, *SIZE, generator=Generator().manual_seed(2))
    seen = Signals((coloured - mean) / std, scale=(mean, std))
    luminance = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(seen.grey(), torch.einsum("c,nchw->nhw", luminance, coloured))
    torch.testing.assert_close(seen.grey(), torch.einsum("c,nchw->nhw", luminance, seen.pixels()))
    torch.testing.assert_close(Signals(coloured).grey(), torch.einsum("c,nchw->nhw", luminance, coloured))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_grey_of_other_numbers_of_channels_is_their_mean(channels: int) -> None:
    coloured = images(channels=channels)
    for given in (coloured, coloured.to(memory_format=torch.channels_last)):
        torch.testing.assert_close(Signals(given).grey(), coloured.mean(1))
