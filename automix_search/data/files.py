"""Reading data files, packed or not, so that a damaged one is named."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from automix_search.errors import InputError

_CHUNK = 1 << 20


def read_bytes(path: Path) -> bytes:
    """The content of a file, unpacked when its name ends in `.gz`.

    Raises:
        InputError: The file is missing, cannot be read, or ends too early.
    """
    try:
        return _unpack(path) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def _unpack(path: Path) -> bytes:
    chunks: list[bytes] = []
    try:
        with gzip.open(path) as file:
            while chunk := file.read(_CHUNK):
                chunks.append(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path} is damaged or ends too early: of its {path.stat().st_size} bytes only the first "
            f"{sum(map(len, chunks))} bytes of content could be unpacked ({error})"
        ) from None
    return b"".join(chunks)


def find_folder(folder: str | None, usual: tuple[str, ...], wanted: str, what: str, mend: str) -> Path:
    """The first folder that holds the file `wanted`, packed or not.

    Args:
        folder: Where the user says the data is; None looks at the usual places.
        usual: Folders to look into; below `folder` when that is given and they are relative.
        wanted: A file name.
        what: The data set, for the message.
        mend: How to get it, for the message.

    Raises:
        InputError: No folder holds the file.
    """
    places = [Path(place).expanduser() for place in usual]
    if folder is not None:
        root = Path(folder).expanduser()
        places = [root, *(root / place for place in places if not place.is_absolute())]
    for place in places:
        if any((place / name).is_file() for name in (wanted, f"{wanted}.gz")):
            return place
    looked = ", ".join(map(str, places))
    raise InputError(f"{what}: found no file {wanted} or {wanted}.gz in any of {looked}; {mend}")
