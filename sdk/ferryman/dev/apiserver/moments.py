"""Times as Kubernetes writes them: RFC 3339 in UTC, whole seconds in `metav1.Time`."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def render(moment: datetime) -> str:
    """`2026-11-22T08:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render_micro(moment: datetime) -> str:
    """`2026-11-22T08:30:00.123456Z`: of Leases, Events and log lines."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """The moment in either form. Raises ValueError."""
    return datetime.fromisoformat(text)
