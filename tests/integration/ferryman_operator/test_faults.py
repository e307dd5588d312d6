"""A map with retries while the API server refuses, forgets, breaks connections and loses its replies.

The faults are the operator's alone. Every execution of the function leaves a file of its own, so that
what ran is counted where it ran.
"""

from __future__ import annotations

import collections
from pathlib import Path

import pytest

import ferryman
from ferryman.api import names
from ferryman.dev.apiserver.faults import Action, Fault

SIZE = 40
FAIL_FIRST = 8
"""Every so many-th element raises on its first attempt, and the one after it on all of them."""
ATTEMPTS = SIZE + 2 * SIZE // FAIL_FIRST
BOUND = 180
STATUS = f"{names.PLURAL}.{names.GROUP}/status"


def of_the_operator(action: Action, **fields) -> Fault:
    return Fault(action, **{"agent": names.FIELD_MANAGER, "probability": 0.02, **fields})


FAULTS = (
    of_the_operator(Action.ERROR, verb="patch", resource=STATUS, status=409),
    of_the_operator(Action.ERROR, status=429, retry_after=1),
    of_the_operator(Action.ERROR, status=503),
    *(of_the_operator(Action.LOSE_REPLY, verb=verb) for verb in ("create", "patch", "delete")),
    of_the_operator(Action.RESET),
    # Watches are few and long: these count events and requests where the others draw lots.
    of_the_operator(Action.DROP_WATCH, verb="watch", after_events=25, probability=0.5),
    of_the_operator(Action.EXPIRE_WATCH, verb="watch", skip=1, count=2, probability=1.0),
)


@ferryman.task(retries=1)
def square(n: int, where: str, fail_first: int) -> int:
    import pathlib
    import uuid

    attempt = ferryman.current_run().attempt
    pathlib.Path(where, f"{n}.{attempt}.{uuid.uuid4().hex}").touch()
    if n % fail_first == 1 or (n % fail_first == 0 and attempt == 1):
        raise ConnectionError(n)
    return n * n


@pytest.fixture
def faulty_cluster(in_cluster):
    """The cluster, with the faults ordered; afterwards the operator is as it was."""
    in_cluster.call(lambda: (in_cluster.server.faults.set(FAULTS, seed=7), in_cluster.server.ledger.clear()))
    yield in_cluster
    in_cluster.call(in_cluster.server.faults.clear)


@pytest.mark.timeout(BOUND)
def test_a_map_ends_as_without_faults(faulty_cluster, tmp_path: Path):
    with ferryman.connect():
        futures = square.map(range(SIZE), ferryman.unmapped(str(tmp_path)), ferryman.unmapped(FAIL_FIRST))
        ends = [outcome(future) for future in futures]

    assert ends == [ConnectionError if n % FAIL_FIRST == 1 else n * n for n in range(SIZE)]
    assert set(executions(tmp_path)) == {f"{n}.1" for n in range(SIZE)} | {
        f"{n}.2" for n in range(SIZE) if n % FAIL_FIRST in (0, 1)
    }
    assert set(executions(tmp_path).values()) == {1}
    assert faulty_cluster.call(lambda: sum(faulty_cluster.server.faults.fired)) >= 10
    # A Job, Running and an end for each attempt; the faults may double some of it.
    assert writes(faulty_cluster) <= 2 * 3 * ATTEMPTS


def outcome(future) -> object:
    try:
        return future.result(timeout=BOUND)
    except ConnectionError as error:
        return type(error)


def executions(where: Path) -> collections.Counter[str]:
    """How often each attempt of each element has called the function."""
    return collections.Counter(path.name.rpartition(".")[0] for path in where.iterdir())


def writes(cluster) -> int:
    """What the operator tried to write of Jobs and TaskRuns."""
    tried = cluster.call(lambda: cluster.server.ledger.writes(agent=names.FIELD_MANAGER))
    return sum(write.resource in (STATUS, "jobs.batch") for write in tried)
