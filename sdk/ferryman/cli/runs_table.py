"""Runs as a table: TaskRuns in, rows for people out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from rich.table import Table
from rich.text import Text

from ferryman.cli import lengths
from ferryman.progress import STYLE
from ferryman.runs import Run, view

_QUIET_REASONS: Final = frozenset({"", "Completed", "Running", "Cancelled"})
_MESSAGE_CHARACTERS: Final = 120


@dataclass(frozen=True)
class Row:
    """What the table says of one run."""

    run: Run
    created: datetime
    started: datetime | None
    finished: datetime | None
    attempts: int
    allowed: int

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Row:
        """The row of a TaskRun."""
        status, spec = manifest.get("status") or {}, manifest.get("spec") or {}
        run = view(manifest)
        return cls(
            run=run,
            created=datetime.fromisoformat(manifest["metadata"]["creationTimestamp"]),
            started=_moment(status.get("startedAt")),
            finished=_moment(status.get("finishedAt")) or (run.changed_at if run.is_over else None),
            attempts=run.attempts[-1].number if run.attempts else 0,
            allowed=1 + (spec.get("retry") or {}).get("retries", 0),
        )

    def duration(self, now: datetime) -> timedelta | None:
        """How long it has run, from the start of its first attempt."""
        return (self.finished or now) - self.started if self.started else None


def table(rows: Iterable[Row], now: datetime, *, with_namespace: bool, width: int | None) -> Table:
    """The newest run first, in `width` columns of characters, or, with None, as wide as it is.

    Where that is narrow, columns are left out for the sake of the reason, and then that is cut.
    """
    newest_first = sorted(rows, key=lambda row: (row.created, row.run.name), reverse=True)
    cells = [_cells(row, now, with_namespace=with_namespace) for row in newest_first]
    names = _names(with_namespace=with_namespace)
    widest = {name: max([len(name), *(line[name].cell_len for line in cells)]) for name in names}
    widths = widest if width is None else _fitted(widest, width)
    found = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name, one in widths.items():
        justify: Literal["left", "right"] = "right" if name in _NUMBERS else "left"
        # A name that is cut is of no use.
        overflow: Literal["fold", "ellipsis"] = "fold" if name == "NAME" else "ellipsis"
        found.add_column(name, width=one, no_wrap=name != "NAME", justify=justify, overflow=overflow)
    for line in cells:
        found.add_row(*(line[name] for name in widths))
    return found


_NUMBERS: Final = frozenset({"ATTEMPTS", "AGE", "DURATION"})
_LEFT_OUT: Final = ("TASK", "DURATION", "ATTEMPTS", "AGE")
"""By a terminal that is too narrow, in this order. A run's name holds its task's."""
_GAP: Final = 2
_ENOUGH: Final = 24
"""Characters of a reason for which the columns above are left out: most reasons without their message."""


def _names(*, with_namespace: bool) -> list[str]:
    first = ["NAMESPACE"] if with_namespace else []
    return [*first, "NAME", "TASK", "PHASE", "ATTEMPTS", "AGE", "DURATION", "REASON"]


def _fitted(widest: Mapping[str, int], available: int) -> dict[str, int]:
    """The widths of the columns that fit; at least NAME and PHASE."""
    widths = {**widest, "REASON": min(widest["REASON"], _ENOUGH)}
    for name in _LEFT_OUT:
        if _total(widths) > available:
            del widths[name]
    left = available - _total(widths) + widths["REASON"]
    if left >= len("REASON"):
        return {**widths, "REASON": min(widest["REASON"], left)}
    del widths["REASON"]
    return {**widths, "NAME": max(len("NAME"), widths["NAME"] + min(0, available - _total(widths)))}


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


def _cells(row: Row, now: datetime, *, with_namespace: bool) -> dict[str, Text]:
    run, took = row.run, row.duration(now)
    phase = "Cancelling" if run.cancel_requested and not run.is_over else str(run.phase)
    # Text, because brackets in a str would be markup.
    cells = {
        "NAME": Text(run.name),
        "TASK": Text(run.task),
        "PHASE": Text(phase, style=STYLE.get(phase, "")),
        "ATTEMPTS": Text(f"{row.attempts}/{max(row.allowed, row.attempts)}"),
        "AGE": Text(lengths.render_whole(now - row.created)),
        "DURATION": Text(lengths.render(took) if took is not None else "-"),
        "REASON": Text(reason(run)),
    }
    return {"NAMESPACE": Text(run.namespace), **cells} if with_namespace else cells


def reason(run: Run) -> str:
    """Why it is where it is, in one line; "" where the phase says it all."""
    if run.reason in _QUIET_REASONS:
        return ""
    message = " ".join(run.message.split())
    if len(message) > _MESSAGE_CHARACTERS:
        message = message[: _MESSAGE_CHARACTERS - 1] + "…"
    return f"{run.reason}: {message}" if message else run.reason


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
