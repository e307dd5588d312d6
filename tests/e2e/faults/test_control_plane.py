"""The API server, etcd and the controller manager away during a map."""

from __future__ import annotations

import logging

import pytest

from builders.maps import attempts_of, map_in_background, square, squares, values_of
from builders.outages import paused, stopped
from builders.releases import CommandFailed
from ferryman.api import names

COUNT = 24


def ended(futures) -> int:
    return sum(future.done() for future in futures)


def test_a_map_survives_an_api_server_that_is_killed_while_it_submits(place, caplog):
    caplog.set_level(logging.WARNING, "ferryman")
    mapping = map_in_background(COUNT, 2.0)
    place.until("some runs", lambda: len(place.all(names.PLURAL)) >= 3)
    with stopped("kube-apiserver", kill=True):
        place.until("a word of it", lambda: caplog.messages)
    futures = mapping.result(120)
    assert values_of(futures) == squares(COUNT)
    assert attempts_of(futures) == {1}


def test_a_map_survives_an_api_server_that_is_killed_while_it_waits(place, caplog):
    caplog.set_level(logging.WARNING, "ferryman")
    futures = square.map(range(12), 3.0)
    place.until("the first results", lambda: ended(futures) >= 2)
    with stopped("kube-apiserver", kill=True):
        place.until("a word of it", lambda: "the watch of TaskRuns waits" in caplog.text)
    assert values_of(futures) == squares(12)
    assert attempts_of(futures) == {1}


def test_a_map_survives_an_api_server_that_hangs(place, caplog):
    caplog.set_level(logging.WARNING, "ferryman")
    futures = square.map(range(12), 3.0)
    place.until("the first results", lambda: ended(futures) >= 2)
    with paused("kube-apiserver"):
        # Nobody closes the connection: that it is dead shows by its silence.
        place.until("a word of it", lambda: "the watch of TaskRuns waits" in caplog.text)
    assert values_of(futures) == squares(12)
    assert attempts_of(futures) == {1}


def test_a_map_survives_an_etcd_that_hangs(place):
    futures = square.map(range(12), 3.0)
    place.until("the first results", lambda: ended(futures) >= 2)
    with paused("etcd"), pytest.raises(CommandFailed, match=r"[Tt]imeout|timed out|deadline"):
        # The API server gives up a write after half a minute, and then it is not known whether it was done.
        place.kubectl("create", "configmap", "late")
    assert values_of(futures) == squares(12)
    assert attempts_of(futures) == {1}


def test_a_map_survives_an_etcd_that_is_killed(place):
    mapping = map_in_background(12, 3.0)
    place.until("some runs", lambda: len(place.all(names.PLURAL)) >= 3)
    with stopped("etcd", kill=True), pytest.raises(CommandFailed):
        place.kubectl("create", "configmap", "late", "--request-timeout=10s")
    futures = mapping.result(120)
    assert values_of(futures) == squares(12)
    assert attempts_of(futures) == {1}


def test_a_run_says_that_its_job_has_no_pod_while_there_is_no_controller_manager(place):
    with stopped("kube-controller-manager"):
        future = square.submit(3)
        place.until("a word of it", lambda: "no pod" in future.state.message)
    assert values_of([future]) == [9]
    assert attempts_of([future]) == {1}
