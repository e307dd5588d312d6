"""A task from the decorator to the result, on the in-memory twins."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import threading
import traceback

import pytest

import ferryman
from ferryman import Pod, allow_failure, task, unmapped
from ferryman.api import names
from ferryman.client import Client
from ferryman.exceptions import (
    CancelledRun,
    InvalidCacheKey,
    InvalidTaskRun,
    ParameterBindError,
    PermissionDenied,
    ReservedArgumentError,
    ResultExpired,
    RunAlreadyExists,
    RunGone,
    RunNotFound,
    SerializationError,
    TaskRunTimeoutError,
    UntrustedResult,
    UpstreamTaskError,
)
from ferryman.testing import InMemoryCluster, InMemoryStore, local_client


class Broken(ValueError):
    pass


@task
def add(x: int, y: int = 1) -> int:
    """Adds."""
    return x + y


@task(retries=2)
def fail(message: str) -> int:
    raise Broken(message)


@task
def echo(value):
    return value


@task
async def later(value: int) -> int:
    await asyncio.sleep(0)
    return value


def spec_of(future):
    return ferryman.client.current().cluster.get_run(future.namespace, future.name)["spec"]


# ---- decorating


def test_a_task_is_called_here_like_its_function():
    assert (add(1), add(1, y=2), add.__name__, add.description) == (2, 3, "add", "Adds.")


@pytest.mark.parametrize("name", ["wait_for", "return_state"])
def test_a_parameter_may_not_have_a_name_of_our_own(name):
    namespace: dict = {}
    exec(f"def f({name}): pass", namespace)
    with pytest.raises(ReservedArgumentError, match=name):
        task(namespace["f"])


def test_a_staticmethod_goes_on_top():
    with pytest.raises(TypeError, match="staticmethod"):
        task(staticmethod(lambda: 1))


def test_what_cannot_be_called_is_no_task():
    with pytest.raises(TypeError, match="callable"):
        task(5)


def test_an_impossible_option_is_refused_where_it_is_written():
    with pytest.raises(ValueError, match="retries"):
        task(retries=-1)


def test_with_options_makes_another_task():
    other = add.with_options(name="plus", tags=["a"], retries=2)
    assert (add.name, add.tags, other.name, other.tags, other.options.retries) == (
        "add",
        frozenset(),
        "plus",
        {"a"},
        2,
    )


def test_a_hook_that_is_added_by_a_decorator_is_of_this_task_only():
    first = task(lambda: 1)
    second = first.with_options(name="second")

    @second.on_failure
    @second.on_completion
    def hook(task, run, state): ...

    assert (second.options.on_failure, second.options.on_completion) == ((hook,), (hook,))
    assert (first.options.on_failure, first.options.on_completion) == ((), ())


@pytest.mark.parametrize("event", ["on_completion", "on_failure", "on_commit", "on_rollback"])
def test_a_hook_that_cannot_be_called_is_refused(event):
    with pytest.raises(TypeError, match=event):
        getattr(task(lambda: 1), event)(5)


def test_every_option_is_carried_over():
    chosen = {
        "version": "3",
        "persist_result": True,
        "cache_policy": None,
        "refresh_cache": True,
        "on_completion": [print],
        "on_failure": [print],
        "on_commit": [print],
        "on_rollback": [print],
        "viz_return_value": 0,
        "log_prints": False,
    }
    first = task(lambda: 1).with_options(**chosen)
    assert first.with_options(retries=1).with_options(retries=0).options == first.options


def test_a_cleared_name_is_the_functions_again():
    assert add.with_options(name="plus").with_options(name=None).name == "add"


class Account:
    def __init__(self, balance):
        self.balance = balance

    @task
    def after(self, interest):
        return self.balance * interest

    @classmethod
    @task
    def of(cls, balance):
        return cls(balance).balance


def test_methods_are_bound_per_instance(ferryman_local):
    first, second = Account(1), Account(2)
    bound = first.after
    assert second.after(3) == 6
    assert bound(3) == 3
    assert bound.submit(5).result(20) == 5
    assert second.after.map([1, 2]).result(20) == [2, 4]


# ---- submitting


def test_a_submitted_task_returns_what_the_function_does(ferryman_local):
    assert add.submit(1, y=2).result(20) == 3


def test_a_call_that_does_not_fit_creates_nothing(ferryman_local):
    with pytest.raises(ParameterBindError, match="missing"):
        add.submit()
    assert ferryman_local.list_runs() == []


def test_an_exception_comes_back_as_itself_with_the_remote_traceback(ferryman_local):
    future = fail.submit("no")
    with pytest.raises(Broken, match="no") as caught:
        future.result(20)
    assert "raise Broken(message)" in "".join(traceback.format_exception(caught.value))
    assert isinstance(future.exception(), Broken)
    assert isinstance(future.result(raise_on_failure=False), Broken)
    assert len(future.run.attempts) == 3


def test_a_module_that_the_body_misses_is_told_to_be_the_images(ferryman_local):
    def imports():
        import no_such_package  # noqa: F401

    error = task(imports).submit().exception(10)
    assert isinstance(error, ModuleNotFoundError)
    assert any("image" in note for note in error.__notes__)


def test_a_retry_condition_is_asked(ferryman_local):
    declined = fail.with_options(
        retry_condition_fn=lambda task, run, state: not isinstance(state.data, Broken)
    )
    future = declined.submit("no")
    future.wait(20)
    assert (len(future.run.attempts), future.state.reason) == (1, "RetryConditionDeclined")


def test_a_retry_condition_that_raises_means_no(ferryman_local):
    future = fail.with_options(retry_condition_fn=lambda *_: 1 / 0).submit("no")
    future.wait(20)
    assert (len(future.run.attempts), future.state.reason) == (1, "RetryConditionDeclined")


def test_a_key_that_cannot_be_made_in_the_pod_fails_the_run(ferryman_local):
    named = add.with_options(result_storage_key="{parameters[z]}")
    with pytest.raises(InvalidCacheKey, match="z"):
        named.submit(add.submit(1, 2), 3).result(20)


def test_an_async_task_is_awaited_in_the_pod(ferryman_local):
    assert later.submit(7).result(20) == 7


def test_a_lambda_and_a_nested_function_travel(ferryman_local):
    offset = 10

    def nested(x):
        return x + offset

    assert task(lambda x: x * 2).submit(4).result(20) == 8
    assert task(nested).submit(4).result(20) == 14


def test_what_cannot_be_pickled_is_named_and_nothing_is_created(ferryman_local):
    with pytest.raises(SerializationError, match="argument 1"):
        echo.submit(threading.Lock())
    assert ferryman_local.list_runs() == []


def test_options_reach_the_task_run(ferryman_local):
    future = add.with_options(
        retries=2,
        retry_delay_seconds=[1, 2.5],
        retry_jitter_factor=0.5,
        timeout_seconds=90,
        start_timeout="5m",
        deadline=7200,
        ttl="1h",
        infrastructure_retries=1,
        log_prints=True,
        result_serializer="json",
        version="7",
        pod=Pod(image="img:1"),
    ).submit(1)
    spec = spec_of(future)
    assert spec["retry"] == {
        "retries": 2,
        "delays": ["1s", "2.5s"],
        "jitterFactor": 0.5,
        "infrastructureRetries": 1,
    }
    assert (spec["timeout"], spec["startTimeout"], spec["deadline"], spec["ttlAfterFinished"]) == (
        "1m30s",
        "5m",
        "2h",
        "1h",
    )
    assert (spec["logPrints"], spec["result"], spec["pod"]) == (
        True,
        {"serializer": "json"},
        {"image": "img:1"},
    )
    assert spec["task"]["version"] == "7"


def test_a_bad_option_is_told_by_its_field_before_anything_is_sent(ferryman_local):
    with pytest.raises(InvalidTaskRun, match=r"spec\.retry\.retries"):
        add.with_options(retries=1000).submit(1)


def test_name_tags_and_token_are_on_the_task_run(ferryman_local):
    future = add.with_options(tags=["b", "a"], task_run_name="sum of {x} and {y}").submit(3)
    meta = ferryman_local.cluster.get_run("default", future.name)["metadata"]
    assert future.name.startswith("sum-of-3-and-1-")
    assert meta["labels"] == {names.TASK_LABEL: "add", names.CLIENT_LABEL: ferryman_local.id}
    assert json.loads(meta["annotations"][names.TAGS_ANNOTATION]) == ["a", "b"]
    assert [run.name for run in ferryman.list_runs(tag="a", task="add")] == [future.name]


def test_code_that_has_not_changed_is_uploaded_once():
    store, cluster = CountingStore(), InMemoryCluster()
    with Client(cluster, store, namespace="default"):
        for number in range(3):
            add.submit(number)
    assert [key.split("/")[1] for key in store.puts] == ["code", "args", "args", "args"]


# ---- futures as arguments


def test_futures_at_any_depth_are_resolved_in_the_pod(ferryman_local):
    one, two = add.submit(0), add.submit(1)
    future = echo.submit({"a": [one, (two, {one.name: 3})], "b": one})
    assert future.result(20) == {"a": [1, (2, {one.name: 3})], "b": 1}
    assert [row["name"] for row in spec_of(future)["dependsOn"]] == [one.name, two.name]


def test_a_failed_upstream_fails_the_run(ferryman_local):
    upstream = fail.submit("no")
    with pytest.raises(UpstreamTaskError, match=upstream.name):
        echo.submit([upstream]).result(20)


def test_a_failure_that_is_allowed_arrives_as_the_exception(ferryman_local):
    upstream = fail.submit("no")
    assert isinstance(echo.submit(allow_failure(upstream)).result(20), Broken)
    assert [type(one) for one in echo.submit(allow_failure([upstream, add.submit(1)])).result(20)] == [
        Broken,
        int,
    ]


def test_wait_for_makes_a_dependency_without_an_argument(ferryman_local):
    first = add.submit(1)
    future = add.submit(1, wait_for=[{"x": first}, 5])
    assert spec_of(future)["dependsOn"] == [{"name": first.name}]
    assert future.result(20) == 2


def test_a_future_of_another_namespace_is_refused(ferryman_local):
    with Client(ferryman_local.cluster, ferryman_local.store, namespace="other"):
        foreign = add.submit(1)
    with pytest.raises(ParameterBindError, match="other"):
        echo.submit(foreign)


def test_a_direct_call_waits_for_futures(ferryman_local):
    assert echo([add.submit(1), 5]) == [2, 5]
    with pytest.raises(UpstreamTaskError):
        echo(fail.submit("no"))
    assert isinstance(echo(allow_failure(fail.submit("no"))), Broken)


def test_a_future_in_a_closure_is_refused_with_advice(ferryman_local):
    future = add.submit(1)
    with pytest.raises(SerializationError, match=r"get_run"):
        task(lambda: future).submit()


# ---- map


def test_map_keeps_the_order(ferryman_local):
    assert add.map(range(20), unmapped(100)).result(30) == list(range(100, 120))


def test_a_maps_arguments_are_one_object():
    store, cluster = CountingStore(), InMemoryCluster()
    with Client(cluster, store, namespace="default"):
        futures = add.map(range(50))
        blobs = [spec_of(future)["parameters"]["blob"] for future in futures]
    assert [key.split("/")[1] for key in store.puts] == ["code", "args"]
    assert len({blob["object"] for blob in blobs}) == 1
    assert [blob["offset"] for blob in blobs] == sorted(blob["offset"] for blob in blobs)


def test_an_empty_map_creates_nothing(ferryman_local):
    assert add.map([]).result(1) == []


def test_a_create_that_fails_is_told_by_its_future_alone():
    class Refusing(InMemoryCluster):
        created = 0

        def create_run(self, manifest):
            self.created += 1
            if self.created == 3:
                raise PermissionDenied("not now")
            return super().create_run(manifest)

    cluster = Refusing()
    with Client(cluster, InMemoryStore(), namespace="default"):
        futures = add.map(range(5))
        broken = [future for future in futures if future.done()]
        assert len(cluster.list_runs("default")) == 4
        with pytest.raises(PermissionDenied, match="not now"):
            broken[0].result(5)
        with pytest.raises(UpstreamTaskError, match="never created"):
            echo.submit(broken)
        assert len(broken) == 1


def test_mapping_over_futures_waits_in_the_cluster(ferryman_local):
    firsts = add.map([1, 2])
    seconds = add.map(firsts, 10)
    assert spec_of(seconds[0])["dependsOn"] == [{"name": firsts[0].name}]
    assert seconds.result(20) == [12, 13]


def test_mapping_over_the_result_of_a_future(ferryman_local):
    assert add.map(echo.submit([1, 2])).result(20) == [2, 3]


# ---- futures


def test_the_standard_library_waits_for_our_futures(ferryman_local):
    futures = add.map([1, 2, 3])
    assert concurrent.futures.wait(futures, 20).not_done == set()
    assert {one.result() for one in concurrent.futures.as_completed(futures, 20)} == {2, 3, 4}


async def test_asyncio_awaits_our_futures(ferryman_local):
    assert await asyncio.wrap_future(add.submit(1)) == 2


def test_a_callback_comes_though_the_future_was_dropped(ferryman_local):
    called = threading.Event()
    add.submit(1).add_done_callback(lambda future: called.set())
    assert called.wait(20)


@pytest.fixture
def idle():
    """A client whose runs nobody executes."""
    with Client(InMemoryCluster(), InMemoryStore(), namespace="default") as client:
        yield client


def ends(client, future, phase, reason, **status):
    condition = {"type": "Succeeded", "status": "False", "reason": reason, "message": "so it is"}
    client.cluster.set_status("default", future.name, {"phase": phase, "conditions": [condition], **status})


def test_a_future_times_out_and_says_where_the_run_is(idle):
    with pytest.raises(TimeoutError, match="Pending"):
        add.submit(1).result(0)


def test_the_state_says_why_a_run_waits(idle):
    future = add.submit(1)
    ends(idle, future, "Waiting", "QuotaExceeded")
    until(lambda: future.state.reason)
    assert (future.state.name, future.state.message) == ("Waiting", "so it is")


def test_a_cancelled_run_is_a_cancelled_future(idle):
    future = add.submit(1)
    assert future.cancel()
    assert idle.cluster.get_run("default", future.name)["spec"]["cancelRequested"]
    ends(idle, future, "Cancelled", "Cancelled")
    with pytest.raises(CancelledRun) as caught:
        future.result(20)
    assert isinstance(caught.value, concurrent.futures.CancelledError)
    assert (future.cancelled(), future.done(), future.cancel()) == (True, True, False)
    assert concurrent.futures.wait([future], 1).done == {future}


@pytest.mark.parametrize(
    ("phase", "reason", "error"),
    [
        ("TimedOut", "Timeout", TaskRunTimeoutError),
        ("TimedOut", "DeadlineExceeded", ferryman.exceptions.DeadlineExceeded),
        ("Crashed", "OOMKilled", ferryman.exceptions.OutOfMemory),
        ("Crashed", "NodeLost", ferryman.exceptions.AttemptsExhausted),
        ("Crashed", "ProcessExited", ferryman.exceptions.RunCrashed),
        ("Failed", "InvalidPodTemplate", ferryman.exceptions.RunRefused),
        ("Failed", "PythonVersionMismatch", ferryman.exceptions.VersionMismatch),
        ("Failed", "DependencyFailed", UpstreamTaskError),
        ("Failed", "UserException", ferryman.exceptions.TaskFailed),
        ("Failed", "ANewReason", ferryman.exceptions.RunRefused),
    ],
)
def test_a_failure_of_the_infrastructure_is_an_exception_of_its_own(idle, phase, reason, error):
    future = add.submit(1)
    ends(idle, future, phase, reason)
    with pytest.raises(error, match="so it is") as caught:
        future.result(20)
    assert type(caught.value) is error


def test_a_deleted_run_is_gone(idle):
    future = add.submit(1)
    idle.cluster.delete_run("default", future.name)
    with pytest.raises(RunGone):
        future.result(20)


def test_a_result_that_left_the_store_has_expired(idle):
    future = add.submit(1)
    ends(
        idle,
        future,
        "Completed",
        "Completed",
        result={"sha256": "a" * 64, "size": 3, "attempt": 1, "serializer": "json"},
    )
    with pytest.raises(ResultExpired):
        future.result(20)


def test_a_swapped_result_is_not_decoded():
    with local_client() as client:
        future = add.submit(1)
        future.wait(20)
        key = next(key for key in client.store.objects if key.endswith("/result"))
        client.store.put(key, b"x" * len(client.store.objects[key]))
        with pytest.raises(ferryman.exceptions.DigestMismatch):
            ferryman.get_run(future.name).result(20)


# ---- runs of other processes


def test_a_run_is_found_again_by_name(ferryman_local):
    name = add.submit(1).name
    assert ferryman.get_run(name).result(20) == 2


def test_a_pickle_of_another_process_needs_trust(ferryman_local):
    name = echo.submit({1, 2}).name
    with pytest.raises(UntrustedResult):
        ferryman.get_run(name).result(20)
    assert ferryman.get_run(name, trust_pickle=True).result(20) == {1, 2}


def test_an_unknown_run_is_not_found(ferryman_local):
    with pytest.raises(RunNotFound, match="nobody"):
        ferryman.get_run("nobody")


# ---- creates whose reply was lost


def test_a_create_whose_reply_was_lost_is_recognised():
    class Forgetful(InMemoryCluster):
        def create_run(self, manifest):
            super().create_run(manifest)
            raise RunAlreadyExists("it is there already")

    with Client(Forgetful(), InMemoryStore(), namespace="default"):
        assert add.submit(1).task_run_id


def test_a_foreign_run_of_that_name_is_not_taken_for_ours():
    class Taken(InMemoryCluster):
        def create_run(self, manifest):
            foreign = {**manifest, "metadata": {**manifest["metadata"], "annotations": {}}}
            super().create_run(foreign)
            raise RunAlreadyExists("it is there already")

    with Client(Taken(), InMemoryStore(), namespace="default"), pytest.raises(RunAlreadyExists):
        add.submit(1)


class CountingStore(InMemoryStore):
    def __init__(self):
        super().__init__()
        self.puts = []

    def put(self, key, body):
        self.puts.append(key)
        super().put(key, body)


def until(condition) -> None:
    import time

    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_future_of_the_parent_process_says_so_after_a_fork(idle):
    future = add.submit(1)
    future._pid += 1  # As if this were a child: forking a threaded test process is not safe.
    with pytest.raises(ferryman.exceptions.ConfigurationError, match="get_run"):
        future.result(1)


def test_logs_are_those_of_the_last_attempt(idle):
    future = add.submit(1)
    for attempt in (1, 2):
        labels = {names.RUN_UID_LABEL: future.task_run_id, names.ATTEMPT_LABEL: str(attempt)}
        idle.cluster.add_pod(
            {"metadata": {"name": f"p{attempt}", "namespace": "default", "labels": labels}},
            [f"line {attempt}"],
        )
    assert list(future.logs()) == ["line 2"]
    assert list(future.logs(attempt=1)) == ["line 1"]
    with pytest.raises(RunGone, match="attempt 3"):
        future.logs(attempt=3)
