"""Faults that are ordered come, over HTTP, and the ledger counts what was written."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from builders.api_servers import an_api_server
from builders.crds import CRD_RESOURCE, widget, widget_crd
from ferryman.dev.apiserver.builtin_resources import builtin_registry
from ferryman.dev.apiserver.faults import Action, Fault
from ferryman.dev.apiserver.server import ApiServer
from ferryman.dev.apiserver.storage import Storage

WIDGETS = "/apis/example.dev/v1/namespaces/default/widgets"


@pytest.fixture
async def server():
    async with an_api_server(crds=[widget_crd()]) as server:
        yield server


@pytest.fixture
async def http(server):
    async with aiohttp.ClientSession(server.url, headers={"User-Agent": "test-client"}) as session:
        yield session


def exists(server, name="a"):
    return name in {each["metadata"]["name"] for each in server.storage.list(CRD_RESOURCE)}


@pytest.mark.parametrize(
    ("status", "reason"),
    [(409, "Conflict"), (429, "TooManyRequests"), (500, "InternalError"), (503, "ServiceUnavailable")],
)
async def test_an_error_is_answered_and_nothing_done(server, http, status, reason):
    server.faults.set(
        [Fault(Action.ERROR, verb="create", resource=CRD_RESOURCE, status=status, count=1, retry_after=7)]
    )
    async with http.post(WIDGETS, json=widget("a")) as reply:
        told = await reply.json()
        assert (reply.status, told["reason"], reply.headers["Retry-After"]) == (status, reason, "7")
    assert not exists(server)
    async with http.post(WIDGETS, json=widget("a")) as reply:
        assert reply.status == 201


@pytest.mark.parametrize(("action", "done"), [(Action.RESET, False), (Action.LOSE_REPLY, True)])
async def test_a_broken_connection_leaves_it_done_or_not(server, http, action, done):
    server.faults.set([Fault(action, verb="create", resource=CRD_RESOURCE, count=1)])
    with pytest.raises(aiohttp.ClientError):
        await http.post(WIDGETS, json=widget("a"))
    assert exists(server) is done


async def test_a_stale_list_shows_what_was(server, http):
    server.storage.create(CRD_RESOURCE, widget("a"))
    server.storage.create(CRD_RESOURCE, widget("b"))
    server.faults.set([Fault(Action.STALE_LIST, verb="list", resource=CRD_RESOURCE, versions_back=1)])
    async with http.get(WIDGETS) as reply:
        assert [item["metadata"]["name"] for item in (await reply.json())["items"]] == ["a"]


async def test_a_watch_breaks_after_some_events(server, http):
    for name in "abc":
        server.storage.create(CRD_RESOURCE, widget(name))
    server.faults.set([Fault(Action.DROP_WATCH, verb="watch", after_events=2)])
    lines = []
    with pytest.raises(aiohttp.ClientError):
        async with http.get(WIDGETS, params={"watch": "true"}) as reply:
            async for line in reply.content:
                lines.append(json.loads(line)["object"]["metadata"]["name"])
    assert lines in (["a", "b"], [])


async def test_a_watch_is_told_that_it_is_too_old(server, http):
    server.faults.set([Fault(Action.EXPIRE_WATCH, verb="watch")])
    async with http.get(WIDGETS, params={"watch": "true"}) as reply:
        event = json.loads(await reply.content.readline())
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


async def test_rules_are_set_shown_and_cleared_over_http(server, http):
    rules = {"seed": 3, "rules": [{"action": "error", "verb": "get", "status": 500, "skip": 1, "count": 1}]}
    await http.put("/faults", json=rules)
    codes = []
    server.storage.create(CRD_RESOURCE, widget("a"))
    for _ in range(3):
        async with http.get(f"{WIDGETS}/a") as reply:
            codes.append(reply.status)
    assert codes == [200, 500, 200]
    async with http.get("/faults") as reply:
        assert (await reply.json())[0]["fired"] == 1
    await http.delete("/faults")
    assert server.faults.as_json() == []


async def test_a_rule_that_is_not_understood_is_refused(http):
    async with http.put("/faults", json={"rules": [{"action": "explode"}]}) as reply:
        assert reply.status == 400


async def test_probability_is_drawn_from_the_seed(server):
    def draw():
        server.faults.set([Fault(Action.DELAY, probability=0.5)], seed=7)
        return [server.faults._fires(0) for _ in range(50)]

    assert draw() == draw()
    assert 10 < sum(draw()) < 40


async def test_the_ledger_counts_writes_by_client(server, http):
    server.storage.create(CRD_RESOURCE, widget("inside"))
    await http.post(WIDGETS, json=widget("a"), params={"fieldManager": "m"})
    await http.post(WIDGETS, json=widget("a"))
    await http.get(WIDGETS)
    patch = {
        "headers": {"Content-Type": "application/merge-patch+json"},
        "data": json.dumps({"status": {"phase": "Running"}}),
    }
    await http.patch(f"{WIDGETS}/a/status", **patch)
    found = [
        (write.verb, write.resource, write.name, write.code)
        for write in server.ledger.writes(agent="test-client")
    ]
    assert found == [
        ("create", CRD_RESOURCE, "a", 201),
        ("create", CRD_RESOURCE, "a", 409),
        ("patch", f"{CRD_RESOURCE}/status", "a", 200),
    ]


async def test_server_side_apply_is_not_offered(server, http):
    server.storage.create(CRD_RESOURCE, widget("a"))
    async with http.patch(
        f"{WIDGETS}/a", data="{}", headers={"Content-Type": "application/apply-patch+yaml"}
    ) as reply:
        assert reply.status == 415


async def test_initial_events_end_with_a_bookmark(server, http):
    server.storage.create(CRD_RESOURCE, widget("a"))
    query = {
        "watch": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    async with http.get(WIDGETS, params=query) as reply:
        first, second = [json.loads(await reply.content.readline()) for _ in range(2)]
    assert first["type"] == "ADDED"
    assert second["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_ends_in_time_with_a_bookmark(server, http):
    async with http.get(
        WIDGETS, params={"watch": "true", "timeoutSeconds": "1", "allowWatchBookmarks": "true"}
    ) as reply:
        lines = [json.loads(line) async for line in reply.content]
    assert [line["type"] for line in lines] == ["BOOKMARK"]


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_web_pages_are_refused(server, http, headers):
    async with http.post(WIDGETS, json=widget("a"), headers=headers) as reply:
        assert reply.status == 403
    assert not exists(server)


async def test_only_loopback_is_listened_on():
    with pytest.raises(ValueError, match="loopback only"):
        await ApiServer(Storage(builtin_registry())).start("0.0.0.0")


async def test_a_watch_whose_client_has_gone_ends(server, http):
    async with http.get(WIDGETS, params={"watch": "true"}) as reply:
        server.storage.create(CRD_RESOURCE, widget("a"))
        await reply.content.readline()
        assert len(server.watches.watches) == 1
        reply.close()
    async with asyncio.timeout(20):
        while server.watches.watches:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


async def test_a_lagging_watch_does_not_hold_up_others(server, http):
    server.faults.set([Fault(Action.LAG_WATCH, verb="watch", delay=60, count=1)])
    query = {"watch": "true", "resourceVersion": str(server.storage.version)}
    async with http.get(WIDGETS, params=query) as slow, http.get(WIDGETS, params=query) as fast:
        late = asyncio.ensure_future(slow.content.readline())
        await http.post(WIDGETS, json=widget("a"))
        assert json.loads(await fast.content.readline())["type"] == "ADDED"
        assert not late.done()
        late.cancel()
