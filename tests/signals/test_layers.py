"""Layers by number and by name, and hooks that mix what they give: in time, once, and gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import timm
import torch
from small_transformers import transformer
from torch import Generator, Tensor, nn

from automix_search.errors import InputError
from automix_search.models import ModelSpec, build_model
from automix_search.signals import HiddenMix, ModelSignals, check_layers, layer_name, run
from automix_search.signals.layers import module_named, stages

SIZE = (16, 24)
ORDER = torch.tensor([2, 0, 3, 1])


def model_named(name: str) -> nn.Module:
    torch.manual_seed(0)
    return build_model(ModelSpec(name=name), channels=3, size=SIZE, num_classes=5)


def images() -> Tensor:
    return torch.randn(4, 3, *SIZE, generator=Generator().manual_seed(1))


def reordered(features: Tensor) -> tuple[Tensor, Tensor]:
    return features[ORDER], torch.ones(4, 1)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("tiny_cnn", ["0", "1", "2"]),
        ("small_cnn", ["0", "2", "4", "5"]),
        ("tiny_vit", ["blocks.0", "blocks.1", "blocks.2", "blocks.3"]),
        ("cifar_resnet18", ["layer1", "layer2", "layer3", "layer4"]),
        ("test_efficientnet", [f"blocks.{number}" for number in range(5)]),
        ("test_mambaout", [f"stages.{number}" for number in range(4)]),
    ],
)
def test_stages_have_no_stem_and_no_classifier(name: str, wanted: list[str]) -> None:
    assert list(stages(model_named(name))) == wanted


def test_a_list_of_modules_is_named_by_its_last() -> None:
    model = nn.Module()
    model.blocks = nn.ModuleList(nn.ModuleList(nn.Linear(2, 2) for _ in range(3)) for _ in range(2))
    assert stages(model) == ("blocks.0.2", "blocks.1.2")


def test_a_model_without_stages() -> None:
    with pytest.raises(InputError, match="a Linear has no stages whose features could be mixed"):
        stages(nn.Linear(2, 3))


def test_layers_by_number() -> None:
    names = ("stem", "first", "second")
    assert [layer_name(layer, names) for layer in (1, 3, -1, -3, "any.name")] == [
        *("stem", "second", "second", "stem", "any.name")
    ]
    listed = r"1 \(`stem`\), 2 \(`first`\), 3 \(`second`\)"
    for layer in (4, -4, 0):
        with pytest.raises(
            InputError, match=f"no layer {layer} to mix: 0 is the input, its stages are {listed}"
        ):
            layer_name(layer, names)


def test_layers_that_do_not_fit_are_found_before_training() -> None:
    model = model_named("tiny_cnn")
    check_layers((1, -3, "2.1", "3.linear"), model)
    with pytest.raises(InputError, match=r"no layer 4 to mix.*3 \(`2`\)$"):
        check_layers((4,), model)
    with pytest.raises(
        InputError, match=r"a Sequential has no layer `3.linaer` .*did you mean `3.linear`\?$"
    ):
        check_layers(("3.linaer",), model)


def test_features_that_are_reckoned_again_backward_are_not_mixed() -> None:
    model = transformer()
    check_layers((1, 2), model)
    model.set_grad_checkpointing(True)  # type: ignore[operator]
    check_layers((), model)
    with pytest.raises(InputError, match="turn its gradient checkpointing off"):
        check_layers((1,), model)


class Odd(nn.Module):
    """Gives what is no row for each image, and has a layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.both, self.windows, self.unused = Both(), Windows(), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        first, _ = self.both(x)
        windows: Tensor = self.windows(first)
        return windows.reshape(len(x), -1)[:, :5]


class Both(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class Windows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(2 * len(x), -1)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("both", "`both` cannot be mixed: it gives a tuple and not a row for each of 4 images"),
        ("windows", r"`windows` cannot be mixed: it gives \(8, 576\) and not a row for each of 4 images"),
        ("unused", "`unused` cannot be mixed: it does not run when the model does"),
    ],
)
def test_layers_that_cannot_be_mixed(layer: str, message: str) -> None:
    model = Odd()
    with pytest.raises(InputError, match=message):
        run(model, images(), HiddenMix(layer, reordered))
    assert not any(module._forward_hooks for module in model.modules())


def test_the_hook_is_gone_when_the_model_fails() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(1152, 4), nn.Linear(3, 2))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(model, images(), HiddenMix("1", reordered), features=True, attention=False)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_that_runs_twice_is_mixed_once() -> None:
    layer = nn.Linear(24, 24)
    model = nn.Sequential(layer, layer, nn.Flatten())
    outcome = run(model, images(), HiddenMix("0", reordered))
    torch.testing.assert_close(outcome.logits, model(images())[ORDER])


@pytest.fixture
def dynamo() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("in_place", [True, False], ids=["model.compile()", "torch.compile(model)"])
def test_a_compiled_model_sees_hooks(in_place: bool, dynamo: None) -> None:
    """Hooks that come after compilation are passed over by compiled code, so it has to run eagerly meanwhile."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.Flatten(), nn.LazyLinear(5))
    plain = model(images())
    compiled: nn.Module = model
    if in_place:
        model.compile(backend="eager")
    else:
        compiled = torch.compile(model, backend="eager")  # type: ignore[assignment]
    torch.testing.assert_close(compiled(images()), plain)
    assert stages(compiled) == ("0", "2")
    for layer in stages(compiled):
        outcome = run(compiled, images(), HiddenMix(layer, reordered), features=True)
        torch.testing.assert_close(outcome.logits, plain[ORDER])
        assert outcome.features is not None
    torch.testing.assert_close(compiled(images()), plain)
    with torch.no_grad():
        torch.testing.assert_close(compiled.eval()(images()), plain)
    seen = ModelSignals(compiled, images(), torch.eye(5)[torch.arange(4)])
    torch.testing.assert_close(seen.logits(), plain.detach())
    assert seen.features().shape == (4, 4, 12, 20)
    with pytest.raises(InputError, match="a Sequential has no layer `layer1`"):
        module_named(compiled, "layer1")


def test_maps_with_features_last_are_mixed_as_they_are() -> None:
    torch.manual_seed(0)
    model = timm.create_model("test_mambaout", num_classes=5).eval()
    x = torch.randn(4, 3, 64, 96, generator=Generator().manual_seed(2))
    plain = model(x)
    for layer in stages(model):
        outcome = run(model, x, HiddenMix(layer, reordered))
        torch.testing.assert_close(outcome.logits, plain[ORDER], atol=1e-5, rtol=1e-5)
