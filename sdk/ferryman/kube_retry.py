"""When a request is sent again: a bounded number of times, ever later, with jitter."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from ferryman.kube_errors import Refusal

T = TypeVar("T")

_FIRST: Final = 0.1
_LONGEST: Final = 10.0
_LONGEST_ASKED: Final = 60.0
"""Of what Retry-After may ask for."""


@dataclass(frozen=True)
class Retries:
    """How often a request is repeated. `sleep` is there for tests."""

    most: int = 6
    sleep: Callable[[float], object] = time.sleep

    def call(self, request: Callable[[], T]) -> T:
        """What `request` returns. Raises its Refusal when it is final or came once too often."""
        delays = self.endless()
        for _ in range(self.most):
            try:
                return request()
            except Refusal as refusal:
                if not refusal.may_pass:
                    raise
                self.sleep(_delay(refusal, next(delays)))
        return request()

    def endless(self) -> Iterator[float]:
        """Delays in seconds, growing and jittered, for ever."""
        base = _FIRST
        while True:
            yield base * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret
            base = min(base * 2, _LONGEST)


def _delay(refusal: Refusal, backoff: float) -> float:
    return backoff if refusal.retry_after is None else min(max(refusal.retry_after, backoff), _LONGEST_ASKED)
