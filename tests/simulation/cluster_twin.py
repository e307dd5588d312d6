"""Kubernetes in memory and in simulated time: the twin of the operator's cluster port.

It stores objects, stamps UIDs and versions, tells watchers, keeps an audit of writes and plays the
Job controller and the kubelet from a script: what each attempt does and how long it takes.
"""

from __future__ import annotations

import asyncio
import copy
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ferryman.api import names
from ferryman.api.hooks import HooksReport
from ferryman.api.phases import Phase
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import ExitCode, Report, ResultRef, encode_report
from ferryman_operator.cluster import AlreadyExists, Conflict, NotFound, Object, Page, Refused
from ferryman_operator.reconcile.observed import Key, RefusalKind

T0 = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SHA = "ab" * 32


class SimulatedClock:
    """Stands still until somebody moves it."""

    def __init__(self) -> None:
        self._elapsed = 0.0

    def now(self) -> datetime:
        return T0 + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self._elapsed

    def advance(self, seconds: float) -> None:
        self._elapsed += max(0.0, seconds)


@dataclass(frozen=True)
class Play:
    """What the runner of one attempt does: seconds to its start and to its end, and how it ends."""

    reason: Reason = Reason.COMPLETED
    exit_code: int = ExitCode.SUCCEEDED
    start: float = 1.0
    length: float = 5.0
    hooks: HooksReport | None = None


SUCCEEDS = Play()
RAISES = Play(Reason.USER_EXCEPTION, ExitCode.USER_FAILURE)
DIES = Play(Reason.RUNNER_KILLED, ExitCode.TERMINATED)
HANGS = Play(length=1e6)
CALLS_HOOKS = Play(hooks=HooksReport(called=True))

HOOKS = 0
"""The key of the hook attempt's play among those of the attempts."""


@dataclass(frozen=True)
class Write:
    """A write that was carried out."""

    verb: str
    resource: str
    name: str
    phase: str = ""
    of_hooks: bool = False

    @property
    def is_terminal(self) -> bool:
        """Whether it ended the run. What is written of its hooks later is not that."""
        return bool(self.phase) and Phase(self.phase).is_terminal and not self.of_hooks


@dataclass
class Told:
    """What watchers are told."""

    kind: str
    type: str
    object: Object


def succeeded_pods(news: Iterable[Told]) -> list[Told]:
    """What a watch of pods tells that selects those that have succeeded."""
    return [one for one in news if one.kind == "pods" and one.object["status"]["phase"] == "Succeeded"]


Hook = Callable[[str, str], None]


