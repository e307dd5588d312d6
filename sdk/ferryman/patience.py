"""Waiting for a service that does not answer: ever longer between tries, and not without a word."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

_FIRST: Final = 0.5
_LONGEST: Final = 10.0
_BETWEEN_WARNINGS: Final = 30.0
"""Seconds: a thousand futures that wait for the same store are one warning."""

_log: Final = logging.getLogger("ferryman")


class Patience:
    """Tries again for so many seconds, unless told to give up. Thread-safe. `sleep`, `clock`: for tests."""

    def __init__(
        self,
        seconds: float = math.inf,
        *,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._given_up = threading.Event()
        self._sleep = sleep or self._given_up.wait
        self._clock = clock
        self._silent_until = -math.inf

    def call(
        self, request: Callable[[], T], passing: type[Exception], what: str, told: Callable[[str], object]
    ) -> T:
        """What `request` returns once it does not raise `passing`; its last error when time is up.

        `told` hears each time why `what` is late, and the log now and then.
        """
        until, delay = self._clock() + self._seconds, _FIRST
        while True:
            try:
                return request()
            except passing as error:
                if self._given_up.is_set() or self._clock() >= until:
                    raise
                text = f"{what} yet: {error}"
                told(text)
                self._warn(text)
            self._sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
            delay = min(delay * 2, _LONGEST)

    def give_up(self) -> None:
        """Whoever waits gets the last error now."""
        self._given_up.set()

    def _warn(self, text: str) -> None:
        now = self._clock()
        if now >= self._silent_until:
            self._silent_until = now + _BETWEEN_WARNINGS
            _log.warning("%s; it is tried again", text)
