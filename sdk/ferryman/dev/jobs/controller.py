"""The Job controller of the embedded cluster: it carries out what `sync` decides."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ferryman.dev.apiserver import moments
from ferryman.dev.apiserver.errors import ApiError, Forbidden
from ferryman.dev.apiserver.objects import Object, Objects, Ref, ref
from ferryman.dev.jobs.events import JobEvents
from ferryman.dev.jobs.pods import TRACKING_FINALIZER, owner_uid, pod_of
from ferryman.dev.jobs.sync import Sync, sync

_SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_RETRY_SECONDS: Final = 1.0


class JobController:
    """Runs until it is cancelled."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._events = JobEvents(objects)
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._jobs: dict[str, Ref] = {}
        self._pods: dict[str, dict[str, Object]] = defaultdict(dict)
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def run(self) -> None:
        """Follow Jobs and pods."""
        followers = [
            asyncio.create_task(one) for one in (self._follow_jobs(), self._follow_pods(), self._work())
        ]
        try:
            await asyncio.gather(*followers)
        finally:
            for one in followers:
                one.cancel()
            for timer in self._timers.values():
                timer.cancel()

    async def _follow_jobs(self) -> None:
        async for event in self._objects.watch("jobs.batch"):
            one = ref("jobs.batch", event.object)
            if event.type == "DELETED":
                self._jobs.pop(one.uid, None)
                self._cancel_timer(one.uid)
            else:
                self._jobs[one.uid] = one
            self._add(one.uid)

    async def _follow_pods(self) -> None:
        async for event in self._objects.watch("pods"):
            job, uid = owner_uid(event.object), event.object["metadata"]["uid"]
            if not job:
                continue
            self._pods[job][uid] = event.object
            if event.type == "DELETED":
                del self._pods[job][uid]
            self._add(job)

    async def _work(self) -> None:
        while True:
            uid = await self._queue.get()
            self._queued.discard(uid)
            # One bad Job never stops the others; a Job that an API fault held up is looked at again.
            try:
                self._sync(uid)
            except ApiError:
                self._wake(uid, _RETRY_SECONDS)

    def _sync(self, uid: str) -> None:
        pods = [pod for one in self._pods.get(uid, {}).values() if (pod := self._live(one)) is not None]
        job = self._objects.read(self._jobs[uid]) if uid in self._jobs else None
        if job is None:
            self._release_orphans(uid, pods)
            return
        plan = sync(job, pods, moments.now())
        # The timer first: where a pod cannot be created, a retry takes its place.
        self._set_timer(uid, plan.wake_at)
        self._apply(job, pods, plan)
        if plan.again:
            self._add(uid)

    def _apply(self, job: Object, pods: list[Object], plan: Sync) -> None:
        by_name = {pod["metadata"]["name"]: pod for pod in pods}
        for made in range(plan.create):
            if not self._create_pod(job):
                # The status says all the same that the Job was begun, and of how many pods.
                self._write_status(job, plan.status, short_of=plan.create - made)
                return
        for name in plan.stop:
            self._objects.delete(ref("pods", by_name[name]))
        self._write_status(job, plan.status)
        for name in plan.release:
            self._objects.change(ref("pods", by_name[name]), _released)
        if plan.remove:
            self._objects.delete(ref("jobs.batch", job))

    def _write_status(self, job: Object, status: Mapping[str, Any] | None, *, short_of: int = 0) -> None:
        if status is None:
            return
        written = {**status, "active": status["active"] - short_of} if short_of else dict(status)
        if written != job.get("status"):
            self._events.tell_changes(job, written)
            self._objects.change_status(ref("jobs.batch", job), lambda _: written)

    def _create_pod(self, job: Object) -> bool:
        suffix = "".join(random.choices(_SUFFIX_ALPHABET, k=5))  # noqa: S311  # A name, not a secret.
        try:
            self._check_service_account(job)
            pod = self._objects.create("pods", pod_of(job, suffix))
        except ApiError as error:
            self._events.warn(job, "FailedCreate", f"Error creating: {error}")
            self._wake(job["metadata"]["uid"], _RETRY_SECONDS)
            return False
        self._pods[job["metadata"]["uid"]][pod["metadata"]["uid"]] = pod
        self._events.tell(job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        return True

    def _check_service_account(self, job: Object) -> None:
        """As the admission plugin of that name does; every namespace has an account `default`."""
        namespace = job["metadata"]["namespace"]
        name = job["spec"]["template"]["spec"].get("serviceAccountName") or "default"
        if name != "default" and self._objects.get("serviceaccounts", namespace, name) is None:
            stem = f'pods "{job["metadata"]["name"]}-" is forbidden: error looking up service account'
            raise Forbidden(f'{stem} {namespace}/{name}: serviceaccount "{name}" not found')

    def _release_orphans(self, uid: str, pods: list[Object]) -> None:
        """The Job is gone: nobody will count its pods any more."""
        for pod in pods:
            self._objects.change(ref("pods", pod), _released)
        if not pods:
            self._pods.pop(uid, None)

    def _live(self, pod: Object) -> Object | None:
        return self._objects.read(ref("pods", pod))

    def _add(self, uid: str) -> None:
        if uid not in self._queued:
            self._queued.add(uid)
            self._queue.put_nowait(uid)

    def _set_timer(self, uid: str, at: datetime | None) -> None:
        self._cancel_timer(uid)
        if at is not None:
            self._wake(uid, max(0.0, (at - moments.now()).total_seconds()))

    def _wake(self, uid: str, seconds: float) -> None:
        self._cancel_timer(uid)
        self._timers[uid] = asyncio.get_running_loop().call_later(seconds, self._add, uid)

    def _cancel_timer(self, uid: str) -> None:
        with contextlib.suppress(KeyError):
            self._timers.pop(uid).cancel()


def _released(pod: Object) -> Object:
    meta = pod["metadata"]
    kept = [one for one in meta.get("finalizers", ()) if one != TRACKING_FINALIZER]
    return pod | {"metadata": meta | {"finalizers": kept}}
