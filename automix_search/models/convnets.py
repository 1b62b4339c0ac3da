"""Two plain convolutional networks that train on a CPU.

Axes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from torch import nn


def tiny_cnn(*, channels: int, num_classes: int, drop_rate: float = 0.0, width: int = 8) -> nn.Sequential:
    """Three convolutions for about 8 x 8 pixels: 6,000 parameters with one channel and ten classes.

    Args:
        channels: Number of channels, C.
        num_classes: Number of classes, K.
        drop_rate: Dropout before the classifier.
        width: Channels after the first convolution; doubled by each of the others.

    Returns:
        A model from `B x C x H x W` to logits `B x K`.
    """
    return nn.Sequential(
        _convolution(channels, width),
        _convolution(width, 2 * width, stride=2),
        _convolution(2 * width, 4 * width, stride=2),
        _Classifier(4 * width, num_classes, drop_rate),
    )


def small_cnn(*, channels: int, num_classes: int, drop_rate: float = 0.0, width: int = 16) -> nn.Sequential:
    """Four convolutions for about 28 x 28 pixels: 84,000 parameters with one channel and ten classes.

    Args:
        channels: Number of channels, C.
        num_classes: Number of classes, K.
        drop_rate: Dropout before the classifier.
        width: Channels after the first convolution; the others have four times as many.

    Returns:
        A model from `B x C x H x W` to logits `B x K`.
    """
    return nn.Sequential(
        _convolution(channels, width),
        nn.MaxPool2d(2),
        _convolution(width, 4 * width),
        nn.MaxPool2d(2),
        _convolution(4 * width, 4 * width),
        _convolution(4 * width, 4 * width),
        _Classifier(4 * width, num_classes, drop_rate),
    )


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Classifier(nn.Sequential):
    """Global average, dropout, linear layer."""

    def __init__(self, width: int, num_classes: int, drop_rate: float) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.drop = nn.Dropout(drop_rate)
        self.linear = nn.Linear(width, num_classes)
