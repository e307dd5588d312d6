"""The store away during a map."""

from __future__ import annotations

import ferryman
from builders.maps import square, squares, values_of
from builders.outages import stopped

COUNT = 12


def test_a_map_survives_a_store_that_is_away(place):
    # Some end before, some during and some after the outage.
    futures = square.map(range(COUNT), [3.0 * number for number in range(COUNT)])
    place.until("the first result", futures[0].done)
    with stopped("object-store"):
        again = ferryman.get_run(futures[0].name)
        place.until("a client that waits", lambda: "its outcome cannot be fetched yet" in again.state.message)
        place.until("a runner without the store", lambda: "StoreUnavailable" in failures_of(futures))
    assert again.result(60) == 0
    assert values_of(futures) == squares(COUNT)


def failures_of(futures) -> set[str]:
    """Why attempts have failed."""
    return {row.reason for future in futures if future.run for row in future.run.attempts if row.outcome}
