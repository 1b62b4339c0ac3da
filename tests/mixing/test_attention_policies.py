"""Policies that look at attention, at work on transformers of all kinds."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter, Policy
from automix_search.randomness import Randomness
from automix_search.signals import Attention, ModelSignals, run

SIZE = (16, 24)
SMALL: dict[str, Any] = {"img_size": SIZE, "patch_size": 4, "embed_dim": 24, "num_heads": 3, "num_classes": 5}
KINDS: dict[str, dict[str, Any]] = {
    "class token": {},
    "registers": {"reg_tokens": 2},
    "mean of patches": {"class_token": False, "global_pool": "avg"},
}

METHODS: dict[str, dict[str, Any]] = {
    "transmix": {"kind": "cutmix", "label": {"kind": "attention"}},
    "tl_align": {"kind": "tokencutmix", "cells": 6, "label": {"kind": "token_alignment"}},
    "mixpro": {"kind": "maskmix", "label": {"kind": "progressive"}},
    "smmix": {"kind": "smmix"},
    "mergemix": {"kind": "mergemix"},
    "top_k": {"kind": "mergemix", "merged": 0.0, "depth": 1.0, "ties": "group"},
    "mixture": {
        "kind": "switch",
        "per": "sample",
        "probability": 0.8,
        "label": {"kind": "attention"},
        "options": [{"method": {"kind": kind}} for kind in ("mixup", "smmix", "mergemix", "tokenmix")],
    },
}


def transformer(kind: str, **more: Any) -> nn.Module:
    torch.manual_seed(0)
    if kind == "tiny_vit":
        return build_model(ModelSpec(name="tiny_vit"), channels=3, size=SIZE, num_classes=5)
    return timm.create_model("vit_tiny_patch16_224", depth=3, **SMALL, **KINDS[kind], **more)


def batch(count: int = 6) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 3, *SIZE, generator=Generator().manual_seed(1)), torch.arange(count) % 5


def built(mix: dict[str, Any], model: nn.Module, per: str = "batch") -> Augmenter:
    policy = Policy.model_validate(
        {"mix": {"per": per, **mix}, "loss": {"kind": "soft_cross_entropy", "smoothing": 0.1}}
    )
    return policy.build(num_classes=5, model=model, generator=Generator().manual_seed(3))


@pytest.mark.parametrize("model", ["tiny_vit", *KINDS])
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("per", ["batch", "sample"])
def test_a_training_step(name: str, model: str, per: str) -> None:
    trained = transformer(model).train()
    trained.get_submodule("blocks.0").eval()
    modes = {key: module.training for key, module in trained.named_modules()}
    for count in (6, 1):
        loss = built(METHODS[name], trained, per).loss(trained, *batch(count), progress=0.3)
        loss.backward()  # type: ignore[no-untyped-call]
        assert loss.isfinite()
        assert all(item.grad is not None and item.grad.isfinite().all() for item in trained.parameters())
    assert {key: module.training for key, module in trained.named_modules()} == modes
    assert not any(module._forward_hooks for module in trained.modules())


@pytest.mark.parametrize("name", METHODS)
def test_a_step_in_half_precision(name: str) -> None:
    model, (x, y) = transformer("class token"), batch()
    augmenter = built(METHODS[name], model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = augmenter.loss(model, x.to(memory_format=torch.channels_last), y)
    assert loss.dtype == torch.float32
    loss.backward()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", ["transmix", "tl_align", "mixpro"])
def test_labels_follow_the_attention_of_the_training_pass(name: str) -> None:
    """The loss is that of a pass whose attention weighs the labels, and not of a clean one."""
    model, (x, y) = transformer("class token"), batch()
    for number in range(3):
        model.get_parameter(f"blocks.{number}.attn.qkv.weight").data *= 30  # attention far from even
    augmenter = built(METHODS[name], model)
    loss = augmenter.loss(model, x, y)
    signals = ModelSignals(model, x, augmenter.criterion.encode(y, 5))
    mixed = augmenter.switch.mix(x, 0.0, Randomness(Generator().manual_seed(3)), signals)
    outcome = run(model, mixed.inputs, attention=True)
    weights = augmenter.switch.label.weights(mixed, signals, outcome)
    assert not torch.allclose(weights, mixed.weights, atol=1e-3)
    targets = (signals.labels()[mixed.sources] * weights[:, :, None]).sum(1)
    torch.testing.assert_close(loss, functional.cross_entropy(outcome.logits, targets))


@pytest.mark.parametrize("name", ["transmix", "tl_align", "mixpro"])
def test_no_gradient_flows_through_the_labels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With logits that no weight of the blocks touches, no block has a gradient."""
    model, (x, y) = transformer("class token"), batch()
    features: Any = model.forward_features
    monkeypatch.setattr(model, "forward_features", lambda images, **_: features(images).detach())
    built(METHODS[name], model).loss(model, x, y).backward()  # type: ignore[no-untyped-call]
    assert all(item.grad is None for item in model.get_submodule("blocks").parameters())
    assert model.get_submodule("head").weight.grad is not None


@pytest.mark.parametrize("name", METHODS)
def test_a_model_without_attention(name: str) -> None:
    model = build_model(ModelSpec(name="tiny_cnn"), channels=3, size=SIZE, num_classes=5)
    with pytest.raises(
        InputError, match=r"no attention over all patches to look at; use a vision transformer"
    ):
        built(METHODS[name], model)


@pytest.mark.parametrize("name", METHODS)
def test_images_alone_are_not_enough(name: str) -> None:
    augmenter = built(METHODS[name], transformer("class token"))
    with pytest.raises(InputError, match=r"call `augmenter\.loss\(model, x, y\)`"):
        augmenter(*batch())


def test_token_methods_that_look_at_pixels_alone_need_no_model() -> None:
    for kind in ("tokenmix", "maskmix", "tokencutmix"):
        policy = Policy.model_validate({"mix": {"kind": kind}})
        x, targets = policy.build(num_classes=5)(*batch())
        assert x.shape == (6, 3, *SIZE)
        torch.testing.assert_close(targets.sum(1), torch.ones(6))


def test_the_clean_pass_leaves_dropout_where_it_was() -> None:
    """The training pass drops what it would have dropped without a look."""
    model, (x, _) = transformer("class token", proj_drop_rate=0.5).train(), batch()
    torch.manual_seed(7)
    plain = model(x)
    signals = ModelSignals(model, x, torch.eye(5)[torch.arange(6) % 5])
    torch.manual_seed(7)
    signals.attention("patches"), signals.merged_attention(0.5, 0.75)
    assert torch.equal(model(x), plain)
    assert isinstance(run(model, x, attention=True).attention, Attention)
