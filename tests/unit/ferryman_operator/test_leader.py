"""The Lease: one leader at a time, whatever happens to clocks and requests."""

from __future__ import annotations

import pytest

from ferryman_operator.cluster import Unavailable
from ferryman_operator.leader import Elector, LeaseTerms
from simulation.cluster_twin import ClusterTwin, SimulatedClock


@pytest.fixture
def twin():
    return ClusterTwin(SimulatedClock())


def elector(twin, identity, gained=lambda: None):
    terms = LeaseTerms("system", "operator", identity, duration=15, renew_deadline=10, retry_period=2)
    return Elector(twin, terms, twin.clock, gained)


async def a_leader_and_a_standby(twin):
    first, second = elector(twin, "a"), elector(twin, "b")
    await first.step()
    await second.step()
    return first, second


def break_requests(twin):
    def fail(verb, resource):
        raise Unavailable("no answer")

    twin.before = fail


async def test_the_first_to_ask_leads(twin):
    gained = []
    first, second = elector(twin, "a", lambda: gained.append("a")), elector(twin, "b")
    assert await first.step()
    assert not await second.step()
    assert gained == ["a"]


async def test_a_leader_that_renews_stays_the_leader(twin):
    first, second = elector(twin, "a"), elector(twin, "b")
    for _ in range(30):
        assert await first.step()
        assert not await second.step()
        twin.clock.advance(2)


async def test_a_leader_that_is_gone_is_followed_after_the_lease_has_expired(twin):
    first, second = await a_leader_and_a_standby(twin)
    twin.clock.advance(14.9)
    assert not await second.step()
    twin.clock.advance(0.2)
    assert await second.step()


async def test_a_leader_that_cannot_renew_stops_before_another_may_begin(twin):
    first, second = await a_leader_and_a_standby(twin)
    break_requests(twin)
    twin.clock.advance(10)
    assert not await first.step()
    twin.before = lambda verb, resource: None
    assert not await second.step()


async def test_a_released_lease_is_taken_at_once(twin):
    first, second = await a_leader_and_a_standby(twin)
    await first.release()
    assert not first.leads
    assert await second.step()


async def test_two_that_find_an_expired_lease_do_not_both_lead(twin):
    gone, first, second = elector(twin, "gone"), elector(twin, "a"), elector(twin, "b")
    await gone.step()
    await first.step()
    await second.step()
    twin.clock.advance(20)
    assert [await first.step(), await second.step()] == [True, False]


async def test_a_reply_that_is_lost_costs_one_try(twin):
    first = elector(twin, "a")
    await first.step()

    def lose(verb, resource):
        raise Unavailable("the connection broke")

    twin.after = lose
    assert await first.step(), "the lease is still valid"
    twin.after = lambda verb, resource: None
    twin.clock.advance(9)
    for _ in range(2):
        await first.step()
    assert first.valid_until > twin.clock.monotonic() + 9


async def test_a_holder_whose_wall_clock_is_wrong_is_judged_by_our_own(twin):
    first, second = elector(twin, "a"), elector(twin, "b")
    await first.step()
    lease = await twin.get_lease("system", "operator")
    lease["spec"]["renewTime"] = "1999-01-01T00:00:00.000000Z"
    await twin.replace_lease("system", lease)
    assert not await second.step()


async def test_the_lease_counts_its_transitions(twin):
    first, second = elector(twin, "a"), elector(twin, "b")
    await first.step()
    await first.release()
    await second.step()
    spec = (await twin.get_lease("system", "operator"))["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("b", 15)
    assert spec["leaseTransitions"] >= 1


async def test_a_lead_that_lapsed_while_it_was_renewed_is_told_again(twin):
    gained = []
    first = elector(twin, "a", lambda: gained.append(twin.clock.monotonic()))
    await first.step()
    twin.clock.advance(9)
    twin.before = lambda verb, resource: twin.clock.advance(5)
    assert await first.step()
    assert len(gained) == 2


async def test_a_renewal_in_time_is_told_to_nobody(twin):
    gained = []
    first = elector(twin, "a", lambda: gained.append(1))
    for _ in range(5):
        await first.step()
        twin.clock.advance(2)
    assert gained == [1]


async def test_a_lease_that_another_took_is_given_up_at_once(twin):
    first, second = elector(twin, "a"), elector(twin, "b")
    await first.step()
    lease = await twin.get_lease("system", "operator")
    lease["spec"]["holderIdentity"] = "b"
    await twin.replace_lease("system", lease)
    assert not await first.step()
    assert not first.leads
    assert await second.step()
