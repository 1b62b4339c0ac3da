"""Models by name: right shapes, trainable, the same for the same seed; and what cannot be built."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from automix_search.errors import InputError
from automix_search.models import BUILT_IN, ModelSpec, build_model
from automix_search.validation import dump

SIZES = {"tiny_cnn": (8, 6), "small_cnn": (28, 20), "tiny_vit": (8, 12), "cifar_resnet18": (32, 24)}


def build(
    name: str, channels: int = 3, size: tuple[int, int] = (28, 28), classes: int = 5, **fields: Any
) -> nn.Module:
    return build_model(ModelSpec(name=name, **fields), channels=channels, size=size, num_classes=classes)


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_every_built_in_has_a_size_to_be_tested_at() -> None:
    assert set(SIZES) == set(BUILT_IN)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", BUILT_IN)
def test_built_ins_map_images_to_logits_and_learn(name: str, channels: int) -> None:
    torch.manual_seed(0)
    model = build(name, channels, SIZES[name])
    images, labels = torch.randn(12, channels, *SIZES[name]), torch.arange(12) % 5
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    assert model(images).shape == (12, 5)
    assert losses[-1] < 0.9 * losses[0]
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", [*BUILT_IN, "test_efficientnet", "test_vit"])
def test_one_seed_gives_one_model(name: str) -> None:
    size = SIZES.get(name, (32, 32))

    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat([parameter.flatten() for parameter in build(name, 1, size).parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


@pytest.mark.parametrize(
    ("name", "size", "low", "high"),
    [("tiny_cnn", 8, 5e3, 8e3), ("small_cnn", 28, 8e4, 11e4), ("tiny_vit", 8, 1e5, 3e5)],
)
def test_built_ins_are_as_small_as_they_say(name: str, size: int, low: float, high: float) -> None:
    assert low < parameters(build(name, 1, (size, size), 10)) < high


@pytest.mark.parametrize("name", ["tiny_cnn", "small_cnn"])
def test_convolutions_keep_channels_last(name: str) -> None:
    model = build(name, 3, (28, 20)).to(memory_format=torch.channels_last)
    images = torch.randn(4, 3, 28, 20).contiguous(memory_format=torch.channels_last)
    features = next(iter(model.children()))(images)
    assert features.is_contiguous(memory_format=torch.channels_last)
    assert not features.is_contiguous()


def test_a_cifar_resnet_keeps_the_resolution_of_its_first_stage() -> None:
    model = build("cifar_resnet18", 3, (32, 32), 100)
    seen: list[torch.Size] = []
    stage = model.get_submodule("layer1")
    stage.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    model.eval()(torch.randn(2, 3, 32, 32))
    assert seen == [(2, 64, 32, 32)]
    assert parameters(model) == 11_220_132


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (32, 32), (32, 24)])
def test_a_tiny_vit_takes_few_patches_of_every_usual_size(size: tuple[int, int]) -> None:
    model = build("tiny_vit", 1, size)
    assert 16 <= model.patch_embed.num_patches <= 64  # type: ignore[union-attr, operator]
    assert model.eval()(torch.randn(2, 1, *size)).shape == (2, 5)


def test_dropout_and_stochastic_depth_arrive() -> None:
    images = torch.randn(6, 3, 28, 28)
    settings: tuple[tuple[str, dict[str, Any]], ...] = (
        ("small_cnn", {"drop_rate": 0.4}),
        ("tiny_vit", {"drop_rate": 0.4}),
        ("tiny_vit", {"drop_path_rate": 0.4}),
        ("test_efficientnet", {"drop_rate": 0.4}),
    )
    for name, fields in settings:
        model = build(name, **fields)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        assert not torch.equal(model(images), model(images)), (name, fields)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_byobnet", "test_vit"])
@pytest.mark.parametrize(("channels", "size"), [(1, (32, 32)), (3, (48, 32))])
def test_timm_models_take_channels_size_and_classes(name: str, channels: int, size: tuple[int, int]) -> None:
    model = build(name, channels, size, 7)
    assert model.eval()(torch.randn(2, channels, *size)).shape == (2, 7)


def test_models_of_fixed_size_are_made_for_the_size_of_the_images() -> None:
    model = build("vit_tiny_patch16_224", 1, (48, 32), options={"depth": 1})
    assert model.patch_embed.grid_size == (3, 2)  # type: ignore[union-attr]
    assert model.eval()(torch.randn(2, 1, 48, 32)).shape == (2, 5)


def test_options_are_passed_on() -> None:
    assert parameters(build("tiny_cnn", options={"width": 4})) < parameters(build("tiny_cnn"))
    assert parameters(build("test_vit", size=(32, 32), options={"depth": 1})) < parameters(
        build("test_vit", size=(32, 32))
    )


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("tiny_cn", {}, "unknown model `tiny_cn`; did you mean `tiny_cnn`"),
        ("resnt18", {}, "unknown model `resnt18`; did you mean `resnet18`"),
        ("tiny_cnn", {"drop_path_rate": 0.1}, "`tiny_cnn` has no `drop_path_rate`; it has drop_rate, width"),
        ("tiny_cnn", {"options": {"depth": 3}}, "`tiny_cnn` has no `depth`"),
        ("tiny_cnn", {"pretrained": True}, "no pretrained weights of `tiny_cnn`"),
        (
            "test_efficientnet",
            {"options": {"wings": 2}},
            "cannot be built: .*unexpected keyword argument 'wings'",
        ),
        ("test_vit", {}, "patches of 16 x 16 pixels, which do not divide 28 x 28"),
        ("test_vit.nobody", {}, "Invalid pretrained tag"),
    ],
)
def test_models_that_cannot_be_built(name: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(name, **fields)


def test_images_that_no_patch_divides_are_refused() -> None:
    with pytest.raises(InputError, match=r"`tiny_vit` takes images of up to 64 pixels.*these are 29 x 28"):
        build("tiny_vit", size=(29, 28))


def test_weights_that_cannot_be_fetched_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    def offline(*args: object, **kwargs: object) -> nn.Module:
        raise FileNotFoundError("cannot reach the hub\nRetrying")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(
        InputError, match="pretrained weights of `resnet18`: cannot reach the hub; say `pretrained: false`"
    ):
        build("resnet18", pretrained=True)


def test_a_spec_is_plain_data() -> None:
    spec = ModelSpec(name="resnet18", options={"output_stride": 16})
    assert ModelSpec.model_validate(dump(spec)) == spec
