"""Image arrays as sources hold them, brought into one form, checked and measured.

Axes: N images, C channels, H x W pixels.
"""

from __future__ import annotations

import numpy as np

from automix_search.errors import InputError

_CHUNK = 1024
"""Images looked at together, so that a check of a large array needs little memory."""

Scale = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation, one number a channel."""


def read_images(raw: np.ndarray, where: str, *, normalised: bool = False) -> np.ndarray:
    """Bring images into the form `N x C x H x W`, uint8 or float32, and check them.

    Args:
        raw: `N x H x W`, `N x C x H x W`, or `N x H x W x C` with up to 4 channels.
        where: The source, for messages.
        normalised: Whether floats come normalised, so that they may lie outside [0, 1].

    Raises:
        InputError: Another shape or type, no images, NaN or infinite pixels, or pixels outside the range.
    """
    return _values(as_channels_first(raw, where), where, normalised)


def as_channels_first(raw: np.ndarray, where: str) -> np.ndarray:
    """Images of any accepted layout as `N x C x H x W`, without a copy.

    Raises:
        InputError: Another number of axes, or nothing in the array.
    """
    if raw.ndim not in (3, 4):
        raise InputError(
            f"{where}: images must be `N x H x W` or `N x C x H x W`, but have the shape {raw.shape}"
        )
    if 0 in raw.shape:
        raise InputError(f"{where}: there are no images in an array of shape {raw.shape}")
    if raw.ndim == 3:
        return raw[:, None]
    return raw.transpose(0, 3, 1, 2) if raw.shape[3] <= 4 < raw.shape[1] else raw


def _values(images: np.ndarray, where: str, normalised: bool) -> np.ndarray:
    if images.dtype == np.bool_:
        return np.ascontiguousarray(images, np.uint8) * np.uint8(255)
    if images.dtype.kind in "iu":
        low, high = int(images.min()), int(images.max())
        if low < 0 or high > 255:
            raise InputError(
                f"{where}: whole-number pixels must lie in 0 to 255, but go from {low} to {high}"
            )
        return np.ascontiguousarray(images, np.uint8)
    if images.dtype.kind != "f":
        raise InputError(f"{where}: images must be uint8 or float in [0, 1], not {images.dtype}")
    floats = np.ascontiguousarray(images, np.float32)
    _check_floats(floats, where, normalised)
    return floats


def _check_floats(images: np.ndarray, where: str, normalised: bool) -> None:
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        bad = ~np.isfinite(chunk).all(axis=(1, 2, 3))
        if bad.any():
            raise InputError(f"{where}: image {start + int(bad.argmax())} holds NaN or infinite pixels")
        low, high = float(chunk.min()), float(chunk.max())
        if not normalised and (low < 0 or high > 1):
            raise InputError(
                f"{where}: float pixels must lie in [0, 1], but there are some from {low:.4g} to {high:.4g}; "
                f"divide them by their highest value, or say that they are `normalised`"
            )


def measure(images: np.ndarray) -> Scale:
    """Mean and standard deviation of each channel of `N x C x H x W`, on the scale [0, 1].

    A channel that never changes has the standard deviation 1, so that one may divide by it.
    """
    total, squares = np.zeros(images.shape[1]), np.zeros(images.shape[1])
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float64)
        total += chunk.sum(axis=(0, 2, 3))
        squares += np.square(chunk).sum(axis=(0, 2, 3))
    pixels = len(images) * images.shape[2] * images.shape[3]
    top = 255 if images.dtype == np.uint8 else 1
    mean = total / pixels
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 0)) / top
    std[std < 1e-6] = 1.0
    return tuple((mean / top).tolist()), tuple(std.tolist())
