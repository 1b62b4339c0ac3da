"""Models for small images, built from timm's parts. timm is slow to import, so only these functions do."""

from __future__ import annotations

from typing import Any

from torch import nn

from automix_search.errors import InputError

_TOKENS = 8
"""Most patches along a side of an image."""


def tiny_vit(
    *,
    channels: int,
    size: tuple[int, int],
    num_classes: int,
    drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
    width: int = 64,
    depth: int = 4,
) -> nn.Module:
    """A vision transformer for images of 8 to 32 pixels, in at most 8 x 8 patches: 200,000 parameters.

    Args:
        channels: Number of channels, C.
        size: Height and width in pixels.
        num_classes: Number of classes, K.
        drop_rate: Dropout before the classifier.
        drop_path_rate: Stochastic depth of the last block; the others have proportionally less.
        width: Numbers that stand for a patch; a multiple of 32.
        depth: Number of blocks.

    Raises:
        InputError: No patch of 2 to 8 pixels divides the image into few enough pieces.

    Reference: Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021, https://arxiv.org/abs/2010.11929.
    """
    from timm.models.vision_transformer import VisionTransformer

    model: nn.Module = VisionTransformer(
        img_size=size,
        patch_size=_patch(size),
        in_chans=channels,
        num_classes=num_classes,
        global_pool="avg",
        class_token=False,
        embed_dim=width,
        depth=depth,
        num_heads=width // 32,
        drop_rate=drop_rate,
        drop_path_rate=drop_path_rate,
    )
    return model


def _patch(size: tuple[int, int]) -> int:
    """The smallest patch that divides an image into few enough pieces."""
    for patch in range(2, 9):
        if size[0] % patch == size[1] % patch == 0 and max(size) <= patch * _TOKENS:
            return patch
    raise InputError(
        f"`tiny_vit` takes images of up to 64 pixels a side that a patch of 2 to 8 pixels divides, "
        f"but these are {size[0]} x {size[1]}"
    )


def cifar_resnet18(
    *, channels: int, num_classes: int, drop_rate: float = 0.0, drop_path_rate: float = 0.0, **options: Any
) -> nn.Module:
    """ResNet-18 for 32 x 32 pixels: its first convolution is 3 x 3 without stride, and no pooling follows it.

    Args:
        channels: Number of channels, C.
        num_classes: Number of classes, K.
        drop_rate: Dropout before the classifier.
        drop_path_rate: Stochastic depth.
        options: More arguments of timm's ResNet.

    Reference: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, https://arxiv.org/abs/1512.03385;
    the first layer as in DeVries and Taylor, 2017, https://arxiv.org/abs/1708.04552.
    """
    from timm.models import create_model

    model: nn.Module = create_model(
        "resnet18",
        in_chans=channels,
        num_classes=num_classes,
        drop_rate=drop_rate,
        drop_path_rate=drop_path_rate,
        **options,
    )
    stem = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    model.conv1, model.maxpool = stem, nn.Identity()
    return model
