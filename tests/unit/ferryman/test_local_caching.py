"""Calls in this process share results as runs do: the rows of what "cached" means at run time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ferryman import task
from ferryman.cache_policies import INPUTS
from ferryman.exceptions import InvalidCacheKey
from ferryman.wire.memory import MemoryStore


@pytest.fixture(autouse=True)
def storage(tmp_path, monkeypatch):
    monkeypatch.setenv("FERRYMAN_LOCAL_STORAGE", str(tmp_path))
    return tmp_path


class Counted:
    """A task that remembers its calls."""

    def __init__(self, **options):
        self.calls = []

        def compute(x):
            self.calls.append(x)
            return [x]

        self.task = task(**options)(compute)

    def state(self, x):
        return self.task(x, return_state=True).name


def test_a_default_task_runs_again_and_leaves_nothing(storage):
    counted = Counted()
    assert [counted.state(1), counted.state(1)] == ["Completed", "Completed"]
    assert list(storage.iterdir()) == []


def test_a_persisted_default_task_runs_again_outside_of_a_flow(storage):
    counted = Counted(persist_result=True)
    assert [counted.state(1), counted.state(1)] == ["Completed", "Completed"]
    assert list(storage.iterdir()) == []


def test_inputs_are_cached_anywhere():
    counted = Counted(cache_policy=INPUTS)
    assert [counted.state(1), counted.state(1), counted.state(2)] == ["Completed", "Cached", "Completed"]
    assert counted.task(1) == [1]
    assert counted.calls == [1, 2]


def test_inside_one_task_the_same_call_runs_twice():
    counted = Counted(cache_policy=INPUTS)

    @task
    def outer():
        return counted.state(1), counted.state(1)

    assert outer() == ("Completed", "Completed")
    assert counted.state(1) == "Cached"


def test_none_is_a_hit():
    calls = []

    @task(cache_policy=INPUTS)
    def nothing(x):
        calls.append(x)

    assert nothing(1) is nothing(1) is None
    assert calls == [1]


def test_a_failure_is_not_cached():
    calls = []

    @task(cache_policy=INPUTS)
    def refuse(x):
        calls.append(x)
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):
            refuse(1)
    assert calls == [1, 1]


def test_a_refresh_runs_and_overwrites():
    counted = Counted(cache_policy=INPUTS)
    counted.task(1)
    fresh = counted.task.with_options(refresh_cache=True)
    assert fresh(1, return_state=True).name == "Completed"
    assert fresh.with_options(refresh_cache=False)(1, return_state=True).name == "Cached"


def test_refreshing_may_be_a_setting(monkeypatch):
    counted = Counted(cache_policy=INPUTS)
    counted.task(1)
    monkeypatch.setenv("FERRYMAN_TASKS_REFRESH_CACHE", "true")
    assert counted.state(1) == "Completed"


def test_caching_may_be_turned_off_by_a_setting(monkeypatch):
    monkeypatch.setenv("FERRYMAN_TASKS_DISABLE_CACHING", "1")
    counted = Counted(cache_policy=INPUTS)
    assert [counted.state(1), counted.state(1)] == ["Completed", "Completed"]


def test_what_expires_at_once_is_computed_again():
    counted = Counted(cache_policy=INPUTS, cache_expiration=timedelta(microseconds=1))
    assert [counted.state(1), counted.state(1)] == ["Completed", "Completed"]


def test_an_argument_without_a_digest_is_not_cached_and_not_used_up(caplog):
    total = task(cache_policy=INPUTS)(sum)
    assert total(n for n in [1, 2]) == 3
    (told,) = caplog.records
    assert (told.exc_info, "sum is not cached" in told.message) == (None, True)


def test_a_key_function_that_raises_is_told_and_the_call_not_cached(caplog):
    counted = Counted(cache_key_fn=lambda context, parameters: 1 / 0)
    assert [counted.state(1), counted.state(1)] == ["Completed", "Completed"]
    assert "ZeroDivisionError" in caplog.text


def test_a_key_that_is_no_string_fails_the_call():
    counted = Counted(cache_key_fn=lambda context, parameters: 7)
    with pytest.raises(InvalidCacheKey):
        counted.task(1)
    assert counted.calls == []


def test_a_key_function_may_have_a_path_as_its_key():
    counted = Counted(cache_key_fn=lambda context, parameters: f"../a/{parameters['x'] % 2}")
    assert [counted.state(1), counted.state(3), counted.state(2)] == ["Completed", "Cached", "Completed"]


def test_a_constant_storage_key_makes_every_call_the_same():
    counted = Counted(result_storage_key="constant")
    assert [counted.state(1), counted.state(2)] == ["Completed", "Cached"]


def test_a_storage_key_may_name_parameters():
    counted = Counted(result_storage_key="x-{parameters[x]}")
    assert [counted.state(1), counted.state(2), counted.state(1)] == ["Completed", "Completed", "Cached"]


def test_a_storage_key_with_a_name_that_is_no_parameter_fails_the_call():
    counted = Counted(result_storage_key="{parameters[y]}")
    with pytest.raises(InvalidCacheKey, match="y"):
        counted.task(1)


def test_a_store_object_keeps_the_results_of_this_process(storage):
    store = MemoryStore()
    counted = Counted(cache_policy=INPUTS, result_storage=store)
    assert [counted.state(1), counted.state(1)] == ["Completed", "Cached"]
    assert any("/cache/" in key for key in store.objects)
    assert list(storage.iterdir()) == []


def test_threads_that_ask_for_the_same_compute_it_once():
    calls, start = [], threading.Barrier(4)

    @task(cache_policy=INPUTS)
    def compute(x):
        calls.append(x)
        return x

    def ask(_):
        start.wait()
        return compute(1)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [1, 1, 1, 1]
    assert calls == [1]
