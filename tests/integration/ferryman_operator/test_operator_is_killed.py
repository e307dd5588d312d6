"""The operator is killed again and again under a map of 200, and nobody notices.

Every execution of the function leaves a file of its own, so that what ran is counted where it ran.
"""

from __future__ import annotations

import collections
import random
import time
from pathlib import Path

import pytest

import ferryman

SIZE = 200
FAIL_FIRST = 20
"""Every so many-th element raises on its first attempt."""
KILLS = 6
BOUND = 400


@ferryman.task(retries=1)
def square(n: int, where: str, fail_first: int) -> int:
    import pathlib
    import uuid

    attempt = ferryman.current_run().attempt
    pathlib.Path(where, f"{n}.{attempt}.{uuid.uuid4().hex}").touch()
    if n % fail_first == 0 and attempt == 1:
        raise ConnectionError(n)
    return n * n


@pytest.mark.timeout(BOUND)
def test_a_map_survives_an_operator_that_is_killed_at_any_moment(in_cluster, tmp_path: Path):
    lots = random.Random(7)
    with ferryman.connect() as client:
        assert client.namespace
        futures = square.map(range(SIZE), ferryman.unmapped(str(tmp_path)), ferryman.unmapped(FAIL_FIRST))
        for kill in range(KILLS):
            wait_for_executions(tmp_path, SIZE * kill // KILLS)
            time.sleep(lots.uniform(0, 0.5))  # Any moment: after a write, before one, in the middle of one.
            in_cluster.kill_operator()
            in_cluster.start_operator(wait=False)
        results = futures.result(timeout=BOUND)

    assert results == [n * n for n in range(SIZE)]
    assert executions(tmp_path) == collections.Counter(
        [f"{n}.1" for n in range(SIZE)] + [f"{n}.2" for n in range(0, SIZE, FAIL_FIRST)]
    )


def executions(where: Path) -> collections.Counter[str]:
    """How often each attempt of each element has called the function."""
    return collections.Counter(path.name.rpartition(".")[0] for path in where.iterdir())


def wait_for_executions(where: Path, number: int) -> None:
    until = time.monotonic() + BOUND
    while executions(where).total() < number:
        assert time.monotonic() < until, "the map does not get on"
        time.sleep(0.05)
