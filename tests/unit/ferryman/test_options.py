"""The keywords of @task and with_options."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import ferryman
from ferryman.cache_policies import INPUTS
from ferryman.delays import exponential_backoff
from ferryman.options import NOT_SET, TaskOptions, duration, evolve, in_seconds
from ferryman.pods import Pod

PLAIN = TaskOptions("plain")


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"retries": -1}, ValueError),
        ({"retries": "3"}, TypeError),
        ({"retries": True}, TypeError),
        ({"retry_jitter_factor": -0.1}, ValueError),
        ({"retry_jitter_factor": "much"}, TypeError),
        ({"retry_delay_seconds": [1] * 51}, ValueError),
        ({"retry_delay_seconds": "soon"}, TypeError),
        ({"retry_delay_seconds": [1, -1]}, ValueError),
        ({"retry_condition_fn": 5}, TypeError),
        ({"task_run_name": 5}, TypeError),
        ({"timeout_seconds": -5}, ValueError),
        ({"timeout_seconds": "soon"}, ValueError),
        ({"timeout_seconds": float("nan")}, ValueError),
        ({"tags": "abc"}, TypeError),
        ({"memory": "lots"}, ValueError),
        ({"cpu": -1}, ValueError),
        ({"result_serializer": "xml"}, ValueError),
        ({"pod": {"image": "x"}}, TypeError),
        ({"cache_key_fn": "k"}, TypeError),
        ({"cache_expiration": -1}, ValueError),
        ({"cache_expiration": "soon"}, ValueError),
        ({"persist_result": 1}, TypeError),
        ({"result_storage_key": 5}, TypeError),
        ({"cache_result_in_memory": "no"}, TypeError),
        ({"refresh_cache": "yes"}, TypeError),
        ({"log_prints": 1}, TypeError),
        ({"tags": 5}, TypeError),
        ({"tags": [1]}, TypeError),
        ({"name": 5}, TypeError),
        ({"description": 5}, TypeError),
        ({"version": 5}, TypeError),
        ({"on_completion": 5}, TypeError),
        ({"on_completion": print}, TypeError),
        ({"on_failure": ["print"]}, TypeError),
        ({"on_commit": "print"}, TypeError),
        ({"on_rollback": [5]}, TypeError),
        ({"retrys": 1}, TypeError),
        ({"image": 5}, TypeError),
        ({"cpu": [1]}, TypeError),
        ({"memory": True}, TypeError),
        ({"gpu": -1}, ValueError),
        ({"gpu": "1"}, TypeError),
        ({"resources": {"cpu": 1}}, TypeError),
        ({"env": {"LEVEL": 3}}, TypeError),
        ({"env": ["LEVEL=3"]}, TypeError),
        ({"secrets": "database"}, TypeError),
        ({"service_account": 5}, TypeError),
        ({"node_selector": "gpu"}, TypeError),
        ({"tolerations": ["gpu"]}, TypeError),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_its_name(keywords, error):
    with pytest.raises(error, match=next(iter(keywords))):
        evolve(PLAIN, {"retries": 1, **keywords})


def test_what_is_omitted_is_kept():
    first = evolve(PLAIN, {"retries": 2, "tags": ["a"], "version": "1", "pod": Pod(cpu=1)})
    assert evolve(first, {"name": "other"}) == replace(first, name="other")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tags", ["a"]),
        ("timeout_seconds", 5),
        ("version", "1"),
        ("task_run_name", "x"),
        ("retries", 2),
        ("pod", Pod(cpu=1)),
        ("cache_key_fn", len),
        ("cache_expiration", 5),
        ("persist_result", False),
        ("result_storage", "other"),
        ("result_storage_key", "k"),
        ("cache_result_in_memory", False),
        ("refresh_cache", True),
        ("log_prints", True),
        ("on_completion", [print]),
        ("on_failure", [print]),
        ("on_commit", [print]),
        ("on_rollback", [print]),
        ("retry_condition_fn", len),
        ("viz_return_value", 3),
    ],
)
def test_none_clears(name, value):
    changed = evolve(PLAIN, {name: value})
    assert evolve(changed, {name: None}) == PLAIN


@pytest.mark.parametrize("name", ["tags", "on_completion", "on_failure", "on_commit", "on_rollback"])
def test_an_empty_list_clears(name):
    given = ["a"] if name == "tags" else [print]
    assert evolve(evolve(PLAIN, {name: given}), {name: []}) == PLAIN


def test_no_cache_policy_is_not_the_same_as_none_said():
    assert (PLAIN.cache_policy, evolve(PLAIN, {"cache_policy": None}).cache_policy) == (NOT_SET, None)


def test_a_list_of_hooks_is_copied():
    given = [print]
    made = evolve(PLAIN, {"on_failure": given})
    given.append(len)
    assert made.on_failure == (print,)


@pytest.mark.parametrize("given", [90, "1m30s", timedelta(seconds=90)])
def test_an_expiration_is_kept_as_a_length_of_time(given):
    assert evolve(PLAIN, {"cache_expiration": given}).cache_expiration == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("value", "want"), [(None, None), (0, None), (2, 2.0), ("1m", 60.0), (timedelta(hours=1), 3600.0)]
)
def test_lengths_in_seconds(value, want):
    assert in_seconds(value) == want


def test_a_callable_delay_is_asked_with_the_resolved_number_of_retries():
    asked = []

    def delays(retries: int) -> list[float]:
        asked.append(retries)
        return [1.5] * retries

    assert evolve(PLAIN, {"retry_delay_seconds": delays, "retries": 3}).delays == (1.5, 1.5, 1.5)
    assert asked == [3]


def test_a_callable_delay_is_asked_anew_when_the_retries_change():
    three = evolve(PLAIN, {"retry_delay_seconds": exponential_backoff(2), "retries": 3})
    assert evolve(three, {"retries": 5}).delays == (2, 4, 8, 16, 32)


def test_exponential_backoff_stops_at_fifty_entries():
    assert len(evolve(PLAIN, {"retry_delay_seconds": exponential_backoff(1), "retries": 60}).delays) == 50


def test_a_scalar_delay_is_a_list_of_one():
    assert evolve(PLAIN, {"retry_delay_seconds": 2, "retries": 3}).delays == (2.0,)


@pytest.mark.parametrize(
    ("value", "want"),
    [(None, None), (0, None), (90, "1m30s"), (1.5, "1.5s"), (timedelta(hours=2), "2h"), ("1h30m", "1h30m")],
)
def test_lengths_are_written_as_kubernetes_does(value, want):
    assert duration(value) == want


def test_a_pod_asks_for_memory_as_its_limit_too():
    assert Pod(cpu=0.5, memory="1Gi", gpu=1).spec()["resources"] == {
        "requests": {"cpu": "0.5", "memory": "1Gi"},
        "limits": {"memory": "1Gi", "nvidia.com/gpu": "1"},
    }


def test_a_pod_that_asks_for_nothing_says_nothing():
    assert Pod().spec() == {}


def test_resources_of_a_pod_go_over_its_shorthands():
    pod = Pod(memory="1Gi", resources={"limits": {"memory": "2Gi"}})
    assert pod.spec()["resources"] == {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}


def test_secrets_of_a_pod_go_by_reference():
    assert Pod(secrets=["db"]).spec() == {"envFrom": [{"secretRef": {"name": "db"}}]}


def test_names_of_secrets_are_a_list():
    with pytest.raises(TypeError, match="secrets"):
        Pod(secrets="db")


def test_what_a_pod_asks_for_can_be_said_by_itself():
    said = evolve(PLAIN, {"image": "img:1", "gpu": 1, "env": {"LEVEL": "3"}, "secrets": ["database"]})
    assert said.pod == Pod(image="img:1", gpu=1, env={"LEVEL": "3"}, secrets=["database"])


def test_a_keyword_of_the_pod_changes_its_field_and_keeps_the_others():
    said = evolve(evolve(PLAIN, {"pod": Pod(image="img:1", cpu=1)}), {"cpu": 2})
    assert said.pod == Pod(image="img:1", cpu=2)


def test_none_sets_a_field_of_the_pod_back():
    said = evolve(evolve(PLAIN, {"secrets": ["database"], "gpu": 1}), {"secrets": None})
    assert said.pod == Pod(gpu=1)


@pytest.mark.parametrize("policy", [5, "INPUTS", object()])
def test_what_is_no_cache_policy_is_refused(policy):
    with pytest.raises(TypeError, match="cache_policy"):
        evolve(PLAIN, {"cache_policy": policy})


def test_a_storage_is_a_name_or_a_store():
    assert evolve(PLAIN, {"result_storage": "archive"}).result_storage == "archive"
    with pytest.raises(TypeError, match="result_storage"):
        evolve(PLAIN, {"result_storage": 5})


def test_options_about_caching_that_contradict_each_other_are_told(caplog):
    ferryman.task(cache_policy=INPUTS, persist_result=False)(len)
    assert "turns its caching off" in caplog.text
    caplog.clear()
    ferryman.task(cache_policy=INPUTS, cache_key_fn=ferryman.task_input_hash)(len)
    assert "cache_key_fn counts" in caplog.text


def test_options_about_caching_that_agree_are_not_worth_a_word(caplog):
    ferryman.task(cache_policy=INPUTS, persist_result=True)(len)
    assert caplog.text == ""


def test_a_task_has_its_options_as_attributes():
    def tell(task, task_run, state): ...

    made = ferryman.task(retries=2, timeout_seconds=30, on_failure=[tell])(tell)
    assert (made.retries, made.timeout_seconds, made.log_prints) == (2, 30, None)
    assert made.on_failure_hooks == (tell,)


def test_an_attribute_of_a_task_cannot_be_set():
    with pytest.raises(AttributeError, match="timeout_seconds is changed with `with_options`"):
        ferryman.task(len).timeout_seconds = 5
