"""The client's watch of TaskRuns, over an API server that comes and goes."""

from __future__ import annotations

import json
import logging

import pytest

from builders.manifests import a_manifest
from ferryman.exceptions import ClusterUnavailable, PermissionDenied
from ferryman.kube_retry import Retries
from ferryman.kube_watch import RunWatch

EXPIRED = {"type": "ERROR", "object": {"code": 410}}


class Stream:
    """A response that has these events."""

    def __init__(self, *events: dict) -> None:
        self.lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)

    def stream(self, _size):
        yield self.lines

    def close(self) -> None:
        pass


class Server:
    """Answers lists and watches from what it is given; an exception is raised."""

    def __init__(self, lists: list, watches: list) -> None:
        self.lists = lists
        self.watches = watches

    def list_all(self):
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer, "7"

    def open_watch(self, _version):
        return self.watches.pop(0)


def watch(lists: list, watches: list) -> RunWatch:
    server = Server(lists, watches)
    return RunWatch(server.list_all, server.open_watch, Retries())


def a_run() -> dict:
    made = a_manifest("one")
    return made | {"metadata": made["metadata"] | {"uid": "u", "resourceVersion": "5"}}


def away() -> ClusterUnavailable:
    return ClusterUnavailable("no answer")


def test_a_list_is_waited_for():
    seen = watch([away(), away(), [a_run()]], [])
    assert [next(seen).type, next(seen).type] == ["ADDED", "SYNCED"]


def test_the_list_after_a_gap_is_waited_for():
    seen = watch([[], away(), [a_run()]], [Stream(EXPIRED)])
    assert [next(seen).type for _ in range(3)] == ["SYNCED", "ADDED", "SYNCED"]


def test_whoever_waits_for_a_list_is_told_why(caplog):
    with caplog.at_level(logging.WARNING, "ferryman"):
        next(watch([away(), []], []))
    assert caplog.messages == ["the watch of TaskRuns waits: no answer"]


def test_a_refused_list_is_final():
    with pytest.raises(PermissionDenied):
        next(watch([PermissionDenied("no")], []))
