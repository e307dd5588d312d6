"""A live table of runs for people: one row per task, redrawn while they run.

    with ferryman.progress.show(futures) as table:
        table.wait()

On a terminal it is drawn in place; elsewhere (a CI log, a pipe) every change of a run is a line.
Waiting for a list of futures shows it by itself, where somebody is there to see it. Only this
module and the command line load rich.
"""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, cast

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ferryman.runs import Run
from ferryman.states import State


class Shown(Protocol):
    """What is shown of a future."""

    @property
    def name(self) -> str: ...

    @property
    def run(self) -> Run | None: ...

    @property
    def state(self) -> State: ...

    def done(self) -> bool: ...


STYLE: Final = {
    "Completed": "green",
    "Cached": "green",
    "Failed": "red",
    "Crashed": "red",
    "TimedOut": "red",
    "UpstreamFailed": "red",
    "Cancelled": "magenta",
    "Cancelling": "magenta",
    "Running": "cyan",
    "Retrying": "cyan",
    "AwaitingRetry": "yellow",
    "Pending": "dim",
    "Waiting": "dim",
    "Scheduled": "dim",
}
"""The colour of a state; the order of the parts of a bar."""
_SAY_IT_ALL: Final = frozenset({"Completed", "Running", "Pending", "Cancelling", "Cancelled"})
"""States whose message adds nothing to their name."""
_WAITING: Final = frozenset({"Pending", "Waiting", "Scheduled", "AwaitingRetry"})
"""States whose message says what is waited for; one of them is shown of many runs."""

BAR_WIDTH: Final = 20
ROOMY: Final = 70
"""Characters besides the tasks' names, without which there is no bar: the words say the same."""
POLL_SECONDS: Final = 0.1


class Progress:
    """What is shown, and ways to wait while it is."""

    def __init__(self, futures: Sequence[Shown]) -> None:
        self.futures = tuple(futures)
        self._began = time.monotonic()
        self._ended: dict[str, float] = {}

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all have ended; False if `timeout` seconds were not enough."""
        return not concurrent.futures.wait(cast("Any", self.futures), timeout).not_done

    def wait_for(self, future: Shown, state: str, timeout: float | None = None) -> bool:
        """Wait until `future` is in the state of this name, or has ended; False if that took too long."""
        until = None if timeout is None else time.monotonic() + timeout
        while future.state.name != state and not future.done():
            if until is not None and time.monotonic() > until:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        tasks = self._tasks()
        width = min(options.max_width // 3, max(map(len, ["task", *tasks])))
        has_bar = options.max_width - width >= ROOMY
        table = Table(box=None, header_style="dim", pad_edge=False)
        table.add_column("task", max_width=width, overflow="fold")
        for name in ("runs", "") if has_bar else ("runs",):
            table.add_column(name, no_wrap=True)
        # Alone in being wrapped at words, so that it takes what the others leave.
        table.add_column("state", overflow="fold")
        table.add_column("seconds", no_wrap=True, justify="right")
        for name, group in tasks.items():
            runs, bar, *others = self._row(name, group)
            table.add_row(Text(name), runs, *([bar] if has_bar else []), *others)
        yield table

    def _tasks(self) -> dict[str, list[Shown]]:
        tasks: dict[str, list[Shown]] = {}
        for future in self.futures:
            # A run that could not be created has no task to be listed under.
            tasks.setdefault(future.run.task if future.run else future.name, []).append(future)
        return tasks

    def _row(self, name: str, group: list[Shown]) -> tuple[Text | str, ...]:
        states = [future.state for future in group]
        counts = Counter(state.name for state in states)
        ended = sum(state.is_final() for state in states)
        elapsed = self._seconds(name, is_over=ended == len(group))
        return f"{ended}/{len(group)}", _bar(counts), _words(states, counts), f"{elapsed:.1f}"

    def _seconds(self, name: str, *, is_over: bool) -> float:
        elapsed = time.monotonic() - self._began
        return self._ended.setdefault(name, elapsed) if is_over else elapsed


def console() -> Console:
    """Where progress goes by itself: stderr, so that a program's own output stays what it is."""
    return Console(stderr=True)


@contextmanager
def show(futures: Sequence[Shown], *, console: Console | None = None) -> Iterator[Progress]:
    """Show the runs while the body runs; what the body prints through `console` stays above the table."""
    progress = Progress(futures)
    console = console or Console()
    if console.is_terminal:
        with Live(get_renderable=lambda: progress, console=console, refresh_per_second=8):
            yield progress
        return
    with _lines(progress, console):
        yield progress


@contextmanager
def _lines(progress: Progress, console: Console) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=_print_changes, args=(progress, console, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _print_changes(progress: Progress, console: Console, stop: threading.Event) -> None:
    last: dict[int, str] = {}
    while True:
        is_last_look = stop.is_set()
        for index, future in enumerate(progress.futures):
            state = future.state
            if last.get(index) != state.name:
                last[index] = state.name
                console.print(_line(future.name, state), soft_wrap=True, highlight=False)
        if is_last_look:
            return
        stop.wait(POLL_SECONDS)


def _line(name: str, state: State) -> Text:
    return Text.assemble(name, "  ", _told(state))


def _told(state: State) -> Text:
    style = STYLE.get(state.name, "")
    message = "" if state.name in _SAY_IT_ALL else state.message
    return Text.assemble((state.name, style), "  " if message else "", (message, "dim"))


def _bar(counts: Counter[str]) -> Text:
    total = sum(counts.values())
    bar = Text()
    filled = 0
    seen = 0
    for name in STYLE:
        seen += counts[name]
        width = round(BAR_WIDTH * seen / total) - filled
        bar.append("━" * width, STYLE[name])
        filled += width
    bar.append("━" * (BAR_WIDTH - filled), "dim")
    return bar


def _words(states: Sequence[State], counts: Counter[str]) -> Text:
    if len(states) == 1:
        return _told(states[0])
    parts = [(f"{counts[name]} {name}", STYLE[name]) for name in STYLE if counts[name]]
    why = next((state.message for state in states if state.name in _WAITING and state.message), "")
    told = [Text(*part) for part in parts] + ([Text(why, "dim")] if why else [])
    return Text("  ").join(told)
