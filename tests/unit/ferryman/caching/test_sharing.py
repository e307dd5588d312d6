"""How the result of a call is shared, and that submitter and runner come to the same key."""

from __future__ import annotations

import dataclasses

import pytest

from ferryman import flow, task
from ferryman.cache_policies import DEFAULT, FLOW_PARAMETERS, INPUTS, NONE, RUN_ID, CacheKeyFnPolicy
from ferryman.caching import sharing
from ferryman.caching.sharing import Flow
from ferryman.context import TaskRun, TaskRunContext
from ferryman.exceptions import InvalidCacheKey

IN_A_FLOW = Flow("5f0c1a2e-0000-4000-8000-000000000001", {"day": 1})


def compute(x):
    return x


def a_call(x=1, *, flow_run_id=None, **options):
    made = task(**options)(compute)
    run = TaskRun("run", "run", made.name, made.task_key, flow_run_id=flow_run_id)
    return TaskRunContext(made, run, {"x": x})


def shared(call, flow=Flow(), environ=None, **more):  # noqa: B008
    return sharing.of_call(call, flow, environ or {}, **more)


@pytest.mark.parametrize(
    "options",
    [{}, {"persist_result": False}, {"cache_policy": NONE}, {"cache_policy": None, "persist_result": True}],
)
def test_what_nobody_asked_for_is_not_shared(options):
    assert shared(a_call(**options)) is None


def test_a_lone_run_shares_nothing_under_its_own_id():
    assert shared(a_call(persist_result=True)) is None
    assert shared(a_call(persist_result=True), IN_A_FLOW).key


@pytest.mark.parametrize(
    ("flow_says", "environ", "is_shared"),
    [
        (None, {}, False),
        (True, {}, True),
        (False, {"FERRYMAN_RESULTS_PERSIST_BY_DEFAULT": "1"}, False),
        (None, {"FERRYMAN_RESULTS_PERSIST_BY_DEFAULT": "1"}, True),
    ],
)
def test_a_task_that_does_not_say_does_as_its_flow_and_then_as_the_setting(flow_says, environ, is_shared):
    around = dataclasses.replace(IN_A_FLOW, persists=flow_says)
    assert (shared(a_call(), around, environ) is not None) is is_shared


def test_a_policy_needs_no_further_word():
    assert shared(a_call(cache_policy=INPUTS)).key


def test_the_settings_refresh_and_disable():
    call = a_call(cache_policy=INPUTS)
    assert shared(call, environ={"FERRYMAN_TASKS_REFRESH_CACHE": "true"}).refresh
    assert shared(call, environ={"FERRYMAN_TASKS_DISABLE_CACHING": "true"}) is None


def test_a_task_that_says_so_itself_beats_the_setting():
    call = a_call(cache_policy=INPUTS, refresh_cache=False)
    assert not shared(call, environ={"FERRYMAN_TASKS_REFRESH_CACHE": "true"}).refresh


def test_an_expiration_is_told_in_seconds():
    assert shared(a_call(cache_policy=INPUTS, cache_expiration="1h")).expiration == 3600.0


def test_without_isolation_nobody_waits():
    assert shared(a_call(cache_policy=INPUTS)).exclusive
    assert not shared(a_call(cache_policy=INPUTS.configure(isolation_level="READ_COMMITTED"))).exclusive


@pytest.mark.parametrize(
    "policy", [INPUTS, DEFAULT, INPUTS + FLOW_PARAMETERS, INPUTS + RUN_ID, FLOW_PARAMETERS]
)
def test_submitter_and_runner_make_the_same_key(policy):
    call = a_call(cache_policy=policy)
    at_submit = shared(call, IN_A_FLOW)
    unknown = shared(call, IN_A_FLOW, complete=False)
    assert unknown.key == ""
    assert shared(call, sharing.from_scope(unknown.scope)).key == at_submit.key


def test_another_flow_run_has_another_key_where_that_counts():
    other = dataclasses.replace(IN_A_FLOW, id="6f0c1a2e-0000-4000-8000-000000000001")
    call = a_call(persist_result=True)
    assert shared(call, IN_A_FLOW).key != shared(call, other).key


def test_a_scope_outside_of_a_flow_is_one_too():
    unknown = shared(a_call(cache_policy=INPUTS), complete=False)
    assert unknown.scope == "-/-"
    assert sharing.from_scope(unknown.scope) == Flow()


def test_the_flow_around_is_found():
    found = []

    @flow(persist_result=True)
    def nightly(day):
        found.append(sharing.around())

    nightly(3)
    assert (dict(found[0].parameters), found[0].persists) == ({"day": 3}, True)
    assert found[0].id


@pytest.mark.parametrize(
    ("said", "kept"),
    [("report-1", "report-1"), ("a" * 64, "a" * 64), ("../x", "sha256="), ("ü" * 300, "sha256=")],
)
def test_a_key_goes_into_a_taskrun_as_it_is_or_as_a_digest(said, kept):
    found = shared(a_call(cache_key_fn=lambda context, parameters: said)).key
    assert found.startswith(kept)
    assert len(found) <= 128


def test_a_key_function_sees_task_run_and_parameters():
    def key(context, parameters):
        return f"{context.task.name}-{context.task_run.id}-{parameters['x']}"

    assert shared(a_call(7, cache_key_fn=key)).key == "compute-run-7"


def test_a_storage_key_is_filled_in_and_named():
    found = shared(a_call(7, result_storage_key="r/{parameters[x]}/{task_run.name}"))
    assert found.name == "r/7/run"
    assert found.key.startswith("sha256=")


@pytest.mark.parametrize("template", ["{parameters[y]}", "{nothing}", "{", "{parameters.x}"])
def test_a_storage_key_that_cannot_be_filled_in_is_an_error(template):
    with pytest.raises(InvalidCacheKey, match="result_storage_key"):
        shared(a_call(result_storage_key=template))


def test_a_policy_that_raises_is_told_and_nothing_shared(caplog):
    assert shared(a_call(cache_policy=CacheKeyFnPolicy(lambda *_: 1 / 0))) is None
    assert "compute is not cached" in caplog.text
