"""Parts of a blob, compressed with zlib, where somebody asked for it.

A blob says how large its parts are, so that opening one never makes more than it says. Standard
library only.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Final

from ferryman.exceptions import InvalidBlob
from ferryman.wire.envelope import Bytes

MAX_INFLATED: Final = 4 * 1024**3
"""Bytes of all parts together: what a reader makes at most of a compressed blob."""


def deflated(parts: Sequence[Bytes]) -> list[bytes]:
    """Each part compressed."""
    return [zlib.compress(part) for part in parts]


def inflated(parts: Sequence[memoryview], sizes: Any) -> list[memoryview]:
    """The parts as they were. Raises InvalidBlob unless they have exactly these sizes."""
    sound = isinstance(sizes, list) and all(type(size) is int and size >= 0 for size in sizes)
    if not sound or len(sizes) != len(parts) or sum(sizes) > MAX_INFLATED:
        raise InvalidBlob("the blob is compressed and does not say how large it is")
    return [_inflated(part, size) for part, size in zip(parts, sizes, strict=True)]


def _inflated(part: memoryview, size: int) -> memoryview:
    decompressor = zlib.decompressobj()
    try:
        found = decompressor.decompress(part, size + 1)
    except zlib.error as error:
        raise InvalidBlob(f"the blob cannot be decompressed: {error}") from None
    if len(found) != size or not decompressor.eof:
        raise InvalidBlob(f"the blob does not decompress to the {size} bytes that it says")
    return memoryview(found)
