"""`ferryman runs`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ferryman.cli import target
from ferryman.cli.runs_table import Row, reason, table
from ferryman.cluster import Cluster

_PIPE_COLUMNS: Final = 1000
"""Wider than any row, so that a program that reads them has a run on each line."""
_POLL_SECONDS: Final = 2.0

Known = dict[tuple[str, str], Row]


def runs(
    namespace: target.Namespace = None,
    everywhere: Annotated[
        bool, typer.Option("-A", "--all-namespaces", help="Runs of every namespace.")
    ] = False,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Stay, and show every change.")] = False,
    context: target.Context = None,
) -> None:
    """Show runs, the newest first, and why each is where it is."""
    settings, cluster = target.connect(context, namespace)
    where = None if everywhere else settings.namespace.value
    console = _console()
    if watch:
        _watch(cluster, where, console)
        return
    rows = [Row.of(one) for one in cluster.list_runs(where)]
    if not rows:
        print(f"No runs in {f'namespace {where}' if where else 'any namespace'}.")
        return
    console.print(_draw(rows, where, console))


def _draw(rows: list[Row], where: str | None, console: Console) -> Table:
    now = datetime.now(UTC)
    width = console.width if console.is_terminal else None
    return table(rows, now, with_namespace=where is None, width=width)


def _watch(cluster: Cluster, where: str | None, console: Console) -> None:
    """Until Ctrl-C: a live table on a terminal, elsewhere a line for each change of a phase."""
    known: Known = {}
    try:
        if not console.is_terminal:
            _follow(cluster, where, known, lambda row: print(_line(row), flush=True))
            return
        with Live(console=console, refresh_per_second=4, get_renderable=lambda: _live(known, where, console)):
            _follow(cluster, where, known, lambda _: None)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _live(known: Known, where: str | None, console: Console) -> Table:
    # Drawn by another thread than the one that fills it.
    return _draw(list(known.values()), where, console)


def _follow(cluster: Cluster, where: str | None, known: Known, tell: Callable[[Row], None]) -> None:
    if where is not None:
        # A watch waits for an API server, and who has just begun wants to know that there is none.
        cluster.list_runs(where)
        for event in cluster.watch_runs(where):
            if event.type == "DELETED":
                known.pop(_key(event.object), None)
            elif event.type != "SYNCED":
                _learn(event.object, known, tell)
        return
    # One watch sees one namespace, so that all of them are listed again and again.
    pause = threading.Event()
    while not pause.wait(_POLL_SECONDS if known else 0):
        found = cluster.list_runs(None)
        for gone in known.keys() - {_key(one) for one in found}:
            del known[gone]
        for one in found:
            _learn(one, known, tell)


def _learn(manifest: Mapping[str, Any], known: Known, tell: Callable[[Row], None]) -> None:
    row = Row.of(manifest)
    before = known.get(_key(manifest))
    known[_key(manifest)] = row
    if before is None or before.run.phase is not row.run.phase:
        tell(row)


def _key(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _line(row: Row) -> str:
    run = row.run
    return f"{run.namespace}/{run.name} {run.task} {run.phase} {reason(run)}".rstrip()


def _console() -> Console:
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_PIPE_COLUMNS)
