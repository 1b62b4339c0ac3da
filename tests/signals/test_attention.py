"""Attention of transformers of all kinds: who looks, at what, and what is carried along."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from small_transformers import KINDS, SIZE, pictures, transformer
from torch import nn

from automix_search.errors import InputError
from automix_search.signals import Attention, ModelSignals, Need, check_needs, run
from automix_search.testing.signals import given_attention


def attention_of(model: nn.Module) -> Attention:
    seen = run(model, pictures(), attention=True).attention
    assert seen is not None
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_decides_whose_attention_it_is(kind: str) -> None:
    """Registers never look for it, nor does a class token that the head does not read."""
    seen = attention_of(transformer(kind).eval())
    rows = seen.of_block(-1)
    prefix = rows.shape[1] - 6
    assert seen.prefix == prefix
    readers = rows[:, :1] if kind in ("class token", "class token and registers") else rows[:, prefix:]
    wanted = readers[:, :, prefix:].mean(1)
    wanted = (wanted / wanted.sum(1, keepdim=True)).view(4, 2, 3)
    torch.testing.assert_close(seen.to_patches(), wanted)
    patches = rows[:, prefix:, prefix:].mean(1)
    torch.testing.assert_close(
        seen.between_patches().flatten(1), patches / patches.sum(1, keepdim=True), atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [1, 2, 13])
def test_values_are_carried_along_the_attention(kind: str, width: int) -> None:
    seen = attention_of(transformer(kind).eval())
    rows = seen.of_block(1)
    values = torch.randn(*rows.shape[:2], width)
    torch.testing.assert_close(seen.carried(values, 1), rows @ values, atol=1e-5, rtol=1e-5)
    assert not seen.carried(values, 1).requires_grad


def test_attention_as_it_was_written() -> None:
    rows = torch.rand(2, 5, 5).softmax(2)
    seen = given_attention([rows], (2, 2), prefix=1)
    torch.testing.assert_close(seen.of_block(0), rows)
    torch.testing.assert_close(seen.rows(0, slice(0, 2)), rows[:, :2])


def test_clean_images_are_looked_at_by_the_head_or_by_the_patches() -> None:
    signals = ModelSignals(transformer(), pictures(), torch.eye(5)[:4])
    seen = attention_of(transformer().eval())
    torch.testing.assert_close(signals.attention(), seen.to_patches())
    torch.testing.assert_close(signals.attention("patches"), seen.between_patches())
    assert not torch.allclose(signals.attention(), signals.attention("patches"))


def test_attention_that_depends_on_more_than_queries_and_keys_is_none_to_look_at() -> None:
    arguments: dict[str, Any] = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}
    model = timm.create_model("vit_relpos_small_patch16_224", **arguments)
    with pytest.raises(InputError, match=r"a VisionTransformerRelPos has no attention over all patches"):
        check_needs({Need.ATTENTION}, model)


def test_patches_that_are_dropped_leave_no_map() -> None:
    model = transformer(patch_drop_rate=0.5).train()
    with pytest.raises(InputError, match=r"only some patches through \(3 of 2 x 3\)"):
        attention_of(model).to_patches()


def test_images_of_another_size_than_the_model_was_made_for() -> None:
    model = transformer(dynamic_img_size=True).eval()
    seen = run(model, pictures(2, (SIZE[0] + 8, SIZE[1])), attention=True).attention
    assert seen is not None
    assert seen.to_patches().shape == (2, 3, 3)
