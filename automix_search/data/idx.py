"""IDX files, the format of MNIST and its kin."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from automix_search.data.files import read_bytes
from automix_search.errors import InputError

_UINT8 = 0x08


def read_idx(folder: Path, name: str, axes: int) -> np.ndarray:
    """Read `name` or `name.gz` as a uint8 array.

    A file is: two zero bytes, the code of the type, the number of axes, their lengths (big-endian, 4 bytes
    each), then the data.

    Args:
        folder: Where the file lies.
        name: File name without `.gz`.
        axes: Number of axes that the array must have.

    Raises:
        InputError: The file is missing, damaged, too short or too long, or of another kind.

    Reference: http://yann.lecun.com/exdb/mnist/.
    """
    path = next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), folder / name)
    content = read_bytes(path)
    start = 4 + 4 * axes
    if len(content) < start:
        raise InputError(f"{path} ends too early: {len(content)} bytes, but its header alone takes {start}")
    if content[:4] != bytes((0, 0, _UINT8, axes)):
        raise InputError(
            f"{path} is no IDX file of uint8 with {axes} axes: it begins with {content[:4].hex(' ')}"
        )
    shape = tuple(int(length) for length in np.frombuffer(content, ">u4", count=axes, offset=4))
    if len(content) - start != math.prod(shape):
        longer = "ends too early" if len(content) - start < math.prod(shape) else "is too long"
        raise InputError(
            f"{path} {longer}: {len(content) - start} bytes of data, but its header promises "
            f"{math.prod(shape)} ({' x '.join(map(str, shape))})"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
