"""The lines that pods write, while they write them, each with the name of its run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterator
from types import TracebackType
from typing import Any, Final, Protocol, Self

from ferryman.exceptions import FerrymanError
from ferryman.runs import Run

MAX_STREAMS: Final = 32
"""Pods whose logs are followed at the same time; those of further pods come when others have ended."""

_LOOK_SECONDS: Final = 0.2
_LAST_LINES_SECONDS: Final = 5.0
"""How long the logs of pods that have ended may take to arrive."""


class Logged(Protocol):
    """A future whose run's logs can be read."""

    @property
    def name(self) -> str: ...

    @property
    def run(self) -> Run | None: ...

    def logs(self, *, follow: bool = False, attempt: int | None = None) -> Iterator[str]: ...


class LogStream:
    """Follows the logs of every attempt of these runs within its block. Nothing it meets is raised."""

    def __init__(self, futures: Collection[Any], write: Callable[[str], object] | None = None) -> None:
        self._futures: tuple[Logged, ...] = tuple(futures)
        self._write = write or _to_stdout
        self._seen: set[tuple[str, int]] = set()
        self._readers: list[threading.Thread] = []
        self._slots = threading.BoundedSemaphore(MAX_STREAMS)
        self._stop = threading.Event()
        self._looker = threading.Thread(target=self._look, name="ferryman-logs", daemon=True)

    def __enter__(self) -> Self:
        self._looker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._looker.join()
        for reader in self._readers:
            reader.join(_LAST_LINES_SECONDS)

    def _look(self) -> None:
        while True:
            is_last_look = self._stop.is_set()
            for future in self._futures:
                run = future.run
                for row in run.attempts if run is not None else ():
                    self._follow(future, row.number)
            if is_last_look:
                return
            self._stop.wait(_LOOK_SECONDS)

    def _follow(self, future: Logged, attempt: int) -> None:
        if (future.name, attempt) in self._seen or not self._slots.acquire(blocking=False):
            return
        self._seen.add((future.name, attempt))
        reader = threading.Thread(target=self._read, args=(future, attempt), daemon=True)
        self._readers.append(reader)
        reader.start()

    def _read(self, future: Logged, attempt: int) -> None:
        try:
            for line in future.logs(follow=True, attempt=attempt):
                self._write(_prefixed(future.name, attempt, line))
        except FerrymanError as error:
            self._write(f"{future.name}/{attempt} | (its log cannot be read: {error})")
        finally:
            self._slots.release()


def _prefixed(name: str, attempt: int, line: str) -> str:
    prefix = f"{name}/{attempt} | "
    # With `log_prints` the runner has written it already.
    return line if line.startswith(prefix) else prefix + line


def _to_stdout(line: str) -> None:
    # One write, so that lines of several pods do not mix.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
