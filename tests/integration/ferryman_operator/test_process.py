"""The operator as a process of its own, on the embedded API server: how it starts, works and stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections import Counter

import aiohttp
import pytest

from builders.api_servers import an_api_server
from builders.jobs import complete_pod, start_pod
from ferryman.api import names
from ferryman.dev.apiserver.faults import Action, Fault

pytestmark = pytest.mark.timeout(90)

PATIENCE = 60
RUNS = f"{names.PLURAL}.{names.GROUP}"


def write_configuration(folder, url, **changes):
    cluster = {"name": "x", "cluster": {"server": url}}
    context = {"name": "x", "context": {"cluster": "x"}}
    kubeconfig = {"current-context": "x", "contexts": [context], "clusters": [cluster]}
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    config = {
        "stores": {"default": {"bucket": "payloads"}},
        "pod": {"image": "runner:1"},
        "http": {"host": "127.0.0.1", "port": 0},
        "log": {"format": "text"},
        "lease": {"duration": "3s", "renewDeadline": "2s", "retryPeriod": "200ms"},
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config))


@contextlib.asynccontextmanager
async def an_operator(folder):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ferryman_operator", "--config", str(folder / "config.json")),
        env={**os.environ, "KUBECONFIG": str(folder / "kubeconfig")},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process):
    async with asyncio.timeout(PATIENCE):
        _, said = await process.communicate()
    return process.returncode, said.decode()


async def address_of_metrics(process):
    async with asyncio.timeout(PATIENCE):
        async for line in process.stderr:
            if found := re.search(r"probes and metrics on (\S+)", line.decode()):
                return f"http://{found[1]}/metrics"
    raise AssertionError("the operator ended")


async def requests_told(url):
    """How often the operator asked for what, by its own account."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        text = await response.text()
    pattern = r'ferryman_api_requests_total\{code="\w+",resource="([\w/]+)",verb="(\w+)"\} (\S+)'
    found = Counter()
    for resource, verb, times in re.findall(pattern, text):
        found[verb, resource] += int(float(times))
    return found


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not (found := condition()):  # noqa: ASYNC110 - the server tells nobody of its storage.
            await asyncio.sleep(0.05)
    return found


def submit(server, name, **spec):
    body = {"task": {"name": "build"}, "function": {"entrypoint": "jobs:build"}, **spec}
    meta = {"name": name, "namespace": "default"}
    run = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": meta, "spec": body}
    server.storage.create(RUNS, run)


def phase(server, name):
    return server.storage.get(RUNS, "default", name)["status"]["phase"]


def job_of(server, name):
    prefix = f"{name}-"
    return next(
        (j for j in server.storage.list("jobs.batch") if j["metadata"]["name"].startswith(prefix)), None
    )


async def carry_through(server, name):
    job = await until(lambda: job_of(server, name))
    start_pod(server.storage, job)
    await until(lambda: phase(server, name) == "Running")
    complete_pod(server.storage, job)
    await until(lambda: phase(server, name) == "Completed")


async def test_it_carries_a_run_through_with_three_writes_and_stops_cleanly(tmp_path):
    async with an_api_server() as server:
        write_configuration(tmp_path, server.url)
        async with an_operator(tmp_path) as process:
            submit(server, "letter")
            await carry_through(server, "letter")
            process.send_signal(signal.SIGTERM)
            code, said = await ended(process)
        assert code == 0, said
        writes = [
            (w.verb, w.resource)
            for w in server.ledger.writes(agent="ferryman-operator")
            if "lease" not in w.resource
        ]
        assert writes == [("create", "jobs.batch"), ("patch", f"{RUNS}/status"), ("patch", f"{RUNS}/status")]
        lease = server.storage.get("leases.coordination.k8s.io", "default", "ferryman-operator")
        assert lease["spec"]["holderIdentity"] == ""


