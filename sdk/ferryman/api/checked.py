"""Values out of JSON that anybody may have written: of the type and range that is asked for, or an error.

Standard library only: the runner loads this module.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

MAX_MOMENT: Final = 253_402_300_799
"""The last second of the year 9999."""


MAX_OBJECT_SIZE: Final = 5 * 1024**4
"""The largest object of S3; what claims to be larger would not fit the status either."""

_UID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def clean(text: str, limit: int) -> str:
    """`text` without control characters but newline and tab, cut to `limit` characters."""
    kept = "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text[: limit + 1]
    )
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in `text`. Raises ValueError."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  A wrong value of ours, not a wrong call.
    return value


def of_type(kind: type[_T], value: Any) -> _T:
    """`value`, if it is of exactly this type. Raises TypeError."""
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not of type {kind.__name__}")
    return value


def moment(value: Any) -> float | None:
    """A moment that `datetime` can hold, as readers make one of it; None for None. Raises ValueError."""
    seconds = None if value is None else number(value)
    if seconds is not None and not 0 <= seconds <= MAX_MOMENT:
        raise ValueError(f"{seconds} is not a moment")
    return seconds


def number(value: Any) -> float:
    """A finite number. Raises ValueError."""
    found = float(value) if type(value) in (int, float) else math.nan
    if not math.isfinite(found):
        raise ValueError("not a finite number")
    return found


def sha256(value: Any) -> str:
    """A SHA-256 in lower-case hex. Raises ValueError and TypeError."""
    digest = of_type(str, value)
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError("it is not a SHA-256")
    return digest


def size(value: Any) -> int:
    """The size of an object in bytes. Raises ValueError and TypeError."""
    found = of_type(int, value)
    if not 0 <= found <= MAX_OBJECT_SIZE:
        raise ValueError(f"{found} is not the size of an object")
    return found


def uid(value: Any) -> str:
    """The UID of an object of Kubernetes. Raises ValueError and TypeError."""
    found = of_type(str, value)
    if _UID.fullmatch(found) is None:
        raise ValueError("it is not a UID")
    return found
