"""Listeners that remember what a watch told them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ferryman.runs import Run


class Ear:
    """Done, like a future, when its run has ended or is gone."""

    def __init__(self, run: Run | None = None) -> None:
        self.run = run
        self.heard: list[str] = []
        self.is_done = False
        self._changed = threading.Condition()

    def observe(self, run: Run) -> None:
        if self.run is not None and self.run.uid != run.uid:
            self.vanished()
            return
        self.run = run
        self.is_done = self.is_done or run.is_over
        self._note(run.phase.value)

    def vanished(self) -> None:
        self.is_done = True
        self._note("vanished")

    def reject(self, error: BaseException) -> None:
        self.is_done = True
        self._note(type(error).__name__)

    def done(self) -> bool:
        return self.is_done

    def wait_for(self, word: str) -> None:
        """Until it is told that the run has this phase, or of `vanished`, or of an error of this name."""
        with self._changed:
            assert self._changed.wait_for(lambda: word in self.heard, 20), self.heard

    def _note(self, word: str) -> None:
        with self._changed:
            self.heard.append(word)
            self._changed.notify_all()


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
