"""Every parameter, method and name of the Task API is there, with its default.

The tables are the promise; that each of them does what it says is shown by the tests of each.
"""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest

import ferryman
from ferryman import Pod, Task, task
from ferryman.options import NOT_SET, TaskKeywords, TaskOptions
from ferryman.states import State, state

PARAMETERS = {
    # Prefect's
    "description": "",
    "tags": frozenset(),
    "version": "",
    "cache_policy": NOT_SET,
    "cache_key_fn": None,
    "cache_expiration": None,
    "task_run_name": None,
    "retries": 0,
    "retry_delay_seconds": None,
    "retry_jitter_factor": None,
    "persist_result": None,
    "result_storage": None,
    "result_storage_key": None,
    "result_serializer": "auto",
    "cache_result_in_memory": True,
    "timeout_seconds": None,
    "log_prints": None,
    "refresh_cache": None,
    "on_completion": (),
    "on_failure": (),
    "on_commit": (),
    "on_rollback": (),
    "retry_condition_fn": None,
    "viz_return_value": None,
    # Kubernetes'
    "start_timeout": None,
    "deadline": None,
    "infrastructure_retries": None,
    "ttl": None,
    "namespace": None,
}

POD_PARAMETERS = {
    "image": None,
    "resources": None,
    "env": None,
    "secrets": (),
    "service_account": None,
    "node_selector": None,
    "tolerations": (),
    "gpu": None,
}

