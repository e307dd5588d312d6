"""Cache records: the small objects that say where the result of a key is. Pure.

A record comes from the store, so that it may hold anything: `decode` lets nothing through that
would not make a key of ours.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from ferryman.exceptions import InvalidBlob
from ferryman.version import VERSION

FORMAT: Final = 1
MAX_BYTES: Final = 16 * 1024
MAX_ATTEMPT: Final = 1000

_UID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9/._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Hit:
    """Where the blob of a result is: that of an attempt of a run in the same namespace."""

    uid: str
    attempt: int
    sha256: str
    size: int
    serializer: str


@dataclass(frozen=True, slots=True)
class Record:
    """The result of a key. Times are seconds since the epoch."""

    hit: Hit
    created: float
    expires: float | None = None
    """When it stops to count; None is never."""
    material: tuple[str, ...] = ()
    """The names of the policies that made the key; for people."""
    ferryman: str = VERSION
    """The version that wrote it."""

    def is_valid(self, now: float) -> bool:
        """Whether it still counts."""
        return self.expires is None or now < self.expires


def encode(record: Record) -> bytes:
    """The record as JSON."""
    return json.dumps({"version": FORMAT, **asdict(record)}, separators=(",", ":")).encode()


def decode(body: bytes) -> Record:
    """The record in these bytes. Raises InvalidBlob, whatever they are."""
    try:
        return _record(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise InvalidBlob(f"the cache record cannot be read: {type(error).__name__}: {error}") from None


def _record(fields: Any) -> Record:
    if fields["version"] != FORMAT:
        raise ValueError(f"version {fields['version']!r}")
    return Record(
        hit(fields["hit"]),
        created=_number(fields["created"]),
        expires=None if fields.get("expires") is None else _number(fields["expires"]),
        material=tuple(str(name)[:64] for name in fields.get("material", ())[:16]),
        ferryman=str(fields.get("ferryman", ""))[:64],
    )


def hit(fields: Any) -> Hit:
    """A checked Hit of the fields of a JSON object. Raises ValueError, TypeError or KeyError."""
    found = Hit(
        uid=_matching(_UID, fields["uid"]),
        attempt=_natural(fields["attempt"], MAX_ATTEMPT),
        sha256=_matching(_SHA256, fields["sha256"]),
        size=_natural(fields["size"], 5 * 1024**4),
        serializer=_matching(_NAME, fields["serializer"]),
    )
    if found.attempt < 1:
        raise ValueError("attempts are numbered from 1")
    return found


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise ValueError(f"{value!r:.80} is not of the form {pattern.pattern}")
    return value


def _natural(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{value!r:.80} is not a number from 0 to {most}")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < 1e12:
        raise ValueError(f"{value!r:.80} is not a time")
    return float(value)
