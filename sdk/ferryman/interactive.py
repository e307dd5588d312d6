"""What a person who waits gets: a live table, the pods' logs, and a Ctrl-C that stops what it should.

A program that nobody watches (a CI job, a pipe, a service) gets none of it, and prints nothing.
"""

from __future__ import annotations

import concurrent.futures
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Final, Protocol

from ferryman.exceptions import ConfigurationError

VARIABLE: Final = "FERRYMAN_PROGRESS"
"""on, off, or auto: whether waiting for a list of runs shows them. Unset is auto."""

QUIET_SECONDS: Final = 1.0
"""Nothing is shown of what takes no longer."""

_showing: Final = threading.Lock()
"""A terminal has room for one live table."""


class Cancellable(Protocol):
    """A future as far as Ctrl-C is concerned."""

    def done(self) -> bool: ...

    def cancel(self) -> bool: ...


def is_watched(environ: Mapping[str, str], *, is_terminal: bool, in_notebook: bool) -> bool:
    """Whether somebody sees what is shown. Raises ConfigurationError for a FERRYMAN_PROGRESS that is none."""
    said = environ.get(VARIABLE, "auto").lower()
    if said not in ("on", "off", "auto"):
        raise ConfigurationError(f"{VARIABLE} is {said!r}; it can be on, off or auto")
    if said != "auto":
        return said == "on"
    return in_notebook or (is_terminal and not environ.get("CI"))


def all_done(futures: Collection[Any], timeout: float | None) -> bool:
    """Wait for that; False if `timeout` seconds were not enough."""
    return not concurrent.futures.wait(futures, timeout).not_done


def wait(
    futures: Collection[Any],
    timeout: float | None,
    *,
    stream_logs: bool = False,
    clock: Callable[[], float] = time.monotonic,
    all_done: Callable[[Collection[Any], float | None], bool] = all_done,
) -> bool:
    """Wait until all are done, shown to whoever watches; False if `timeout` seconds were not enough.

    With `stream_logs` the lines that the pods write appear on stdout as they are written.
    `clock`, `all_done`: for tests.
    """
    until = math.inf if timeout is None else clock() + timeout
    if not stream_logs and all_done(futures, min(QUIET_SECONDS, until - clock())):
        return True
    with _shown(futures), _logs_of(futures, is_wanted=stream_logs):
        return all_done(futures, None if timeout is None else max(0.0, until - clock()))


@contextmanager
def cancelling(futures: Collection[Cancellable]) -> Iterator[None]:
    """Ctrl-C within the block cancels the runs that have not ended and waits for that; twice, they go on."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        try:
            interrupt.add_note(_cancel(futures))
        except KeyboardInterrupt:
            interrupt.add_note(f"{_left(futures)} of {len(futures)} runs may go on")
        raise


def cancel_all(futures: Collection[Cancellable]) -> int:
    """Ask for all that have not ended to be stopped, several at a time; how many that are."""
    live = [future for future in futures if not future.done()]
    if not live:
        return 0
    with concurrent.futures.ThreadPoolExecutor(16, thread_name_prefix="ferryman-cancel") as pool:
        return sum(pool.map(lambda future: future.cancel(), live))


def _cancel(futures: Collection[Cancellable]) -> str:
    live = _left(futures)
    sys.stderr.write(f"\nferryman: cancelling {live} runs; Ctrl-C again lets them go on\n")
    stopped = cancel_all(futures)
    all_done(futures, None)
    return f"{stopped} of {len(futures)} runs were cancelled"


def _left(futures: Collection[Cancellable]) -> int:
    return sum(not future.done() for future in futures)


@contextmanager
def _shown(futures: Collection[Any]) -> Iterator[None]:
    watched = is_watched(os.environ, is_terminal=sys.stderr.isatty(), in_notebook=_in_notebook())
    if not watched or not _showing.acquire(blocking=False):
        yield
        return
    try:
        # Deferred: rich is for those who look.
        from ferryman import progress  # noqa: PLC0415

        with progress.show(list(futures), console=progress.console()):
            yield
    finally:
        _showing.release()


def _logs_of(futures: Collection[Any], *, is_wanted: bool) -> Any:
    if not is_wanted:
        return nullcontext()
    from ferryman.log_stream import LogStream  # noqa: PLC0415 - few ask for it.

    return LogStream(futures)


def _in_notebook() -> bool:
    # A kernel has loaded it; without one it need not be asked.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
