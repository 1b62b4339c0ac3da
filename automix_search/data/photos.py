"""scikit-learn's two photographs, cut into pieces."""

from __future__ import annotations

from typing import Literal

import numpy as np

from automix_search.data.base import AbstractUndividedSource
from automix_search.data.content import Content
from automix_search.data.division import Division

_SIDE, _STEP = 64, 20


class Photos(AbstractUndividedSource):
    """208 overlapping pieces, 64 x 64 pixels in colour, of a photograph of a temple and one of a flower.

    Something to look at, such as in the gallery. Pieces of one photograph overlap, also between the splits:
    a score on them says nothing.

    Reference: scikit-learn, `sklearn.datasets.load_sample_images` (Creative Commons Attribution).
    """

    kind: Literal["photos"] = "photos"

    def read(self) -> Content:
        from sklearn.datasets import load_sample_images

        pieces = [_pieces(photo[::2, ::2]) for photo in load_sample_images().images]
        labels = np.repeat(np.arange(len(pieces)), [len(group) for group in pieces])
        images = np.concatenate(pieces)
        return Content(images, labels, Division(np.arange(len(labels))), class_names=("temple", "flower"))


def _pieces(photo: np.ndarray) -> np.ndarray:
    """All pieces of a photograph `H x W x 3`, `N x 3 x 64 x 64`."""
    windows = np.lib.stride_tricks.sliding_window_view(photo, (_SIDE, _SIDE), axis=(0, 1))
    return np.ascontiguousarray(windows[::_STEP, ::_STEP].reshape(-1, 3, _SIDE, _SIDE))
