"""Projections: total over any JSON, and right about ours."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.api import names
from ferryman.api.phases import Phase
from ferryman_operator import projection
from ferryman_operator.cache import Cache
from ferryman_operator.intake import Intake
from ferryman_operator.workqueue import WorkQueue
from simulation.cluster_twin import ClusterTwin, SimulatedClock

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
FIELDS = st.sampled_from(
    [
        "metadata",
        "spec",
        "status",
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "ownerReferences",
        "controller",
        "labels",
        "conditions",
        "type",
        "reason",
        "message",
        "lastTransitionTime",
        "containerStatuses",
        "state",
        "terminated",
        "waiting",
        "exitCode",
        "phase",
        "attempts",
        "task",
        "function",
        "retry",
        "active",
        "ready",
    ]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=25,
)
IDENTITY = st.fixed_dictionaries(
    {"name": st.just("x"), "namespace": st.just("a"), "uid": st.just("u")},
    optional={
        "resourceVersion": JSON,
        "generation": JSON,
        "labels": JSON,
        "ownerReferences": JSON,
        "creationTimestamp": JSON,
    },
)
OBJECTS = JSON | st.fixed_dictionaries({"metadata": IDENTITY}, optional={"spec": JSON, "status": JSON})


@settings(max_examples=120, deadline=None)
@given(OBJECTS)
def test_no_object_raises(raw):
    projection.run(raw)
    projection.job(raw)
    projection.pod(raw)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["run_seen", "run_gone", "job_seen", "job_gone"]), OBJECTS), max_size=6
    )
)
def test_no_event_stops_the_intake(events):
    intake = Intake(Cache(), WorkQueue(SimulatedClock().monotonic))
    for what, raw in events:
        getattr(intake, what)(raw)


def a_raw_run(**spec):
    twin = ClusterTwin(SimulatedClock())
    return twin.run(twin.submit(**spec))


def test_a_good_run_is_read_whole():
    run = projection.run(a_raw_run(timeout="5m"))
    assert run.spec.timeout == "5m"
    assert run.status.phase is Phase.PENDING
    assert not run.invalid


def test_a_spec_that_does_not_fit_names_the_field():
    run = projection.run(a_raw_run(timeout="soon"))
    assert run.spec is None
    assert run.invalid.startswith("spec.timeout: ")


def test_a_status_of_a_newer_operator_is_no_reason_to_fail():
    raw = a_raw_run()
    raw["status"]["inventedLater"] = 7
    assert projection.run(raw).spec is not None


def test_the_spec_of_the_same_generation_is_shared():
    raw = a_raw_run()
    first = projection.run(raw)
    assert projection.run(raw, known=first).spec is first.spec


def test_another_generation_is_read_anew():
    raw = a_raw_run()
    first = projection.run(raw)
    raw["metadata"]["generation"] = 2
    raw["spec"]["cancelRequested"] = True
    assert projection.run(raw, known=first).spec.cancel_requested


@pytest.mark.parametrize("kind", ["SuccessCriteriaMet", "FailureTarget", "Suspended"])
def test_a_condition_that_comes_before_the_end_does_not_end_a_job(kind):
    raw = {
        "metadata": {"name": "j", "uid": "u"},
        "status": {"conditions": [{"type": kind, "status": "True"}]},
    }
    assert projection.job(raw).end is None


def test_only_the_controller_owns():
    owners = [{"uid": "one", "controller": False}, {"uid": "two", "controller": True}]
    assert (
        projection.job({"metadata": {"name": "j", "uid": "u", "ownerReferences": owners}}).owner_uid == "two"
    )


def test_only_the_runner_container_counts():
    statuses = [
        {"name": "sidecar", "state": {"terminated": {"exitCode": 9}}},
        {"name": names.RUNNER_CONTAINER, "state": {"terminated": {"exitCode": 80, "message": "{}"}}},
    ]
    pod = projection.pod({"metadata": {"name": "p", "uid": "u"}, "status": {"containerStatuses": statuses}})
    assert pod.exit.exit_code == 80


@pytest.mark.parametrize(
    ("status", "silent"),
    [
        ({"active": 1, "ready": 0}, True),
        ({"terminating": 1, "ready": 0}, True),
        ({"active": 1, "ready": 1}, False),
        ({"active": 0, "ready": 0, "succeeded": 1}, False),
        ({}, False),
    ],
)
def test_a_job_is_silent_while_it_has_pods_of_which_none_is_ready(status, silent):
    assert projection.job({"metadata": {"name": "j", "uid": "u"}, "status": status}).silent is silent


@pytest.mark.parametrize(
    ("pod_is_ready", "container_is_ready", "unreachable"),
    [("True", True, False), ("False", True, True), ("False", False, False)],
)
def test_a_pod_whose_readiness_was_taken_back_by_others_is_out_of_reach(
    pod_is_ready, container_is_ready, unreachable
):
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": pod_is_ready}],
        "containerStatuses": [{"name": "runner", "ready": container_is_ready, "state": {"running": {}}}],
    }
    pod = projection.pod({"metadata": {"name": "p", "uid": "u"}, "status": status})
    assert pod.unreachable is unreachable


def test_a_pod_without_a_node_says_why():
    conditions = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    ]
    pod = projection.pod({"metadata": {"name": "p", "uid": "u"}, "status": {"conditions": conditions}})
    assert (pod.waiting_reason, pod.waiting_message) == ("Unschedulable", "0/3 nodes")


def test_a_job_without_a_start_time_was_not_begun():
    raw = {"metadata": {"name": "x", "namespace": "a", "uid": "u"}}
    begun = {**raw, "status": {"startTime": "2026-11-22T11:00:00Z"}}
    assert [projection.job(one).begun for one in (raw, begun)] == [False, True]
