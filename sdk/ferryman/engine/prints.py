"""`log_prints` for calls in this process: what a task prints goes to its run's logger."""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ferryman import context
from ferryman.context import FlowRunContext, TaskRunContext
from ferryman.run_logger import get_run_logger

_print: Final = builtins.print
_lock: Final = threading.Lock()
_users = 0


def are_logged() -> bool:
    """What the task said with `log_prints`; where it said nothing, what is around it did; else no."""
    for here in context.contexts():
        if isinstance(here, TaskRunContext):
            said = here.task.options.log_prints
        elif isinstance(here, FlowRunContext):
            said = here.flow.options.log_prints
        else:
            continue
        if said is not None:
            return bool(said)
    return False


@contextmanager
def forwarded() -> Iterator[None]:
    """Within the block `print` asks where it is called whether its line is to be logged."""
    global _users  # noqa: PLW0603 - `print` is one for the process.
    with _lock:
        _users += 1
        builtins.print = _forward
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                builtins.print = _print


def _forward(
    *values: Any, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
) -> None:
    if file not in (None, sys.stdout, sys.stderr) or not are_logged():
        _print(*values, sep=sep, end=end, file=file, flush=flush)
        return
    get_run_logger().info("%s", (" " if sep is None else sep).join(map(str, values)))
