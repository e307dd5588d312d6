"""What the operator writes is what the API server takes: a status that it refuses would hold a run for ever."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from builders.admission import a_task_run, created, faults_of_changing
from builders.runs import COMPLETE, FAILED, OUT_OF_TIME, SHA, UID, a_run, exited
from ferryman.api.reasons import Reason
from ferryman_operator.statuspatch import status_patch

STORED = created(a_task_run())
AT_ONCE = {"version": 1, "uid": UID, "attempt": 1, "reason": "Completed"}

results = st.fixed_dictionaries(
    {
        "sha256": st.just(SHA),
        "size": st.integers(0, 2**70),
        "serializer": st.text(max_size=100),
    }
)
reports = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "uid": st.just(UID),
        "attempt": st.just(1),
        "reason": st.sampled_from([reason.value for reason in Reason]),
    },
    optional={
        "message": st.text() | st.just("x" * 4000),
        "exception": st.text(),
        "result": results,
        "started": st.floats(0, 253_402_300_799),
        "finished": st.floats(0, 253_402_300_799),
    },
)


@given(
    report=reports.map(json.dumps) | st.text(),
    code=st.sampled_from([0, 80, 81, 137, 143]),
    end=st.sampled_from([COMPLETE, FAILED, OUT_OF_TIME]),
    retries=st.integers(0, 1),
)
@example(
    json.dumps(AT_ONCE | {"result": {"sha256": SHA, "size": 2**63, "serializer": "json"}}), 0, COMPLETE, 0
)
@example(json.dumps(AT_ONCE | {"result": {"sha256": SHA, "size": 1, "serializer": "\ud800"}}), 0, COMPLETE, 0)
def test_whatever_a_runner_reports(report, code, end, retries):
    run = a_run().retrying(retries, delays=["5s"]).on_attempt(1).running()
    run = run.whose_job(end).whose_pod(exited(code, message=report)).confirmed()
    patch = status_patch(run.run, run.plan.status)
    as_sent = json.loads(json.dumps({"status": patch["status"]}))
    assert faults_of_changing(STORED, as_sent, "status") == []
