"""Lines of an audit log, objects of a store and what is there in the end become the history of a run."""

from __future__ import annotations

import hashlib
import json

from ferryman.api import names
from history.gathering import Sources, history
from history.record import Blob, Claim, Job, Promise, Row

OPERATOR = "system:serviceaccount:ferryman:ferryman"
BODY = b"result"
DIGEST = hashlib.sha256(BODY).hexdigest()
META = {"name": "mean", "uid": "u-1"}


def an_entry(verb, resource, subresource="", *, code=200, user=OPERATOR, sent=None, came=None, query=""):
    return {
        "verb": verb,
        "requestURI": f"/apis/{resource}{query}",
        "user": {"username": user},
        "objectRef": {"resource": resource, "namespace": "ns", "subresource": subresource},
        "responseStatus": {"code": code},
        "requestObject": sent or {},
        "responseObject": came or {},
    }


def a_run(revision, **status):
    meta = {**META, "resourceVersion": str(revision)}
    return {"kind": "TaskRun", "metadata": meta, "spec": {"retry": {"retries": 2}}, "status": status}


def a_job(revision=11, **more):
    labels = {names.RUN_UID_LABEL: "u-1", names.ATTEMPT_LABEL: "1"}
    meta = {"name": "mean-1", "uid": "j-1", "labels": labels, "resourceVersion": str(revision)}
    return {"kind": "Job", "metadata": meta, **more}


RUNNING = a_run(12, phase="Running", attempts=[{"number": 1, "jobUID": "j-1"}])
DONE = a_run(
    13,
    phase="Completed",
    observedGeneration=1,
    conditions=[{"type": "Succeeded", "reason": "Completed", "message": "fine"}],
    attempts=[{"number": 1, "jobUID": "j-1", "outcome": "Succeeded"}],
    result={"attempt": 1, "sha256": DIGEST, "size": len(BODY)},
)
ENTRIES = [
    an_entry("create", "taskruns", user="ann", code=201, came=a_run(10)),
    an_entry("create", "jobs", code=201, came=a_job()),
    an_entry("patch", "taskruns", "status", sent={"metadata": {"resourceVersion": "10"}}, came=RUNNING),
    an_entry("patch", "taskruns", "status", sent={"metadata": {"resourceVersion": "12"}}, came=DONE),
    an_entry("create", "events", code=201, sent={"regarding": {"uid": "u-1"}}),
]
OBJECTS = {"ns/runs/u-1/1/claim": json.dumps({"job_uid": "j-1"}).encode(), "ns/runs/u-1/1/result": BODY}


def gathered(**sources):
    (run,) = history(Sources(OPERATOR, **sources)).runs
    return run


def test_a_run_is_what_the_log_and_the_store_say_of_it():
    run = gathered(entries=ENTRIES, objects=OBJECTS)
    assert [(v.revision, v.base, v.phase, v.writer) for v in run.versions] == [
        (12, 10, "Running", OPERATOR),
        (13, 12, "Completed", OPERATOR),
    ]
    assert run.versions[-1].ledger == (Row(1, "j-1", "Succeeded"),)
    assert run.jobs == (Job(1, "j-1", "mean-1", 11),)
    assert run.claims == (Claim(1, "j-1"),)
    assert run.blobs == (Blob(1, DIGEST, len(BODY)),)
    assert run.promise == Promise(1, DIGEST, len(BODY))
    assert (run.events, run.executions_allowed, run.revisions) == (1, 6, {10, 12, 13})


def test_what_was_refused_or_only_tried_is_no_write():
    refused = [
        an_entry("patch", "taskruns", "status", code=409, came={"kind": "Status"}),
        an_entry("create", "jobs", code=403, came={"kind": "Status"}),
        an_entry("create", "taskruns", code=201, query="?dryRun=All", came=a_run(99)),
    ]
    assert gathered(entries=[*ENTRIES, *refused], objects=OBJECTS) == gathered(
        entries=ENTRIES, objects=OBJECTS
    )


def test_a_write_that_the_log_lacks_is_seen_by_what_is_there():
    run = gathered(entries=ENTRIES[:3], runs=[DONE])
    assert [version.phase for version in run.versions] == ["Running", "Completed"]


def test_without_a_log_the_last_status_is_what_is_known():
    run = gathered(runs=[DONE], jobs=[a_job()])
    assert ([version.phase for version in run.versions], run.jobs) == (
        ["Completed"],
        (Job(1, "j-1", "mean-1"),),
    )


def test_a_job_that_has_ended_is_not_alive():
    ended = a_job(status={"conditions": [{"type": "Complete", "status": "True"}]})
    assert gathered(runs=[DONE], jobs=[ended]).alive == ()
    assert gathered(runs=[DONE], jobs=[a_job(status={})]).alive == ("Job mean-1",)


def test_a_claim_of_nobodys_run_is_told():
    found = history(Sources(OPERATOR, entries=ENTRIES, objects={"ns/runs/u-9/1/claim": b"{}"}))
    assert found.unknown_claims == ("ns/runs/u-9/1/claim",)