async def test_a_run_that_succeeds_costs_a_create_a_read_and_two_statuses(tmp_path):
    async with an_api_server() as server:
        write_configuration(tmp_path, server.url)
        async with an_operator(tmp_path) as process:
            metrics = await address_of_metrics(process)
            submit(server, "first")
            await carry_through(server, "first")
            before = await requests_told(metrics)
            submit(server, "letter")
            await carry_through(server, "letter")
            spent = await requests_told(metrics) - before
    assert {what: times for what, times in spent.items() if "leases" not in what} == {
        ("get", names.PLURAL): 1,
        ("create", "jobs"): 1,
        ("patch", f"{names.PLURAL}/status"): 2,
    }


async def test_without_the_right_to_watch_pods_it_says_so_and_lists_them(tmp_path):
    async with an_api_server() as server:
        write_configuration(tmp_path, server.url)
        server.faults.set([Fault(Action.ERROR, verb="watch", resource="pods", status=403)])
        async with an_operator(tmp_path) as process:
            metrics = await address_of_metrics(process)
            submit(server, "letter")
            await carry_through(server, "letter")
            told = await requests_told(metrics)
            process.send_signal(signal.SIGTERM)
            code, said = await ended(process)
    assert code == 0, said
    assert told["list", "pods"] >= 2, "one to begin the watch, one for the run"
    assert said.count("pods (until then those of every run are listed): cannot be followed") == 1


async def test_it_goes_on_after_watches_break_and_expire(tmp_path):
    async with an_api_server() as server:
        write_configuration(tmp_path, server.url)
        async with an_operator(tmp_path):
            submit(server, "first")
            await carry_through(server, "first")
            server.faults.set([Fault(Action.DROP_WATCH, verb="watch", after_events=1, count=4)])
            server.storage.forget_history()
            server.watches.interrupt(server.storage, ConnectionResetError())
            submit(server, "second")
            await carry_through(server, "second")


async def test_it_starts_on_a_server_that_forgets_a_list_between_its_pages(tmp_path):
    async with an_api_server() as server:
        write_configuration(tmp_path, server.url)
        server.faults.set([Fault(Action.ERROR, verb="list", resource=RUNS, status=410, count=1)])
        async with an_operator(tmp_path):
            submit(server, "letter")
            await carry_through(server, "letter")
            assert server.faults.fired == [1]


async def test_it_survives_a_server_that_is_busy_and_loses_replies(tmp_path):
    async with an_api_server() as server:
        write_configuration(tmp_path, server.url)
        server.faults.set(
            [
                Fault(Action.ERROR, verb="list", status=503, count=2),
                Fault(Action.LOSE_REPLY, verb="create", resource="jobs.batch", count=1),
                Fault(Action.ERROR, verb="patch", status=429, retry_after=1, count=1),
                Fault(Action.LOSE_REPLY, verb="patch", count=1),
            ]
        )
        async with an_operator(tmp_path):
            submit(server, "letter")
            await carry_through(server, "letter")
        assert len(server.storage.list("jobs.batch")) == 1


async def test_a_bad_run_does_not_stop_the_others(tmp_path):
    async with an_api_server() as server:
        write_configuration(tmp_path, server.url)
        async with an_operator(tmp_path):
            submit(server, "bad", result={"store": "unheard-of"})
            submit(server, "good")
            await carry_through(server, "good")
            await until(lambda: phase(server, "bad") == "Failed")


async def test_without_the_crd_it_says_what_to_apply(tmp_path):
    async with an_api_server(crds=[]) as server:
        write_configuration(tmp_path, server.url)
        async with an_operator(tmp_path) as process:
            code, said = await ended(process)
    assert code == 1
    assert "apply manifests/crd.yaml" in said.splitlines()[-1]


async def test_without_an_api_server_it_gives_up_in_words(tmp_path):
    write_configuration(tmp_path, "http://127.0.0.1:1", startTimeout="1s")
    async with an_operator(tmp_path) as process:
        code, said = await ended(process)
    assert code == 1
    assert "the API server does not answer" in said.splitlines()[-1]
