"""The operator is killed again and again under a map, and nobody notices.

Every execution of the function leaves an object of its own in the store, so that what ran is counted where
it ran.
"""

from __future__ import annotations

import collections
import os
import random
import time

import pytest

import ferryman
from builders.executions import Executions, leave_mark
from fixtures import real_cluster

SIZE = 60 if real_cluster.KUBECONFIG in os.environ else 200
"""Containers start ten times as slowly as processes."""
FAIL_FIRST = 20
"""Every so many-th element raises on its first attempt."""
KILLS = 6
BOUND = 900


@ferryman.task(retries=1, pod=ferryman.Pod(cpu="50m", memory="96Mi"))
def square(n: int, where: dict, folder: str, fail_first: int) -> int:
    attempt = ferryman.current_run().attempt
    leave_mark(where, folder, f"{n}.{attempt}")
    if n % fail_first == 0 and attempt == 1:
        raise ConnectionError(n)
    return n * n


@pytest.mark.timeout(BOUND)
def test_a_map_survives_an_operator_that_is_killed_at_any_moment(in_cluster, namespace):
    lots = random.Random(7)
    ran = Executions(in_cluster.store, in_cluster.store_credentials, namespace)
    futures = square.map(range(SIZE), *map(ferryman.unmapped, (ran.where, ran.folder, FAIL_FIRST)))
    for kill in range(KILLS):
        wait_for_executions(ran, SIZE * kill // KILLS)
        time.sleep(lots.uniform(0, 0.5))  # Any moment: after a write, before one, in the middle of one.
        in_cluster.kill_operator()
        in_cluster.start_operator(wait=False)
    results = futures.result(timeout=BOUND)

    assert results == [n * n for n in range(SIZE)]
    assert ran.count() == collections.Counter(
        [f"{n}.1" for n in range(SIZE)] + [f"{n}.2" for n in range(0, SIZE, FAIL_FIRST)]
    )


def wait_for_executions(ran: Executions, number: int) -> None:
    until = time.monotonic() + BOUND
    while ran.count().total() < number:
        assert time.monotonic() < until, "the map does not get on"
        time.sleep(0.1)
