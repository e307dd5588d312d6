"""Durations as Kubernetes and Go write them: `300ms`, `1.5s`, `2h45m`.

Standard library only.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

_DIGITS: Final = {"h": 6, "m": 7, "s": 9, "ms": 9}
PATTERN: Final = (
    "^" + "".join(rf"([0-9]{{1,{n}}}(\.[0-9]{{1,6}})?{unit})?" for unit, n in _DIGITS.items()) + "$"
)
"""What the CRD's schema accepts: every match that is not empty is a duration that fits Go's 292 years."""

MIN_LENGTH: Final = 2

MAX_LENGTH: Final = 32

_WHOLE: Final = re.compile(PATTERN)
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@lru_cache(maxsize=1024)
def parse(text: str) -> timedelta:
    """The length that `text` says. Raises ValueError, naming the value, if it is no duration."""
    if len(text) > MAX_LENGTH or len(text) < MIN_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a duration: write it as '30s', '1.5h' or '1h30m', largest unit first"
        )
    return timedelta(seconds=sum(float(n) * _SECONDS[unit] for n, unit in _PART.findall(text)))


def render(length: timedelta | float) -> str:
    """The shortest way to write a length (a timedelta, or seconds), to the millisecond."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if seconds < 0:
        raise ValueError(f"a duration cannot be negative: {seconds}")
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    text = f"{hours}h" * bool(hours) + f"{minutes}m" * bool(minutes)
    if rest or not text:
        text += f"{rest}ms" if 0 < rest < 1000 else f"{rest / 1000:g}s"
    return text
