"""scikit-learn's bundled digits."""

from __future__ import annotations

from typing import Literal

import numpy as np

from automix_search.data.base import AbstractUndividedSource
from automix_search.data.content import Content
from automix_search.data.division import Division


class Digits(AbstractUndividedSource):
    """1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn: for trying things out in seconds.

    Reference: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """

    kind: Literal["digits"] = "digits"

    def read(self) -> Content:
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
        images = np.round(pixels.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
        return Content(images, labels, Division(np.arange(len(labels))))
