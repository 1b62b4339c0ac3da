"""The features that logits are made of."""

import pytest
import torch
from torch import nn

from automix_search.errors import InputError
from automix_search.models import ModelSpec, build_model
from automix_search.signals import classifier, embed


@pytest.mark.parametrize("name", ["tiny_cnn", "tiny_vit", "test_efficientnet"])
def test_logits_are_the_features_through_the_classifier_and_both_have_a_graph(name):
    model = build_model(ModelSpec(name=name), channels=3, size=(16, 24), num_classes=5)
    logits, features = embed(model, torch.randn(4, 3, 16, 24))
    torch.testing.assert_close(classifier(model)(features), logits)
    features[:, 0].sum().backward()
    weight = next(model.parameters())
    assert weight.grad is not None
    assert weight.grad.abs().sum() > 0
    assert all(not module._forward_pre_hooks for module in model.modules())


def test_a_classifier_at_every_place_gives_no_row_for_an_image():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(2), nn.Linear(12, 3))
    with pytest.raises(InputError, match="a row of them for each image"):
        embed(model, torch.randn(4, 1, 3, 4))
    assert all(not module._forward_pre_hooks for module in model.modules())
