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


def table(rows: Iterable[Row], now: datetime, *, with_namespace: bool, console_is_terminal: bool) -> Table:
    """The newest run first. Where the terminal is narrow, only the reason is cut."""
    names = [*(["NAMESPACE"] if with_namespace else []), *_COLUMNS]
    newest_first = sorted(rows, key=lambda row: (row.created, row.run.name), reverse=True)
    lines = [[*([row.run.namespace] if with_namespace else []), *_cells(row, now)] for row in newest_first]
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, name in enumerate(names):
        width = max(len(name), *(len(line[index]) for line in lines)) if lines else len(name)
        justify: Literal["left", "right"] = "right" if name in _NUMBERS else "left"
        found.add_column(name, no_wrap=True, justify=justify, min_width=width)
    found.add_column("REASON", no_wrap=console_is_terminal, overflow="ellipsis")
    for line in lines:
        found.add_row(*line)
    return found


_COLUMNS: Final = ("NAME", "TASK", "PHASE", "ATTEMPTS", "AGE", "DURATION")
_NUMBERS: Final = frozenset({"ATTEMPTS", "AGE", "DURATION"})


def _cells(row: Row, now: datetime) -> list[str | Text]:
    run, took = row.run, row.duration(now)
    phase = "Cancelling" if run.cancel_requested and not run.is_over else str(run.phase)
    return [
        run.name,
        run.task,
        Text(phase, style=STYLE.get(phase, "")),
        f"{row.attempts}/{max(row.allowed, row.attempts)}",
        lengths.render_whole(now - row.created),
        lengths.render(took) if took is not None else "-",
        reason(run),
    ]


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
