"""The rate limiter: tokens, priorities and how it slows down."""

from __future__ import annotations

import asyncio

import pytest

from ferryman_operator.limiter import Limiter, Priority
from simulation.cluster_twin import SimulatedClock


@pytest.fixture
def clock():
    return SimulatedClock()


async def test_a_burst_goes_through_at_once_and_the_next_waits(clock):
    limiter = Limiter(10, 3, clock.monotonic)
    for _ in range(3):
        await limiter.acquire(Priority.RUNNING)
    assert limiter.delay() == pytest.approx(0.1)


async def test_tokens_come_back_with_time(clock):
    limiter = Limiter(10, 3, clock.monotonic)
    for _ in range(3):
        await limiter.acquire(Priority.RUNNING)
    clock.advance(0.2)
    await limiter.acquire(Priority.RUNNING)
    await limiter.acquire(Priority.RUNNING)
    assert limiter.delay() > 0


async def test_nothing_is_sent_before_retry_after(clock):
    limiter = Limiter(10, 3, clock.monotonic)
    limiter.refused(7)
    assert limiter.delay() >= 7


async def test_a_429_halves_the_rate_and_successes_bring_it_back(clock):
    limiter = Limiter(10, 3, clock.monotonic)
    limiter.refused(None)
    assert limiter.rate == 5
    for _ in range(60):
        limiter.accepted()
    assert limiter.rate == 10


async def test_the_rate_never_falls_to_nothing(clock):
    limiter = Limiter(10, 3, clock.monotonic)
    for _ in range(50):
        limiter.refused(None)
    assert limiter.rate == pytest.approx(0.5)


async def test_the_most_urgent_request_that_waits_goes_first():
    loop = asyncio.get_running_loop()
    limiter = Limiter(50, 1, loop.time)
    await limiter.acquire(Priority.RUNNING)
    order: list[Priority] = []

    async def ask(priority: Priority) -> None:
        await limiter.acquire(priority)
        order.append(priority)

    asked = [Priority.AUDITING, Priority.RUNNING, Priority.STARTING, Priority.ENDING]
    await asyncio.gather(*(ask(priority) for priority in asked))
    assert order == [Priority.ENDING, Priority.STARTING, Priority.RUNNING, Priority.AUDITING]


async def test_a_request_that_is_cancelled_while_it_waits_holds_nobody_up():
    loop = asyncio.get_running_loop()
    limiter = Limiter(50, 1, loop.time)
    await limiter.acquire(Priority.RUNNING)
    given_up = asyncio.create_task(limiter.acquire(Priority.ENDING))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait_for(limiter.acquire(Priority.RUNNING), 10)
    assert given_up.cancelled()
