"""A task names the namespace of its runs; else they are the client's."""

from __future__ import annotations

import pytest

import ferryman
from ferryman import task
from ferryman.exceptions import ParameterBindError


@task
def here(x: int) -> int:
    return x + 1


@task(namespace="gpu-team")
def there(x: int) -> int:
    return x + 1


def test_a_task_that_names_no_namespace_runs_in_the_clients(ferryman_local):
    assert here.submit(1).namespace == "default"


def test_a_run_is_created_where_its_task_says(ferryman_local):
    future = there.submit(1)
    assert (future.namespace, future.result(10)) == ("gpu-team", 2)


def test_the_runs_of_a_map_are_too(ferryman_local):
    futures = there.map(range(3))
    assert ({future.namespace for future in futures}, futures.result(10)) == ({"gpu-team"}, [1, 2, 3])


def test_one_call_may_go_elsewhere(ferryman_local):
    assert here.with_options(namespace="gpu-team").submit(1).namespace == "gpu-team"


def test_none_is_the_clients_again(ferryman_local):
    assert there.with_options(namespace=None).submit(1).namespace == "default"


def test_a_run_does_not_wait_for_one_in_another_namespace(ferryman_local):
    with pytest.raises(ParameterBindError, match="gpu-team"):
        there.submit(here.submit(1))


def test_code_is_uploaded_for_each_namespace(ferryman_local):
    assert here.submit(1).result(10) == here.with_options(namespace="gpu-team").submit(1).result(10)


def test_a_run_elsewhere_is_found_there(ferryman_local):
    future = there.submit(1)
    future.result(10)
    assert ferryman.get_run(future.name, namespace="gpu-team").result(10) == 2


@pytest.mark.parametrize("name", ["", "Team", "a.b", "-a", "a" * 64, "a b"])
def test_what_is_no_namespace_is_refused_where_it_is_written(name):
    with pytest.raises(ValueError, match=r"namespace must be .* not "):
        task(namespace=name)
