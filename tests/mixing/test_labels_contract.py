"""What every label rule keeps to."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch
from looked import attended, cut, outcome

from automix_search.families import kind_of
from automix_search.mixing import LABEL_RULES, AbstractLabelRule, MixedBatch
from automix_search.mixing.labels.attention import AttentionLabels
from automix_search.mixing.labels.progressive import ProgressiveLabels
from automix_search.mixing.labels.share import ShareLabels
from automix_search.mixing.labels.token_alignment import TokenAlignmentLabels
from automix_search.ranges import declared_range
from automix_search.signals import Need
from automix_search.testing.methods import ends
from automix_search.testing.signals import GivenSignals

rules = pytest.mark.parametrize(
    "rule", [member() for member in LABEL_RULES.members], ids=lambda rule: rule.kind
)


def weights(rule: AbstractLabelRule, batch: MixedBatch) -> torch.Tensor:
    signals = GivenSignals(batch.inputs)
    count = len(batch.inputs)
    return rule.weights(batch, signals, outcome(attended(count, (4, 5)), count=count))


@rules
@pytest.mark.parametrize("count", [1, 2, 5])
def test_weights_are_as_declared(rule: AbstractLabelRule, count: int) -> None:
    batch = cut(count)
    found = weights(rule, batch)
    assert found.dtype == torch.float32
    assert found.shape == batch.weights.shape
    assert not found.requires_grad
    assert found.isfinite().all()
    assert found.min() >= 0
    if rule.mass_is_one:
        torch.testing.assert_close(found.sum(1), torch.ones(count))


@rules
def test_a_batch_is_not_written_to(rule: AbstractLabelRule) -> None:
    batch = cut()
    assert batch.mask is not None
    before = (batch.inputs.clone(), batch.weights.clone(), batch.mask.clone())
    weights(rule, batch)
    now = (batch.inputs, batch.weights, batch.mask)
    assert all(torch.equal(one, other) for one, other in zip(now, before, strict=True))


@rules
def test_samples_that_are_not_mixed_keep_their_labels(rule: AbstractLabelRule) -> None:
    """Alone in a batch, and beside mixed ones: there their second source has no weight."""
    batch = cut()
    assert batch.mask is not None
    alone = MixedBatch.unmixed(batch.inputs)
    torch.testing.assert_close(weights(rule, alone), torch.ones(5, 1))
    part = MixedBatch(batch.inputs[1:2], batch.sources[1:2], batch.weights[1:2], batch.mask[1:2])
    joined = MixedBatch.joined(batch.inputs, [(torch.tensor([1]), part)])
    wanted = torch.tensor([[1.0, 0.0]]).expand(4, 2)
    torch.testing.assert_close(weights(rule, joined)[[0, 2, 3, 4]], wanted)


@rules
def test_three_sources(rule: AbstractLabelRule) -> None:
    """With a mask of each source, and with one of the first alone."""
    shares = torch.rand(5, 3, 12, 18).softmax(1)
    batch = replace(cut(), sources=torch.randint(5, (5, 3)), weights=shares.mean((2, 3)), mask=shares)
    for mask in (shares, shares[:, :1]):
        found = weights(rule, replace(batch, mask=mask))
        assert found.shape == (5, 3)
        assert found.min() >= 0
        if rule.mass_is_one:
            torch.testing.assert_close(found.sum(1), torch.ones(5))


@pytest.mark.parametrize(
    "rule", [AttentionLabels(), ProgressiveLabels(), TokenAlignmentLabels()], ids=lambda rule: rule.kind
)
def test_items_without_a_mask_keep_their_shares(rule: AbstractLabelRule) -> None:
    blended = replace(cut(), mask=None)
    assert torch.equal(weights(rule, blended), blended.weights)
    assert rule.needs() == {Need.MIXED_ATTENTION}
    half = replace(
        cut(), mask=torch.full((5, 1, 12, 18), 0.3), weights=torch.tensor([[0.3, 0.7]]).expand(5, 2)
    )
    torch.testing.assert_close(weights(rule, half), half.weights)


@rules
def test_every_field_can_be_searched(rule: AbstractLabelRule) -> None:
    for name, field in type(rule).model_fields.items():
        if name == "kind":
            continue
        declared = declared_range(field)
        assert field.description, f"`{name}` needs a description"
        assert declared is not None, f"`{name}` needs a search range"
        for value in ends(declared):
            type(rule).model_validate({name: value})


@rules
def test_a_rule_pickles_and_says_where_it_comes_from(rule: AbstractLabelRule) -> None:
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert kind_of(type(rule)).isidentifier()
    text = type(rule).__doc__ or ""
    assert isinstance(rule, ShareLabels) or "Reference:" in text
