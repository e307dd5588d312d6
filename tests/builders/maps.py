"""Runs whose values are known beforehand, for tests that look whether any is lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ferryman import task
from ferryman.futures import TaskFuture

PATIENCE_SECONDS = 300


@task
def square(number: int, seconds: float = 0.0) -> int:
    """It takes so many seconds."""
    time.sleep(seconds)
    return number * number


def map_in_background(count: int, seconds: float) -> Future[list[TaskFuture[int]]]:
    """`square` of 0, 1, 2 ...; runs are being created when this returns."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="map")
    futures = pool.submit(lambda: list(square.map(range(count), seconds)))
    pool.shutdown(wait=False)
    return futures


def values_of(futures: Sequence[TaskFuture[Any]]) -> list[Any]:
    """Their values in order; raises the first failure."""
    end = time.monotonic() + PATIENCE_SECONDS
    return [future.result(max(0.0, end - time.monotonic())) for future in futures]


def squares(count: int) -> list[int]:
    return [number * number for number in range(count)]


def attempts_of(futures: Sequence[TaskFuture[Any]]) -> set[int]:
    """How many attempts runs took that have ended."""
    return {len(future.run.attempts) for future in futures if future.run is not None}
