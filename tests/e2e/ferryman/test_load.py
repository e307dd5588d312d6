"""Many at once."""

from __future__ import annotations

import pytest

from ferryman import Pod, task

SIZE = 200
BOUND = 900


@task(pod=Pod(cpu="50m", memory="96Mi"))
def square(n):
    return n * n


@pytest.mark.disturbing  # The one node is full for a while, and other tests' pods would wait behind these.
@pytest.mark.timeout(BOUND + 60)
def test_two_hundred_runs_at_once(place):
    assert square.map(range(SIZE)).result(BOUND) == [n * n for n in range(SIZE)]
