"""Lengths of time for people: `42s`, `3m10s`, `5h`, `2d`."""

from __future__ import annotations

from datetime import timedelta


def render(length: timedelta) -> str:
    """The two largest units; tenths of a second below ten seconds."""
    seconds = max(0.0, length.total_seconds())
    return f"{seconds:.1f}s" if seconds < 10 else render_whole(length)


def render_whole(length: timedelta) -> str:
    """The two largest units, in whole seconds."""
    whole = max(0, round(length.total_seconds()))
    for size, unit, below, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size}{unit}" + (f"{rest}{part}" if rest else "")
    return f"{whole}s"
