"""`delay`, `apply_async` and `map(deferred=True)`: what they create, without a cluster."""

from __future__ import annotations

import pytest

from ferryman import Client, Pod, serve, task
from ferryman.api import names
from ferryman.exceptions import ConfigurationError, NotServable, ParameterBindError, RunGone
from ferryman.naming import entrypoint
from ferryman.runs import view
from ferryman.testing import InMemoryCluster, InMemoryStore, local_client


@task(retries=2, timeout_seconds=30, pod=Pod(image="example.com/image:1"))
def send(address, text="hello"):
    return f"{text} {address}"


@pytest.fixture
def client():
    with Client(InMemoryCluster(), InMemoryStore(), namespace="default") as client:
        yield client


def created(client, future):
    return client.cluster.get_run("default", future.name)


def test_a_delayed_call_is_a_run_for_workers(client):
    run = created(client, send.delay("ann"))
    assert run["spec"]["executor"] == "Worker"
    assert run["spec"]["function"] == {"entrypoint": entrypoint(send.fn)}
    assert "pod" not in run["spec"]
    assert (run["spec"]["retry"]["retries"], run["spec"]["timeout"]) == (2, "30s")
    assert run["metadata"]["labels"][names.SERVED_LABEL] == names.served_value(entrypoint(send.fn))


def test_a_submitted_call_is_not(client):
    run = created(client, send.submit("ann"))
    assert "executor" not in run["spec"]
    assert names.SERVED_LABEL not in run["metadata"]["labels"]


def test_a_deferred_map_makes_runs_for_workers(client):
    runs = [created(client, one) for one in send.map(["ann", "bob"], deferred=True)]
    assert [run["spec"]["executor"] for run in runs] == ["Worker", "Worker"]
    assert len({run["spec"]["parameters"]["blob"]["object"] for run in runs}) == 1


def test_apply_async_waits_for_what_it_is_told(client):
    first, second = send.delay("ann"), send.delay("bob")
    last = send.apply_async(("cid",), {"text": "bye"}, wait_for=first, dependencies={"x": {second}})
    depends_on = created(client, last)["spec"]["dependsOn"]
    assert [one["name"] for one in depends_on] == [first.name, second.name]


def test_every_argument_of_delay_is_the_functions(client):
    with pytest.raises(ParameterBindError):
        send.delay("ann", wait_for=[])


def test_what_workers_cannot_find_is_refused_before_anything_is_created(client):
    @task
    def inner():
        return 1

    with pytest.raises(NotServable, match="top level of a module"):
        inner.delay()
    assert client.cluster.list_runs("default") == []


def test_a_delayed_call_works_in_tests_without_a_worker():
    with local_client():
        assert send.delay("ann").result(30) == "hello ann"


@pytest.mark.parametrize("arguments", [(), (send.fn,)])
def test_only_tasks_are_served(arguments):
    with pytest.raises((ValueError, TypeError), match="task"):
        serve(*arguments)


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="limit must be at least 1"):
        serve(send, limit=0)


@pytest.mark.parametrize("path", ["mail", "no_such_module_of_mine:send", "json:no_such_name"])
def test_the_command_says_in_a_line_what_it_cannot_serve(path):
    from ferryman.cli import serving

    with pytest.raises(ConfigurationError, match=path.partition(":")[0]):
        serving._task(path)


def test_the_lines_of_a_served_run_are_in_its_workers_output(client):
    future = send.delay("ann")
    row = {"number": 1, "jobUID": "token", "worker": "worker-1", "outcome": None}
    future.observe(
        view(client.cluster.set_status("default", future.name, {"phase": "Running", "attempts": [row]}))
    )
    with pytest.raises(RunGone, match="worker's output"):
        future.logs()
