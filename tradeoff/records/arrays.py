"""Arrays as a record keeps them: NumPy's `.npz`, of which a reader often wants but a few."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Collection
from functools import lru_cache
from typing import Any

import numpy as np

_ENTRY = 30  # bytes of a ZIP entry before its name, the last four of which are the lengths of the name and of the rest
_START = 10  # bytes before the header of a `.npy` of version 1, the last two of which are the header's length


def read_npz(content: bytes, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of these names, or all of them, of a file that is known to be whole. As `numpy.load` reads them, but
    that parses each header as Python, which takes longer than all the rest; those of a folder's files are much alike.

    Raises KeyError for a name that is not there, and ValueError or zipfile.BadZipFile for what are no arrays.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        chosen = [name.removesuffix(".npy") for name in archive.namelist()] if names is None else names
        return {name: _read(_unpacked(content, archive.getinfo(f"{name}.npy"))) for name in chosen}


def _unpacked(content: bytes, entry: zipfile.ZipInfo) -> bytes:
    start = entry.header_offset + _ENTRY
    start += sum(struct.unpack_from("<HH", content, start - 4))
    packed = content[start : start + entry.compress_size]
    return zlib.decompress(packed, -zlib.MAX_WBITS) if entry.compress_type == zipfile.ZIP_DEFLATED else packed


def _read(content: bytes) -> np.ndarray:
    if np.lib.format.read_magic(io.BytesIO(content)) != (1, 0):
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    end = _START + int.from_bytes(content[_START - 2 : _START], "little")
    shape, fortran, dtype = _header(content[:end])
    return np.frombuffer(bytearray(content), dtype, offset=end).reshape(shape, order="F" if fortran else "C")


@lru_cache(maxsize=256)
def _header(content: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    file = io.BytesIO(content)
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)