AN_EXAMPLE = {
    "name": "other",
    "description": "what it does",
    "tags": ["a"],
    "version": "2",
    "cache_policy": None,
    "cache_key_fn": len,
    "cache_expiration": timedelta(hours=1),
    "task_run_name": "run-{x}",
    "retries": 3,
    "retry_delay_seconds": [1, 2],
    "retry_jitter_factor": 0.5,
    "persist_result": True,
    "result_storage": "other",
    "result_storage_key": "key",
    "result_serializer": "json",
    "cache_result_in_memory": False,
    "timeout_seconds": 5,
    "log_prints": True,
    "refresh_cache": True,
    "on_completion": [print],
    "on_failure": [print],
    "on_commit": [print],
    "on_rollback": [print],
    "retry_condition_fn": len,
    "viz_return_value": 7,
    "image": "registry.example.com/image:1",
    "resources": {"requests": {"cpu": "1"}},
    "env": {"A": "b"},
    "secrets": ["database"],
    "service_account": "worker",
    "node_selector": {"disk": "ssd"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "gpu": 1,
    "namespace": "team-a",
    "start_timeout": "15m",
    "deadline": "6h",
    "infrastructure_retries": 2,
    "ttl": "24h",
}

METHODS = {
    "__call__": {"return_state": False, "wait_for": None},
    "submit": {"return_state": False, "wait_for": None},
    "map": {"return_state": False, "wait_for": None, "deferred": False},
    "apply_async": {"args": None, "kwargs": None, "wait_for": None, "dependencies": None},
    "delay": {},
    "serve": {},
    "with_options": {},
    "on_completion": {},
    "on_failure": {},
    "on_commit": {},
    "on_rollback": {},
    "create_run": {"parameters": None, "wait_for": None},
    "__get__": {},
}

ATTRIBUTES = (
    "fn", "name", "description", "tags", "version", "task_key", "isasync", "isgenerator", "retries", "__name__",
    "__doc__", "__wrapped__",
)  # fmt: skip

NAMES = (
    "task", "Task", "flow", "Flow", "serve", "tags", "unmapped", "allow_failure", "quote", "as_completed", "wait",
    "get_run_logger", "get_run_context", "TaskRunContext", "FlowRunContext", "TaskRun", "current_run", "State",
    "task_input_hash", "exponential_backoff", "transaction", "get_transaction", "TaskFuture", "TaskFutureList",
)  # fmt: skip

POLICIES = (
    "DEFAULT",
    "INPUTS",
    "TASK_SOURCE",
    "FLOW_PARAMETERS",
    "RUN_ID",
    "NONE",
    "NO_CACHE",
    "CachePolicy",
)

STATES = (
    "Scheduled", "Pending", "Running", "Retrying", "AwaitingRetry", "Completed", "Cached", "Failed", "TimedOut",
    "Crashed", "Cancelling", "Cancelled", "RolledBack",
)  # fmt: skip


@task
def plain(x):
    """What it does."""
    return x


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_has_its_default(name):
    assert getattr(plain.with_options(description=None).options, name, "missing") == (
        "What it does." if name == "description" else PARAMETERS[name]
    )


@pytest.mark.parametrize("name", POD_PARAMETERS)
def test_every_parameter_of_the_pod_has_its_default(name):
    assert getattr(plain.options.pod, name, "missing") == POD_PARAMETERS[name]


def test_the_name_is_the_functions():
    assert plain.options.name == "plain"


def test_the_tables_have_every_parameter():
    known = {"name", *PARAMETERS, *POD_PARAMETERS, "pod", "cpu", "memory"}
    assert set(TaskKeywords.__annotations__) == known
    assert set(AN_EXAMPLE) == known - {"pod", "cpu", "memory"}


@pytest.mark.parametrize("name", sorted(AN_EXAMPLE))
def test_every_parameter_is_taken_by_the_decorator_the_class_and_with_options(name):
    given = {name: AN_EXAMPLE[name]}
    made = [task(**given)(plain.fn), Task(plain.fn, **given), plain.with_options(**given)]
    kept = [one.options.pod if name in POD_PARAMETERS else one.options for one in made]
    default = Pod() if name in POD_PARAMETERS else plain.options
    assert all(getattr(one, name) == getattr(kept[0], name) for one in kept)
    assert getattr(kept[0], name) != getattr(default, name)


@pytest.mark.parametrize("name", sorted(AN_EXAMPLE))
def test_with_options_keeps_what_is_not_mentioned(name):
    made = plain.with_options(**AN_EXAMPLE)
    other = "version" if name != "version" else "description"
    assert _value(made.with_options(**{other: "changed"}), name) == _value(made, name)


@pytest.mark.parametrize("name", sorted(set(AN_EXAMPLE) - {"cache_policy"}))
def test_with_options_clears_with_none(name):
    assert _value(plain.with_options(**AN_EXAMPLE).with_options(**{name: None}), name) == _value(plain, name)


def _value(made, name):
    return getattr(made.options.pod if name in POD_PARAMETERS else made.options, name)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_there_with_the_defaults_of_its_parameters(name):
    parameters = inspect.signature(getattr(Task, name)).parameters
    defaults = {one: found.default for one, found in parameters.items() if one in METHODS[name]}
    assert defaults == METHODS[name]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_attribute_is_there(name):
    assert hasattr(plain, name)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_public_and_documented(name):
    assert name in ferryman.__all__
    assert inspect.getdoc(getattr(ferryman, name))


@pytest.mark.parametrize("name", POLICIES)
def test_every_cache_policy_is_there(name):
    from ferryman import cache_policies

    assert name in cache_policies.__all__


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_there(name):
    assert state(name).name == name


def test_a_state_gives_its_result_and_may_be_asked_not_to_raise():
    assert inspect.signature(State.result).parameters["raise_on_failure"].default is True


def test_a_flow_can_be_visualized():
    assert callable(ferryman.Flow.visualize)


def test_everything_public_on_a_task_has_a_docstring():
    public = [name for name in dir(Task) if not name.startswith("_") and name not in vars(object)]
    assert [name for name in public if not inspect.getdoc(getattr(Task, name))] == []


def test_every_option_is_explained():
    said = inspect.getdoc(TaskOptions)
    assert [name for name in AN_EXAMPLE if f"`{name}" not in said] == []
