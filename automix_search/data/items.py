"""Items of a map-style data set: pairs or mappings that hold an image and its label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from automix_search.errors import InputError

IMAGE_KEYS = ("image", "pixel_values", "input", "x")
LABEL_KEYS = ("label", "labels", "target", "y")


def image_of(item: Any) -> Tensor:
    """The image of an item: `C x H x W`, uint8 or float.

    Raises:
        InputError: The item holds no image, or one of another shape.
    """
    return as_image(_part(item, 0, IMAGE_KEYS, "image"))


def label_of(item: Any) -> np.ndarray:
    """The label of an item: a class id or name `()`, or a multi-hot row `(K,)`.

    Raises:
        InputError: The item holds no label.
    """
    return np.asarray(_part(item, 1, LABEL_KEYS, "label"))


def as_image(value: Any) -> Tensor:
    """A picture, an `H x W` or `H x W x C` array, or a `C x H x W` tensor, as a tensor `C x H x W`.

    Raises:
        InputError: It is none of these.
    """
    if isinstance(value, Image.Image):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        last = value.ndim == 3 and value.shape[2] <= 4 < value.shape[0]
        value = torch.from_numpy(np.array(value.transpose(2, 0, 1) if last else value))
    if not isinstance(value, Tensor) or value.ndim not in (2, 3):
        raise InputError(
            f"an image must be a picture, an array or a tensor `C x H x W`, but got {_describe(value)}"
        )
    image = value[None] if value.ndim == 2 else value
    return image if image.dtype == torch.uint8 else image.float()


def _part(item: Any, position: int, keys: Sequence[str], what: str) -> Any:
    if isinstance(item, Mapping):
        found = next((key for key in keys if key in item), None)
        if found is None:
            raise InputError(
                f"an item of the data set has no {what}: its keys are {', '.join(map(str, item))}, "
                f"one of {', '.join(keys)} is needed"
            )
        return item[found]
    if isinstance(item, Sequence) and not isinstance(item, str) and len(item) > position:
        return item[position]
    raise InputError(
        f"items of a data set must be (image, label) pairs or mappings, but one is {_describe(item)}"
    )


def _describe(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