class ClusterTwin:
    """`before` and `after` are called around every request with verb and resource, and may raise."""

    def __init__(self, clock: SimulatedClock, plays: Mapping[int, Play] | None = None) -> None:
        self.clock = clock
        self.plays = dict(plays or {})
        self.before: Hook = lambda verb, resource: None
        self.after: Hook = lambda verb, resource: None
        self.refuse_jobs: RefusalKind | None = None
        self.audit: list[Write] = []
        self.told: list[Told] = []
        self.requests: list[tuple[str, str]] = []
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._versions = itertools.count(100)
        self._serial = itertools.count(1)
        self._script: list[tuple[float, int, Callable[[], None]]] = []

    # What tests do and see.

    def submit(self, name: str = "letter", *, namespace: str = "default", **spec: Any) -> Key:
        """Create a TaskRun as an API server does, defaults included."""
        body = {"task": {"name": "build"}, "function": {"entrypoint": "jobs:build"}, **spec}
        self._insert("taskruns", namespace, name, {"spec": body, "status": {"phase": "Pending"}})
        return Key(namespace, name)

    def cancel(self, key: Key) -> None:
        run = self._get("taskruns", key.namespace, key.name)
        run["spec"]["cancelRequested"] = True
        run["metadata"]["generation"] += 1
        self._store("taskruns", run)

    def look_for_hooks(self, key: Key) -> None:
        """A worker looks, every few seconds, for hooks to take, and some time later tells that it called them."""
        run = self.run(key)
        found = run["status"].get("hooks", {}).get("state")
        if found in ("Wanted", "Started"):
            state = "Started" if found == "Wanted" else "Called"
            run["status"]["hooks"] = {"state": state, "worker": "worker-1", "jobUID": "token"}
            self._store("taskruns", run)
        if found in (None, "Wanted"):
            self.at(10.0, lambda: self.look_for_hooks(key))

    def touch(self, key: Key) -> None:
        """Somebody changes an annotation."""
        self._store("taskruns", self._get("taskruns", key.namespace, key.name))

    def remove(self, resource: str, namespace: str, name: str) -> None:
        """Somebody deletes it; what it owns goes too."""
        gone = self._get(resource, namespace, name)
        del self._objects[resource, namespace, name]
        gone["metadata"]["resourceVersion"] = str(next(self._versions))
        self.told.append(Told(resource, "DELETED", gone))
        self._collect(gone["metadata"]["uid"])

    def run(self, key: Key) -> Object:
        return self._get("taskruns", key.namespace, key.name)

    def jobs(self) -> list[Object]:
        return [copy.deepcopy(o) for (resource, _, _), o in self._objects.items() if resource == "jobs"]

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Have something happen that many seconds from now."""
        heapq.heappush(self._script, (self.clock.monotonic() + seconds, next(self._serial), act))

    @property
    def next_due(self) -> float | None:
        return self._script[0][0] if self._script else None

    def play_due(self) -> bool:
        """Let happen what is due; whether anything was."""
        played = False
        while self._script and self._script[0][0] <= self.clock.monotonic() + 1e-9:
            heapq.heappop(self._script)[2]()
            played = True
        return played

    # The port.

    def list_runs(self, namespace: str | None, *, metadata_only: bool = False) -> AsyncIterator[Page]:
        return self._list("taskruns", namespace)

    def list_jobs(self, namespace: str | None, *, metadata_only: bool = False) -> AsyncIterator[Page]:
        return self._list("jobs", namespace)

    async def get_run(self, key: Key) -> Object:
        return await self._do("get", "taskruns", lambda: self._get("taskruns", key.namespace, key.name))

    async def get_job(self, namespace: str, name: str) -> Object:
        return await self._do("get", "jobs", lambda: self._get("jobs", namespace, name))

    async def list_pods(self, namespace: str, run_uid: str) -> list[Object]:
        def matching() -> list[Object]:
            pods = (
                o
                for (resource, space, _), o in self._objects.items()
                if (resource, space) == ("pods", namespace)
            )
            return [
                copy.deepcopy(p) for p in pods if p["metadata"]["labels"].get(names.RUN_UID_LABEL) == run_uid
            ]

        return await self._do("list", "pods", matching)

    async def version_of_pods(self, namespace: str | None) -> str:
        return await self._do("list", "pods", lambda: str(next(self._versions)))

    async def watch_succeeded_pods(self, namespace: str | None, version: str) -> AsyncIterator[Object]:
        """What there is to tell by now."""
        await self._do("watch", "pods", lambda: None)
        for told in succeeded_pods(self.told):
            meta = told.object["metadata"]
            if namespace in (None, meta["namespace"]) and int(meta["resourceVersion"]) > int(version):
                yield {"type": "ADDED", "object": copy.deepcopy(told.object)}

    async def create_job(self, manifest: Mapping[str, Any]) -> Object:
        return await self._do("create", "jobs", lambda: self._create_job(manifest))

    async def delete_job(self, namespace: str, name: str, uid: str) -> None:
        await self._do("delete", "jobs", lambda: self._delete_job(namespace, name, uid))

    async def patch_run_status(self, key: Key, patch: Mapping[str, Any]) -> Object:
        return await self._do("patch", "taskruns/status", lambda: self._patch_status(key, patch))

    async def delete_run(self, key: Key, uid: str) -> None:
        def delete() -> None:
            self._check_uid("taskruns", key.namespace, key.name, uid)
            self.remove("taskruns", key.namespace, key.name)
            self.audit.append(Write("delete", "taskruns", key.name))

        await self._do("delete", "taskruns", delete)

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        name = event["metadata"]["name"]
        await self._do("create", "events", lambda: self._insert("events", namespace, name, {}))

    async def get_worker_lease(self, namespace: str, name: str) -> Object:
        return await self.get_lease(namespace, name)

    async def get_lease(self, namespace: str, name: str) -> Object:
        return await self._do("get", "leases", lambda: self._get("leases", namespace, name))

    async def create_lease(self, namespace: str, lease: Mapping[str, Any]) -> Object:
        body = {"spec": lease["spec"]}
        return await self._do(
            "create", "leases", lambda: self._insert("leases", namespace, lease["metadata"]["name"], body)
        )

    async def replace_lease(self, namespace: str, lease: Mapping[str, Any]) -> Object:
        def replace() -> Object:
            stored = self._get("leases", namespace, lease["metadata"]["name"])
            if stored["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"]:
                raise Conflict("the lease has changed")
            stored["spec"] = copy.deepcopy(lease["spec"])
            return self._store("leases", stored)

        return await self._do("update", "leases", replace)

    # The API server.

    async def _do(self, verb: str, resource: str, act: Callable[[], Any]) -> Any:
        await asyncio.sleep(0)
        self.requests.append((verb, resource))
        self.before(verb, resource)
        result = act()
        self.after(verb, resource)
        await asyncio.sleep(0)
        return result

    async def _list(self, resource: str, namespace: str | None) -> AsyncIterator[Page]:
        def read() -> Page:
            found = [
                copy.deepcopy(o)
                for (r, space, _), o in self._objects.items()
                if r == resource and namespace in (None, space)
            ]
            return Page(found, str(next(self._versions)))

        yield await self._do("list", resource, read)

    def _get(self, resource: str, namespace: str, name: str) -> Object:
        if (resource, namespace, name) not in self._objects:
            raise NotFound(f"{resource} {name!r} not found")
        return copy.deepcopy(self._objects[resource, namespace, name])

    def _check_uid(self, resource: str, namespace: str, name: str, uid: str) -> None:
        if self._get(resource, namespace, name)["metadata"]["uid"] != uid:
            raise Conflict("the UID in the precondition differs")

    def _insert(self, resource: str, namespace: str, name: str, body: Mapping[str, Any]) -> Object:
        if (resource, namespace, name) in self._objects:
            raise AlreadyExists(f"{resource} {name!r} already exists")
        stored = {**copy.deepcopy(dict(body)), "metadata": {**copy.deepcopy(body.get("metadata", {}))}}
        stored["metadata"] |= {
            "namespace": namespace,
            "name": name,
            "uid": f"{next(self._serial):08x}-0000-4000-8000-000000000000",
            "generation": 1,
            "creationTimestamp": self._time(),
        }
        return self._store(resource, stored, kind="ADDED")

    def _store(self, resource: str, stored: Object, kind: str = "MODIFIED") -> Object:
        meta = stored["metadata"]
        meta["resourceVersion"] = str(next(self._versions))
        self._objects[resource, meta["namespace"], meta["name"]] = copy.deepcopy(stored)
        self.told.append(Told(resource, kind, copy.deepcopy(stored)))
        return copy.deepcopy(stored)

    def _patch_status(self, key: Key, patch: Mapping[str, Any]) -> Object:
        run = self._get("taskruns", key.namespace, key.name)
        if patch["metadata"]["uid"] != run["metadata"]["uid"]:
            raise Conflict("the UID differs")
        if patch["metadata"]["resourceVersion"] != run["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified")
        before, after = run["status"], merged(run["status"], patch["status"])
        if Phase(before["phase"]).is_terminal:
            assert {**before, "hooks": None} == {**after, "hooks": None}, "a terminal status is final"
        run["status"] = after
        of_hooks = Phase(before["phase"]).is_terminal
        self.audit.append(Write("patch", "taskruns/status", key.name, run["status"]["phase"], of_hooks))
        return self._store("taskruns", run)

    def _create_job(self, manifest: Mapping[str, Any]) -> Object:
        if self.refuse_jobs is not None:
            raise Refused("exceeded quota: jobs", kind=self.refuse_jobs)
        meta = manifest["metadata"]
        created = self._insert("jobs", meta["namespace"], meta["name"], {**manifest, "status": {}})
        self.audit.append(Write("create", "jobs", meta["name"]))
        number = _number(meta["labels"])
        play = self.plays.get(number, SUCCEEDS if number else CALLS_HOOKS)
        uid = created["metadata"]["uid"]
        self.at(play.start, lambda: self._start_pod(meta["namespace"], meta["name"], uid, play))
        return created

    def _delete_job(self, namespace: str, name: str, uid: str) -> None:
        self._check_uid("jobs", namespace, name, uid)
        self.audit.append(Write("delete", "jobs", name))
        self.remove("jobs", namespace, name)

    def _collect(self, owner_uid: str) -> None:
        for (resource, namespace, name), one in list(self._objects.items()):
            owners = [r["uid"] for r in one["metadata"].get("ownerReferences", ())]
            if owner_uid not in owners:
                continue
            if resource == "pods":
                # The kubelet takes its time.
                self.at(1.0, lambda n=namespace, m=name: self._objects.pop(("pods", n, m), None) and None)
            else:
                self.remove(resource, namespace, name)

    # The Job controller and the kubelet.

    def _start_pod(self, namespace: str, name: str, uid: str, play: Play) -> None:
        job = self._objects.get(("jobs", namespace, name))
        if job is None or job["metadata"]["uid"] != uid:
            return
        labels = copy.deepcopy(job["spec"]["template"]["metadata"]["labels"])
        owner = {"kind": "Job", "name": name, "uid": uid, "controller": True}
        metadata = {"labels": labels, "ownerReferences": [owner]}
        status = {
            "phase": "Running",
            "containerStatuses": [self._container(ready=True, state={"running": {}})],
        }
        pod = self._insert(
            "pods",
            namespace,
            f"{name}-pod",
            {"metadata": metadata, "spec": {"nodeName": "n1"}, "status": status},
        )
        self._set_job_status(job, {"active": 1, "ready": 1})
        self.at(play.length, lambda: self._end_pod(pod, uid, play))

    def _end_pod(self, pod: Object, job_uid: str, play: Play) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        job = next((o for o in self._objects.values() if o["metadata"]["uid"] == job_uid), None)
        if ("pods", namespace, name) not in self._objects or job is None:
            return
        labels, failed = pod["metadata"]["labels"], play.exit_code != 0
        report = self._report(labels[names.RUN_UID_LABEL], _number(labels), play)
        terminated = {
            "exitCode": int(play.exit_code),
            "reason": "Error" if failed else "Completed",
            "message": encode_report(report).decode(),
            "startedAt": self._time(),
            "finishedAt": self._time(),
        }
        pod["status"] = {
            "phase": "Failed" if failed else "Succeeded",
            "containerStatuses": [self._container(ready=False, state={"terminated": terminated})],
        }
        self._store("pods", pod)
        self._set_job_status(job, {"conditions": [self._end_condition(failed)]})

    def _end_condition(self, failed: bool) -> Object:
        return {
            "type": "Failed" if failed else "Complete",
            "status": "True",
            "reason": "PodFailurePolicy" if failed else "CompletionsReached",
            "message": "",
            "lastTransitionTime": self._time(),
        }

    def _report(self, uid: str, attempt: int, play: Play) -> Report:
        now = self.clock.now().timestamp()
        return Report(
            uid,
            attempt,
            play.reason,
            "told",
            "",
            ResultRef(SHA, 7, "json"),
            now - play.length,
            now,
            hooks=play.hooks,
        )

    def _set_job_status(self, job: Object, status: Object) -> None:
        self._store("jobs", {**copy.deepcopy(job), "status": status})

    def _container(self, *, ready: bool, state: Object) -> Object:
        return {"name": names.RUNNER_CONTAINER, "ready": ready, "state": state}

    def _time(self) -> str:
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(labels: Mapping[str, str]) -> int:
    label = labels[names.ATTEMPT_LABEL]
    return HOOKS if label == names.HOOKS else int(label)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@dataclass
class Script:
    """Raise at the n-th write: before it is carried out, or after."""

    at: int
    when: str
    error: Callable[[], BaseException]
    resources: tuple[str, ...] = ("jobs", "taskruns/status", "taskruns")
    seen: int = field(default=0)
    fired: bool = False

    def install(self, twin: ClusterTwin) -> Script:
        twin.before = lambda verb, resource: self._count(verb, resource, "before")
        twin.after = lambda verb, resource: self._count(verb, resource, "after")
        return self

    def _count(self, verb: str, resource: str, when: str) -> None:
        if verb in ("get", "list") or resource not in self.resources:
            return
        if when == "before":
            self.seen += 1
        if when == self.when and self.seen == self.at and not self.fired:
            self.fired = True
            raise self.error()
