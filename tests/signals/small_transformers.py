"""Small vision transformers of all kinds of prefix and head."""

from __future__ import annotations

from typing import Any

import timm
import torch
from torch import Generator, Tensor, nn

SIZE = (16, 24)

KINDS: dict[str, dict[str, Any]] = {
    "class token": {},
    "no prefix": {"class_token": False, "global_pool": "avg"},
    "class token and registers": {"reg_tokens": 2},
    "registers alone": {"class_token": False, "reg_tokens": 3, "global_pool": "avg"},
    "class token that nothing reads": {"global_pool": "avg"},
}


def transformer(kind: str = "class token", depth: int = 3, **more: Any) -> nn.Module:
    """A transformer with 2 x 3 patches of 8 pixels, 3 heads of width 8 and 5 classes."""
    torch.manual_seed(0)
    arguments: dict[str, Any] = {
        "img_size": SIZE,
        "patch_size": 8,
        "embed_dim": 24,
        "num_heads": 3,
        "num_classes": 5,
    }
    return timm.create_model("vit_tiny_patch16_224", depth=depth, **arguments, **KINDS[kind], **more)


def pictures(count: int = 4, size: tuple[int, int] = SIZE) -> Tensor:
    return torch.randn(count, 3, *size, generator=Generator().manual_seed(1))
