"""Labels that travel with the tokens: TL-Align's closed forms, and its label vectors step by step."""

from __future__ import annotations

import pytest
import torch
from looked import attended, boxed, cut, outcome
from torch import Tensor

from automix_search.mixing import MixedBatch
from automix_search.mixing.labels.places import shown_at
from automix_search.mixing.labels.token_alignment import TokenAlignmentLabels
from automix_search.signals import Attention
from automix_search.testing.signals import GivenSignals, given_attention

BATCH = boxed((8, 12), slice(4, 8), slice(0, 8))


def labels(rule: TokenAlignmentLabels, batch: MixedBatch, attention: Attention) -> Tensor:
    return rule.weights(batch, GivenSignals(batch.inputs), outcome(attention))


@pytest.mark.parametrize("blocks", [1, 2, 5])
@pytest.mark.parametrize("prefix", [0, 1])
def test_even_attention_labels_by_area(blocks: int, prefix: int) -> None:
    even = torch.full((2, prefix + 6, prefix + 6), 1 / (prefix + 6))
    attention = given_attention([even] * blocks, (2, 3), prefix)
    torch.testing.assert_close(labels(TokenAlignmentLabels(), BATCH, attention), BATCH.weights)


def test_tokens_that_look_at_themselves_keep_their_label() -> None:
    attention = given_attention([torch.eye(7).expand(2, 7, 7)] * 3, (2, 3), prefix=1)
    torch.testing.assert_close(labels(TokenAlignmentLabels(), BATCH, attention), BATCH.weights)


def test_a_class_token_that_looks_at_the_partner_alone() -> None:
    looks = torch.eye(7).repeat(2, 1, 1)
    looks[:, 0] = torch.tensor([0, 0, 0, 0, 0.3, 0.7, 0])
    found = labels(TokenAlignmentLabels(), BATCH, given_attention([looks], (2, 3), prefix=1))
    torch.testing.assert_close(found[:, 0], BATCH.weights[:, 0] / 2)
    kept = labels(TokenAlignmentLabels(residual=0.8), BATCH, given_attention([looks], (2, 3), prefix=1))
    torch.testing.assert_close(kept[:, 0], BATCH.weights[:, 0] * 0.8)


def vectors(
    batch: MixedBatch, maps: list[Tensor], grid: tuple[int, int], targets: Tensor, prefix: int
) -> Tensor:
    """Targets as published: label vectors of every token, mixed by one block after the other."""
    shares = shown_at(batch, grid).flatten(2)
    patches = torch.einsum("nmt,nmk->ntk", shares, targets[batch.sources])
    whole = batch.targets(targets)[:, None].expand(-1, prefix, -1)
    tokens = torch.cat((whole, patches), dim=1)
    for rows in maps:
        tokens = 0.5 * tokens + 0.5 * rows @ tokens
    return tokens[:, 0] if prefix else tokens.mean(1)


@pytest.mark.parametrize("prefix", [0, 1, 3])
def test_shares_carry_what_label_vectors_carry(prefix: int) -> None:
    batch, targets = cut(), torch.rand(5, 4).softmax(1)
    attention = attended(5, (4, 5), prefix, blocks=3)
    maps = [attention.of_block(block) for block in range(3)]
    found = MixedBatch(batch.inputs, batch.sources, labels(TokenAlignmentLabels(), batch, attention))
    wanted = vectors(batch, maps, (4, 5), targets, prefix)
    torch.testing.assert_close(found.targets(targets), wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("depth", "blocks"), [(0.05, 1), (0.3, 1), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_labels_travel_through_the_last_blocks(depth: float, blocks: int) -> None:
    batch, attention = cut(), attended(5, (4, 5), blocks=4)
    last = [attention.of_block(block) for block in range(4)][-blocks:]
    found = labels(TokenAlignmentLabels(depth=depth), batch, attention)
    wanted = labels(TokenAlignmentLabels(), batch, given_attention(last, (4, 5), prefix=1))
    torch.testing.assert_close(found, wanted)


def test_the_order_of_the_tokens_does_not_matter() -> None:
    """Patches turned about together with the attention to them and from them."""
    batch, attention = cut(), attended(5, (4, 5), blocks=2)
    assert batch.mask is not None
    maps = [attention.of_block(block) for block in range(2)]
    turned = torch.cat((torch.zeros(1, dtype=torch.long), torch.arange(1, 21).flip(0)))
    flipped = given_attention([rows[:, turned][:, :, turned] for rows in maps], (4, 5), prefix=1)
    upside_down = MixedBatch(batch.inputs, batch.sources, batch.weights, batch.mask.flip(2, 3))
    torch.testing.assert_close(
        labels(TokenAlignmentLabels(), upside_down, flipped), labels(TokenAlignmentLabels(), batch, attention)
    )
