"""Status patches: applied to the old status, they give the new one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.api.phases import Phase
from ferryman.api.taskrun import Attempt, Condition, Result, TaskRunStatus
from ferryman_operator import projection
from ferryman_operator.statuspatch import status_patch
from simulation.cluster_twin import ClusterTwin, SimulatedClock, merged

MOMENTS = st.none() | st.integers(0, 10**6).map(
    lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
)


def built(model, **fields):
    # `builds(model, ...)` would also pass what the model's signature asks for, by alias.
    return st.fixed_dictionaries(fields).map(lambda values: model(**values))


RESULTS = st.none() | built(
    Result,
    sha256=st.just("ab" * 32),
    size=st.integers(0, 9),
    attempt=st.integers(1, 3),
    key=st.none() | st.just("k"),
    serializer=st.just("json"),
)
ATTEMPTS = st.lists(
    built(
        Attempt,
        number=st.integers(1, 5),
        job_name=st.just("j"),
        pod_name=st.none() | st.just("p"),
        started_at=MOMENTS,
    ),
    max_size=3,
)
CONDITIONS = st.lists(
    built(
        Condition,
        status=st.sampled_from(["True", "False"]),
        reason=st.just("Running"),
        last_transition_time=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    ),
    max_size=1,
)
STATUSES = built(
    TaskRunStatus,
    phase=st.sampled_from(Phase),
    conditions=CONDITIONS,
    attempts=ATTEMPTS,
    retries_used=st.integers(0, 2),
    next_attempt_at=MOMENTS,
    finished_at=MOMENTS,
    result=RESULTS,
)


def a_run():
    twin = ClusterTwin(SimulatedClock())
    return projection.run(twin.run(twin.submit()))


def stored(status):
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


@settings(max_examples=100, deadline=None)
@given(STATUSES, STATUSES)
def test_a_patch_turns_any_status_into_any_other(before, after):
    patch = status_patch(replace(a_run(), status=before), after)
    assert TaskRunStatus.model_validate(merged(stored(before), patch["status"])) == after


def test_it_holds_the_version_and_the_uid_it_was_made_from():
    run = a_run()
    patch = status_patch(run, TaskRunStatus(phase=Phase.RUNNING))
    assert patch["metadata"] == {"uid": run.uid, "resourceVersion": run.resource_version}


def test_it_has_only_what_changes():
    assert status_patch(a_run(), TaskRunStatus(phase=Phase.RUNNING))["status"] == {"phase": "Running"}
