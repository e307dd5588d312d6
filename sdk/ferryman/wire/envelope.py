"""Blobs: a header that can be read without decoding the body, then the body in parts.

    magic (8) | format (2) | header length (4) | header, JSON, padded | part | padding | part ...

Numbers are big-endian. Every part begins at a multiple of 16 bytes, so that an array in one
can be used where it lies. Nothing is compressed, so a blob cannot grow when it is opened.
Standard library only; nothing here unpickles.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ferryman.exceptions import DigestMismatch, InvalidBlob, UnsupportedFormat
from ferryman.version import VERSION

MAGIC: Final = b"\x89FRYMN\r\n"
FORMAT: Final = 1
ALIGNMENT: Final = 16
MAX_HEADER_BYTES: Final = 1024 * 1024

_PREFIX: Final = struct.Struct(">8sHI")

Bytes = bytes | bytearray | memoryview


class Kind(StrEnum):
    """What a blob holds."""

    CODE = "code"
    ARGUMENTS = "arguments"
    RESULT = "result"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Header:
    """What a blob says about itself.

    `python`, `cloudpickle` and `ferryman` are the versions that wrote it ("3.12.4"; empty where
    cloudpickle had no part in it). `sizes` are the bytes of each part.
    """

    format: int
    kind: Kind
    codec: str
    python: str
    cloudpickle: str
    ferryman: str
    sizes: tuple[int, ...]
    meta: Mapping[str, Any]


def seal(kind: Kind, codec: str, parts: Sequence[Bytes], meta: Mapping[str, Any] | None = None) -> bytes:
    """A blob of these parts. `meta` is JSON."""
    # Asked of sys.modules: this module must not load cloudpickle, and who pickled with it has.
    pickler = getattr(sys.modules.get("cloudpickle"), "__version__", "")
    fields = {
        "kind": kind,
        "codec": codec,
        "python": "{}.{}.{}".format(*sys.version_info),
        "cloudpickle": pickler,
        "ferryman": VERSION,
        "sizes": [_size(part) for part in parts],
        "meta": dict(meta or {}),
    }
    text = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * _gap(_PREFIX.size + len(text))
    pieces: list[Bytes] = [_PREFIX.pack(MAGIC, FORMAT, len(text)), text]
    for part in parts:
        pieces += [part, b"\0" * _gap(_size(part))]
    return b"".join(pieces)


def peek(blob: Bytes) -> Header:
    """The header. Raises InvalidBlob, or UnsupportedFormat if a newer ferryman wrote it."""
    return _read_header(memoryview(blob))[0]


def unseal(blob: Bytes) -> tuple[Header, tuple[memoryview, ...]]:
    """The header and the parts, not copied.

    Raises InvalidBlob, also where bytes are missing or left over, and UnsupportedFormat.
    """
    view = memoryview(blob)
    header, position = _read_header(view)
    parts = []
    for size in header.sizes:
        parts.append(view[position : position + size])
        position += size + _gap(size)
    if position != len(view):
        raise InvalidBlob(f"the blob should have {position} bytes and has {len(view)}")
    return header, tuple(parts)


def digest(data: Bytes) -> str:
    """The SHA-256 of the bytes, as 64 lower-case hex characters."""
    return hashlib.sha256(data).hexdigest()


def verify(blob: Bytes, sha256: str, size: int) -> None:
    """Raises DigestMismatch unless these are the bytes that were promised."""
    if len(blob) != size:
        raise DigestMismatch(
            f"{size} bytes were promised, the store holds {len(blob)}; they were not decoded"
        )
    if (found := digest(blob)) != sha256:
        raise DigestMismatch(f"the bytes hash to {found} instead of {sha256}; they were not decoded")


def _read_header(view: memoryview) -> tuple[Header, int]:
    if len(view) < _PREFIX.size:
        raise InvalidBlob(f"{len(view)} bytes are too few for a blob of ferryman's")
    magic, version, length = _PREFIX.unpack_from(view)
    if magic != MAGIC:
        raise InvalidBlob("the bytes are not a blob of ferryman's: they begin otherwise")
    if version > FORMAT:
        raise UnsupportedFormat(
            f"a newer ferryman wrote this blob: format {version}, this one reads {FORMAT}"
        )
    end = _PREFIX.size + length
    if length > MAX_HEADER_BYTES or end > len(view):
        raise InvalidBlob("the blob ends within its header")
    try:
        return _header(version, json.loads(bytes(view[_PREFIX.size : end]))), end
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidBlob(f"the blob's header cannot be read: {type(error).__name__}: {error}") from None


def _header(version: int, fields: dict[str, Any]) -> Header:
    texts = {name: fields[name] for name in ("codec", "python", "cloudpickle", "ferryman")}
    sizes = tuple(fields["sizes"])
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("a version or the codec is not a string")
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError("a part's size is not a natural number")
    if not isinstance(fields["meta"], dict):
        raise TypeError("meta is not an object")
    return Header(format=version, kind=Kind(fields["kind"]), sizes=sizes, meta=fields["meta"], **texts)


def _size(part: Bytes) -> int:
    return part.nbytes if isinstance(part, memoryview) else len(part)


def _gap(position: int) -> int:
    return -position % ALIGNMENT
