"""Token merging: how many, which with which, and that attention finds its way back to the patches."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_transformers import KINDS, pictures, transformer
from torch import Tensor
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.models import ModelSpec, build_model
from automix_search.signals import ModelSignals
from automix_search.signals.attention import watched_attention
from automix_search.signals.merging import Merging, merged_attention, merged_places, merging_plan


@pytest.mark.parametrize(
    ("merged", "plan"),
    [
        (49, [12, 5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2]),
        (98, [8, 12, 11, 10, 10, 9, 8, 7, 7, 6, 5, 5]),
        (147, [15, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7]),
        (0, [0] * 12),
    ],
)
def test_plan_of_twelve_blocks(merged: int, plan: list[int]) -> None:
    assert merging_plan(merged, 12) == plan


@given(merged=st.integers(0, 200), blocks=st.integers(1, 24))
def test_a_plan_adds_up(merged: int, blocks: int) -> None:
    plan = merging_plan(merged, blocks)
    assert sum(plan) == merged
    assert min(plan) >= 0
    assert len(plan) == blocks


def test_the_most_alike_join() -> None:
    """Tokens 1, 3 and 5 may join 0, 2 or 4: the third is like the last, the first like the first."""
    east, north = [1.0, 0.0], [0.0, 1.0]
    keys = torch.tensor([[east, [0.9, 0.5], north, [-1.0, 0.2], [-1.0, -1.0], [-2.0, -2.0]]])
    assert merged_places(keys, 0)[0].tolist() == [3, 0, 4, 1, 5, 2]
    assert merged_places(keys, 1)[0].tolist() == [2, 0, 3, 1, 4, 4]
    assert merged_places(keys, 2)[0].tolist() == [1, 1, 2, 0, 3, 3]


def joined_by_hand(
    keys: Tensor, tokens: Tensor, sizes: list[float], count: int
) -> tuple[Tensor, list[float]]:
    """One image's tokens after merging, one after the other."""
    keys = functional.normalize(keys, dim=1)
    senders, receivers = range(1, len(keys), 2), range(0, len(keys), 2)
    best = {one: max(receivers, key=lambda other: float(keys[one] @ keys[other])) for one in senders}
    leaving = sorted(senders, key=lambda one: -float(keys[one] @ keys[best[one]]))[:count]
    groups = [[one] for one in senders if one not in leaving]
    groups += [[other, *(one for one in leaving if best[one] == other)] for other in receivers]
    mass = [sum(sizes[one] for one in group) for group in groups]
    mean = [
        torch.stack([tokens[one] * sizes[one] for one in group]).sum(0) / total
        for group, total in zip(groups, mass, strict=True)
    ]
    return torch.stack(mean), mass


@pytest.mark.parametrize("kind", ["class token", "no prefix", "class token and registers"])
def test_merging_is_a_mean_by_size(kind: str) -> None:
    model = transformer(kind, depth=2).eval()
    with watched_attention(model, pictures()) as attention, torch.no_grad():
        model(pictures())
    merging, prefix = Merging(attention, [2, 1]), attention.prefix
    tokens = torch.randn(4, prefix + 6, 24)
    once = merging.merge(0, tokens)
    assert torch.equal(once[:, :prefix], tokens[:, :prefix])
    for number in range(4):
        keys = attention.keys(0)[number, prefix:]
        mean, mass = joined_by_hand(keys, tokens[number, prefix:], [1.0] * 6, 2)
        torch.testing.assert_close(once[number, prefix:], mean)
        assert merging.sizes is not None
        assert merging.sizes[number].tolist() == mass
        assert merging.sources is not None
        assert torch.bincount(merging.sources[number], minlength=4).tolist() == mass


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_of_a_group_share_its_score(kind: str) -> None:
    """Of 6 patches the first two blocks merge 3 away before the last one is looked at."""
    scores = merged_attention(transformer(kind).eval(), pictures(), 0.7, 1.0)
    assert scores.shape == (4, 2, 3)
    assert sum(merging_plan(4, 3)[:2]) == 3
    assert [len(set(row.flatten().tolist())) for row in scores] == [3, 3, 3, 3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("depth", "block"), [(0.1, 0), (0.5, 1), (0.67, 1), (0.9, 2), (1.0, 2)])
def test_nothing_merged_is_the_attention_of_the_block(kind: str, depth: float, block: int) -> None:
    model = transformer(kind).eval()
    with watched_attention(model, pictures()) as attention, torch.no_grad():
        model(pictures())
    scores = merged_attention(model, pictures(), 0.0, depth)
    share = scores / scores.sum((1, 2), keepdim=True)
    torch.testing.assert_close(share, attention.to_patches(block))


def test_sizes_add_up_to_the_patches_and_scores_to_the_attention() -> None:
    model = transformer(depth=4).eval()
    with watched_attention(model, pictures()) as attention, torch.no_grad():
        merging = Merging(attention, [1, 1, 1, 0])
        for number in range(4):
            model.get_submodule(f"blocks.{number}").register_forward_hook(
                lambda _, __, tokens, number=number: merging.merge(number, tokens)
            )
        model(pictures())
    assert merging.sizes is not None
    assert merging.sizes.shape == (4, 3)
    torch.testing.assert_close(merging.sizes.sum(1), torch.full((4,), 6.0))
    assert merging.sources is not None
    per_patch = merging.scores(3).flatten(1) / merging.sizes.gather(1, merging.sources)
    row = attention.rows(3, slice(0, 1))[:, 0, 1:]
    torch.testing.assert_close(per_patch.sum(1), row.sum(1))


@pytest.mark.parametrize("kind", ["no prefix", "registers alone"])
def test_where_the_patches_are_read_each_counts_alike(kind: str) -> None:
    """A token's look counts once for each patch that went into it."""
    model = transformer(kind, depth=2).eval()
    with watched_attention(model, pictures()) as attention, torch.no_grad():
        merging = Merging(attention, [2, 0])
        model.get_submodule("blocks.0").register_forward_hook(lambda _, __, tokens: merging.merge(0, tokens))
        model(pictures())
    assert merging.sources is not None
    rows = attention.of_block(1)[:, attention.prefix :, attention.prefix :]
    for number in range(4):
        places = merging.sources[number]
        torch.testing.assert_close(merging.scores(1)[number].flatten(), rows[number][places].mean(0)[places])


def test_a_look_at_merged_tokens_leaves_the_model_as_it_was() -> None:
    model = transformer(proj_drop_rate=0.3).train()
    model.get_submodule("blocks.1").eval()
    modes = {name: module.training for name, module in model.named_modules()}
    state = torch.get_rng_state()
    signals = ModelSignals(model, pictures(), torch.eye(5)[:4])
    first = signals.merged_attention(0.5, 0.5)
    assert signals.merged_attention(0.5, 0.5) is first
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not first.requires_grad


def test_no_more_blocks_run_than_are_looked_at() -> None:
    model = transformer(depth=4).eval()
    ran: list[int] = []
    for number in range(4):
        model.get_submodule(f"blocks.{number}.mlp").register_forward_hook(lambda *_: ran.append(1))
    merged_attention(model, pictures(), 0.5, 0.75)
    assert len(ran) == 2


def test_a_model_without_attention() -> None:
    model = build_model(ModelSpec(name="tiny_cnn"), channels=3, size=(16, 24), num_classes=5)
    with pytest.raises(InputError, match="no attention over all patches"):
        ModelSignals(model, pictures(), torch.eye(5)[:4]).merged_attention(0.5, 0.75)
