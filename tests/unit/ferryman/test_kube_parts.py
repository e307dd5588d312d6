"""What refusals of the API server mean, and when requests are sent again."""

from __future__ import annotations

import json
import re

import pytest

from ferryman.exceptions import (
    ClusterError,
    ClusterUnavailable,
    InvalidTaskRun,
    PermissionDenied,
    RunAlreadyExists,
    RunNotFound,
    WriteConflict,
)
from ferryman.kube_errors import Refusal
from ferryman.kube_retry import Retries
from ferryman.runs import view
from ferryman.states import StateType, state_of


def status(message: str, reason: str = "", **details) -> bytes:
    return json.dumps({"kind": "Status", "message": message, "reason": reason, "details": details}).encode()


@pytest.mark.parametrize(
    ("code", "reason", "want"),
    [
        (400, "BadRequest", InvalidTaskRun),
        (401, "Unauthorized", PermissionDenied),
        (403, "Forbidden", PermissionDenied),
        (404, "NotFound", RunNotFound),
        (409, "AlreadyExists", RunAlreadyExists),
        (409, "Conflict", WriteConflict),
        (413, "", InvalidTaskRun),
        (418, "", ClusterError),
        (422, "Invalid", InvalidTaskRun),
        (429, "TooManyRequests", ClusterUnavailable),
        (500, "InternalError", ClusterUnavailable),
        (504, "Timeout", ClusterUnavailable),
    ],
)
def test_a_refusal_becomes_an_exception_that_keeps_the_message(code, reason, want):
    error = Refusal.answered("create TaskRun a", code, None, status("spec.x: is bad", reason)).translated()
    assert type(error) is want
    assert "create TaskRun a" in str(error)
    assert "spec.x: is bad" in str(error)


def test_a_missing_definition_is_told_as_such():
    text = "the server could not find the requested resource"
    error = Refusal.answered("list TaskRuns", 404, None, status(text, "NotFound")).translated()
    assert type(error) is ClusterError
    assert "CustomResourceDefinition" in str(error)


def test_a_namespace_that_is_not_there_is_no_missing_run():
    body = status('namespaces "team-b" not found', "NotFound")
    error = Refusal.answered("create TaskRun a", 404, None, body).translated()
    assert type(error) is ClusterError
    assert re.search(r"team-b.*Create it, or name another: @task\(namespace", str(error))


def test_a_proxys_page_is_told_as_it_is():
    assert "Bad gateway" in str(Refusal.answered("get", 502, None, b"<h1>Bad gateway</h1>"))


@pytest.mark.parametrize(
    ("header", "details", "want"), [("7", {}, 7.0), (None, {"retryAfterSeconds": 3}, 3), ("soon", {}, None)]
)
def test_the_time_that_the_server_asks_for_is_read(header, details, want):
    assert Refusal.answered("get", 429, header, status("slow down", **details)).retry_after == want


class Server:
    """Refuses some times, then answers."""

    def __init__(self, *refusals: Refusal) -> None:
        self.refusals = list(refusals)

    def __call__(self) -> str:
        if self.refusals:
            raise self.refusals.pop(0)
        return "answer"


def busy(after: str | None = None) -> Refusal:
    return Refusal.answered("get", 429, after, status("busy"))


def test_a_request_is_sent_again_as_the_server_asks():
    slept: list[float] = []
    assert Retries(sleep=slept.append).call(Server(busy("5"), busy("5"))) == "answer"
    assert slept == [5.0, 5.0]


def test_waits_grow_and_are_never_the_same_for_all():
    slept: list[float] = []
    Retries(most=4, sleep=slept.append).call(Server(*[busy()] * 4))
    assert all(0.05 * 2**n <= seconds <= 0.15 * 2**n for n, seconds in enumerate(slept))


def test_a_request_is_given_up_after_so_many_times():
    with pytest.raises(Refusal):
        Retries(most=2, sleep=lambda _: None).call(Server(*[busy()] * 3))


def test_what_will_not_pass_is_not_tried_again():
    server = Server(Refusal.answered("get", 403, None, status("no")), busy())
    with pytest.raises(Refusal):
        Retries(sleep=lambda _: None).call(server)
    assert len(server.refusals) == 1


def run_in(phase, reason="", *, attempts=0, cancelled=False):
    condition = {
        "type": "Succeeded",
        "status": "Unknown",
        "reason": reason,
        "lastTransitionTime": "2026-11-22T12:00:00Z",
    }
    rows = [{"number": n + 1, "jobName": "j"} for n in range(attempts)]
    return view(
        {
            "metadata": {"namespace": "d", "name": "n"},
            "spec": {"task": {"name": "t"}, "cancelRequested": cancelled},
            "status": {"phase": phase, "conditions": [condition] if reason else [], "attempts": rows},
        }
    )


@pytest.mark.parametrize(
    ("run", "kind", "name"),
    [
        (run_in("Pending"), StateType.PENDING, "Pending"),
        (run_in("Waiting", "WaitingForDependencies"), StateType.PENDING, "Waiting"),
        (run_in("Waiting", "WaitingForStartTime"), StateType.SCHEDULED, "Scheduled"),
        (run_in("Running", "Running", attempts=1), StateType.RUNNING, "Running"),
        (run_in("Running", "Running", attempts=2), StateType.RUNNING, "Retrying"),
        (run_in("AwaitingRetry", "AwaitingRetry", attempts=1), StateType.SCHEDULED, "AwaitingRetry"),
        (run_in("Running", "Running", attempts=1, cancelled=True), StateType.CANCELLING, "Cancelling"),
        (run_in("Completed", "Completed", cancelled=True), StateType.COMPLETED, "Completed"),
        (run_in("Completed", "Cached"), StateType.COMPLETED, "Cached"),
        (run_in("Failed", "UserException"), StateType.FAILED, "Failed"),
        (run_in("Failed", "DependencyFailed"), StateType.FAILED, "UpstreamFailed"),
        (run_in("TimedOut", "Timeout"), StateType.FAILED, "TimedOut"),
        (run_in("Crashed", "NodeLost"), StateType.CRASHED, "Crashed"),
        (run_in("Cancelled", "Cancelled"), StateType.CANCELLED, "Cancelled"),
        (run_in("APhaseOfTheFuture"), StateType.PENDING, "Pending"),
    ],
)
def test_a_phase_is_a_state_as_prefect_names_them(run, kind, name):
    state = state_of(run)
    assert (state.type, state.name, state.is_final()) == (kind, name, run.is_over)


def test_a_state_tells_what_its_reason_means():
    assert "ResourceQuota" in state_of(run_in("Waiting", "QuotaExceeded")).message
