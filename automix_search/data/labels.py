"""Labels as sources hold them, brought into one form: class ids, or multi-hot rows.

Axes: N samples, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automix_search.errors import InputError


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a whole source.

    Attributes:
        values: Class ids `(N,)` int64, or multi-hot rows `N x K` float32.
        names: One name a class.
    """

    values: np.ndarray
    names: tuple[str, ...]

    @property
    def multi_label(self) -> bool:
        """Whether labels are multi-hot rows."""
        return self.values.ndim == 2

    @property
    def strata(self) -> np.ndarray:
        """The class by which a sample is stratified, `(N,)` int64: of several, the rarest in the source."""
        if not self.multi_label:
            return self.values
        rarity = np.where(self.values > 0, self.values.sum(0), np.inf)
        return np.where(self.values.any(1), rarity.argmin(1), len(self.names))


def read_labels(raw: np.ndarray, names: Sequence[str] | None, where: str) -> Labels:
    """Bring labels into one form and check them.

    Args:
        raw: Class ids or names `(N,)` or `N x 1`, or multi-hot rows `N x K`.
        names: One name a class; None counts the classes that occur.
        where: The source, for messages.

    Raises:
        InputError: Labels of another form, fewer than two classes, or ids that `names` does not cover.
    """
    raw = raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 1 else raw
    if raw.ndim == 2:
        return _multi_hot(raw, names, where)
    if raw.ndim != 1:
        raise InputError(
            f"{where}: labels must be `(N,)` ids or `N x K` multi-hot rows, but have the shape {raw.shape}"
        )
    if raw.dtype.kind in "US":
        return _named(raw.astype(str), names, where)
    return _ids(raw, names, where)


def _named(raw: np.ndarray, names: Sequence[str] | None, where: str) -> Labels:
    known = tuple(names) if names is not None else tuple(sorted(set(raw.tolist())))
    unknown = sorted(set(raw.tolist()) - set(known))
    if unknown:
        raise InputError(
            f"{where}: the label `{unknown[0]}` is none of the declared classes: {', '.join(known)}"
        )
    position = {name: number for number, name in enumerate(known)}
    return _ids(np.array([position[name] for name in raw.tolist()]), known, where)


def _ids(raw: np.ndarray, names: Sequence[str] | None, where: str) -> Labels:
    if raw.dtype.kind == "f" and not np.array_equal(raw, np.round(raw)):
        raise InputError(f"{where}: labels must be class ids, but there is {raw[raw != np.round(raw)][0]}")
    if raw.dtype.kind not in "iufb":
        raise InputError(f"{where}: labels must be whole numbers, names or multi-hot rows, not {raw.dtype}")
    ids = raw.astype(np.int64)
    if len(ids) == 0:
        raise InputError(f"{where}: there are no samples")
    low, high = int(ids.min()), int(ids.max())
    if low < 0:
        raise InputError(f"{where}: class ids start at 0, but there is {low}")
    if low == high:
        raise InputError(
            f"{where}: all {len(ids)} samples are of the one class {low}; there must be at least 2"
        )
    if names is not None and high >= len(names):
        raise InputError(
            f"{where}: labels go up to {high}, but {len(names)} classes are declared (0 to {len(names) - 1})"
        )
    if names is None:
        _check_gaps(ids, high, where)
    return Labels(ids, tuple(names) if names is not None else tuple(map(str, range(high + 1))))


def _check_gaps(ids: np.ndarray, high: int, where: str) -> None:
    present = np.unique(ids)
    if len(present) <= high:
        absent = next(number for number, found in enumerate([*present.tolist(), -1]) if number != found)
        raise InputError(
            f"{where}: class ids go up to {high}, but no sample is of class {absent}; number the classes "
            f"from 0 on without gaps, or declare them"
        )


def _multi_hot(raw: np.ndarray, names: Sequence[str] | None, where: str) -> Labels:
    if raw.dtype.kind not in "iufb" or not np.isin(raw, (0, 1)).all():
        raise InputError(f"{where}: rows of labels must be multi-hot, zeros and ones only")
    if len(raw) == 0:
        raise InputError(f"{where}: there are no samples")
    if raw.shape[1] < 2:
        raise InputError(f"{where}: multi-hot rows must have at least 2 classes, but have {raw.shape[1]}")
    if names is not None and len(names) != raw.shape[1]:
        raise InputError(
            f"{where}: rows of labels have {raw.shape[1]} classes, but {len(names)} are declared"
        )
    return Labels(
        raw.astype(np.float32), tuple(names) if names is not None else tuple(map(str, range(raw.shape[1])))
    )
