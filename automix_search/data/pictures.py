"""Picture files as a map-style data set."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from automix_search.errors import InputError
from automix_search.transforms import AbstractLoadTransform
from automix_search.transforms.load import LoadStage

_MODES = {1: "L", 3: "RGB"}
_THREADS = 8


class Pictures(Dataset[dict[str, Tensor]]):
    """Picture files, decoded and brought to one size when they are asked for.

    A picture goes through the load transforms; what does not have the right size after them is cut to the
    right proportions about its middle and scaled.

    Args:
        paths: The files.
        size: Height and width in pixels.
        channels: 1 for grey, 3 for colour; files of the other kind are converted.
        load: Load transforms, in order.
        train: Whether the transforms are those of training or their counterparts of evaluation.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size: tuple[int, int],
        channels: int,
        load: Sequence[AbstractLoadTransform] = (),
        train: bool = False,
    ) -> None:
        self.paths = paths
        self.size = size
        self.channels = channels
        self.load = load
        self.train = train

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        return {"image": torch.from_numpy(self._read(self.paths[position]))}

    def prepared(self, load: Sequence[AbstractLoadTransform], train: bool) -> Pictures:
        """The same pictures with other load transforms."""
        return Pictures(self.paths, self.size, self.channels, load, train)

    def array(self) -> np.ndarray:
        """All pictures, `N x C x H x W` uint8."""
        images = np.empty((len(self), self.channels, *self.size), np.uint8)

        def fill(position: int) -> None:
            images[position] = self._read(self.paths[position])

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(fill, range(len(self))))
        return images

    @cached_property
    def _stage(self) -> LoadStage:
        return LoadStage(self.load, self.train)

    def _read(self, path: Path) -> np.ndarray:
        """A picture, `C x H x W` uint8."""
        height, width = self.size
        picture = self._stage(_decode(path, _MODES[self.channels]))
        if picture.size != (width, height):
            picture = ImageOps.fit(picture, (width, height), Image.Resampling.BICUBIC)
        pixels = np.array(picture, np.uint8)
        return pixels[None] if self.channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _decode(path: Path, mode: str) -> Image.Image:
    try:
        with Image.open(path) as file:
            return file.convert(mode)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} ({path.stat().st_size} bytes) is no readable picture: {error}") from None
