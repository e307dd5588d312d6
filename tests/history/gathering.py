"""The history of a namespace, put together from the audit log, the store and what is there now."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ferryman.api import names
from ferryman.api.taskrun import DEFAULT_INFRASTRUCTURE_RETRIES
from history.audit_log import Entry, succeeded
from history.record import Blob, Claim, History, Job, Promise, Row, Run, Version

Object = dict[str, Any]

_OF_RUNS = (("create", ""), ("update", ""), ("patch", ""), ("update", "status"), ("patch", "status"))


@dataclass(frozen=True)
class Sources:
    """All that is known of a namespace. `objects` are the store's, by key without its prefix."""

    operator: str
    entries: list[Entry] = field(default_factory=list)
    runs: list[Object] = field(default_factory=list)
    jobs: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class _Writes:
    """The entries of a log that tell of runs, by the run's UID."""

    runs: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    jobs: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))


def history(sources: Sources) -> History:
    writes = _sorted(sources)
    manifests = _manifests(sources, writes)
    runs = tuple(_run(uid, manifest, writes, sources) for uid, manifest in manifests.items())
    unknown = [key for key in sources.objects if key.endswith("/claim") and _uid(key) not in manifests]
    return History(sources.operator, runs, tuple(sorted(unknown)))


def _sorted(sources: Sources) -> _Writes:
    writes = _Writes()
    for entry in sources.entries:
        if any(succeeded(entry, verb, names.PLURAL, part) for verb, part in _OF_RUNS):
            writes.runs[entry["responseObject"]["metadata"]["uid"]].append(entry)
        elif succeeded(entry, "create", "jobs"):
            writes.jobs[_label(entry["responseObject"])].append(entry)
        elif succeeded(entry, "create", "events") and entry["user"]["username"] == sources.operator:
            writes.events[_subject(entry)].append(entry)
    return writes


def _manifests(sources: Sources, writes: _Writes) -> dict[str, Object]:
    """Every TaskRun that there was or is, by UID."""
    # The first write of a run is its creation: a create, or the patch of a server-side apply.
    written = {uid: entries[0]["responseObject"] for uid, entries in writes.runs.items()}
    return written | {run["metadata"]["uid"]: run for run in sources.runs}


def _run(uid: str, manifest: Object, writes: _Writes, sources: Sources) -> Run:
    own = writes.runs.get(uid, [])
    known = frozenset(_revision(entry["responseObject"]) for entry in own)
    versions = {version.revision: version for version in map(_version, filter(_of_status, own))}
    versions |= {version.revision: version for version in _as_it_is(manifest, known, sources)}
    last = _last_status(manifest, own)
    return Run(
        name=manifest["metadata"]["name"],
        uid=uid,
        executions_allowed=_executions_allowed(manifest["spec"].get("retry", {})),
        revisions=known,
        versions=tuple(versions[revision] for revision in sorted(versions)),
        promise=_promise(last),
        cached=(last.get("result") or {}).get("cached", False),
        jobs=_jobs(uid, writes, sources),
        claims=tuple(_claim(key, body) for key, body in _stored(uid, "claim", sources)),
        blobs=tuple(
            Blob(_attempt(key), hashlib.sha256(body).hexdigest(), len(body))
            for key, body in _stored(uid, "result", sources)
        ),
        events=len(writes.events.get(uid, [])),
        alive=tuple(_alive(uid, sources)),
    )


def _executions_allowed(retry: Object) -> int:
    infrastructure = retry.get("infrastructureRetries", DEFAULT_INFRASTRUCTURE_RETRIES)
    return 1 + retry.get("retries", 0) + infrastructure


def _of_status(entry: Entry) -> bool:
    return entry["objectRef"].get("subresource") == "status"


def _version(entry: Entry) -> Version:
    run = entry["responseObject"]
    read = entry.get("requestObject", {}).get("metadata", {}).get("resourceVersion")
    return _status(run, entry["user"]["username"], int(read) if read else None)


def _as_it_is(manifest: Object, known: frozenset[int], sources: Sources) -> list[Version]:
    """Its last status, where the log does not have the write of it."""
    if _revision(manifest) in known or not manifest.get("status", {}).get("observedGeneration"):
        return []
    return [_status(manifest, sources.operator, None)]


def _status(run: Object, writer: str, base: int | None) -> Version:
    status = run.get("status", {})
    told = next((one for one in status.get("conditions", []) if one["type"] == "Succeeded"), {})
    return Version(
        revision=_revision(run),
        writer=writer,
        phase=status.get("phase", ""),
        base=base,
        reason=told.get("reason", ""),
        message=told.get("message", ""),
        ledger=tuple(
            Row(row["number"], row.get("jobUID") or "", row.get("outcome") or "")
            for row in status.get("attempts", [])
        ),
        hooks=json.dumps(status["hooks"], sort_keys=True) if status.get("hooks") else "",
    )


def _last_status(manifest: Object, writes: list[Entry]) -> Object:
    versions = [manifest, *(entry["responseObject"] for entry in writes)]
    return max(versions, key=_revision).get("status", {})


def _promise(status: Object) -> Promise | None:
    result = status.get("result")
    return Promise(result["attempt"], result["sha256"], result["size"]) if result else None


def _jobs(uid: str, writes: _Writes, sources: Sources) -> tuple[Job, ...]:
    """Those of attempts: a run's hooks may have one, too."""
    found = {job["metadata"]["uid"]: _job(job) for job in sources.jobs if _label(job) == uid}
    for entry in writes.jobs.get(uid, []):
        job = entry["responseObject"]
        found[job["metadata"]["uid"]] = _job(job, _revision(job))
    found = {one: job for one, job in found.items() if job.attempt}
    return tuple(sorted(found.values(), key=lambda job: job.attempt))


def _job(job: Object, revision: int | None = None) -> Job:
    meta = job["metadata"]
    attempt = meta["labels"][names.ATTEMPT_LABEL]
    return Job(0 if attempt == names.HOOKS else int(attempt), meta["uid"], meta["name"], revision)


def _label(thing: Object) -> str:
    return thing.get("metadata", {}).get("labels", {}).get(names.RUN_UID_LABEL, "")


def _stored(uid: str, kind: str, sources: Sources) -> list[tuple[str, bytes]]:
    ours = [key for key in sources.objects if key.endswith(f"/{kind}") and _uid(key) == uid]
    return [(key, sources.objects[key]) for key in sorted(ours)]


def _claim(key: str, body: bytes) -> Claim:
    return Claim(_attempt(key), json.loads(body)["job_uid"])


def _subject(event: Entry) -> str:
    said = event.get("requestObject", {})
    about = said.get("regarding") or said.get("involvedObject") or {}
    return about.get("uid", "")


def _alive(uid: str, sources: Sources) -> list[str]:
    jobs = [job for job in sources.jobs if _label(job) == uid and not _has_ended(job)]
    pods = [
        pod
        for pod in sources.pods
        if _label(pod) == uid and pod["status"].get("phase") in ("Pending", "Running")
    ]
    return [f"Job {one['metadata']['name']}" for one in jobs] + [
        f"pod {one['metadata']['name']}" for one in pods
    ]


def _has_ended(job: Object) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)


def _revision(thing: Object) -> int:
    return int(thing["metadata"]["resourceVersion"])


def _uid(key: str) -> str:
    """Of `<namespace>/runs/<uid>/<attempt>/<kind>`."""
    return key.split("/")[-3]


def _attempt(key: str) -> int:
    return int(key.split("/")[-2])
