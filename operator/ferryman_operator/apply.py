"""Carry out a plan. Every reply goes into the cache at once, so the next decision sees what was done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

from ferryman.api import names
from ferryman.api.taskrun import TaskRunStatus
from ferryman_operator import projection
from ferryman_operator.cache import Cache
from ferryman_operator.clock import Clock
from ferryman_operator.cluster import (
    AlreadyExists,
    Cluster,
    ClusterError,
    Conflict,
    NotFound,
    Refused,
    Unavailable,
)
from ferryman_operator.intake import Intake
from ferryman_operator.reconcile.observed import Refusal, RefusalKind, Run
from ferryman_operator.reconcile.plan import CreateJob, DeleteJob, Event, Plan
from ferryman_operator.refusals import Refusals
from ferryman_operator.statuspatch import status_patch


class NotLeading(Unavailable):
    """Another replica writes now."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it: nothing that a decision reads, something, or, if `stale`, a lost race."""

    wrote: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes in the order of the plan's fields. Raises Unavailable; other refusals are results."""

    cluster: Cluster
    cache: Cache
    intake: Intake
    refusals: Refusals
    clock: Clock
    may_write: Callable[[], bool]
    may_create: Callable[[], bool]

    async def apply(self, run: Run, plan: Plan) -> Applied:
        """Carry out a plan that has no looks."""
        if plan.create is not None and not await self._create(run, plan.create):
            return Applied(wrote=True)
        for job in plan.delete:
            await self._delete(run, job)
        if plan.status is not None and not await self._write_status(run, plan.status):
            return Applied(wrote=True, stale=True)
        if plan.event is not None:
            await self._tell(run, plan.event)
        if plan.remove and not await self._remove(run):
            return Applied(wrote=True, stale=True)
        return Applied(wrote=bool(plan.create or plan.delete or plan.status or plan.remove))

    async def _create(self, run: Run, create: CreateJob) -> bool:
        if self.refusals.foretell(run, create.attempt) is not None:
            return False
        self._check_lead()
        if not self.may_create():
            raise NotLeading("shutting down: no new Jobs")
        try:
            self.intake.job_read(await self.cluster.create_job(create.manifest))
        except AlreadyExists as error:
            return await self._adopt(run, create, str(error))
        except Refused as error:
            return self._refuse(run, create, error.kind, str(error))
        self.refusals.forget(run.key)
        return True

    async def _adopt(self, run: Run, create: CreateJob, message: str) -> bool:
        try:
            raw = await self.cluster.get_job(run.key.namespace, create.manifest["metadata"]["name"])
        except NotFound:
            raise Unavailable("the Job that was in the way is gone again") from None
        job = projection.job(raw)
        if job is None or job.owner_uid != run.uid:
            return self._refuse(run, create, RefusalKind.EXISTS, message)
        self.intake.job_read(raw)
        if self.cache.is_deleted(job.uid):
            # No watch shows it: somebody took its label, and nobody would notice its end.
            await self._delete(run, DeleteJob(job.name, job.uid))
            raise Unavailable("the Job of this attempt was hidden from the watch, and is deleted")
        self.refusals.forget(run.key)
        return True

    def _refuse(self, run: Run, create: CreateJob, kind: RefusalKind, message: str) -> bool:
        self.refusals.remember(run, Refusal(create.attempt, kind, message, self.clock.now()))
        return False

    async def _delete(self, run: Run, job: DeleteJob) -> None:
        self._check_lead()
        namespace = run.key.namespace
        try:
            await self.cluster.delete_job(namespace, job.name, job.uid)
        except (NotFound, Conflict):
            self.cache.drop_job(namespace, job.name, job.uid)
            return
        known = self.cache.job(namespace, job.name)
        if known is not None and known.uid == job.uid:
            self.cache.mark_job(replace(known, deleting=True))

    async def _write_status(self, run: Run, status: TaskRunStatus) -> bool:
        self._check_lead()
        try:
            self.intake.run_read(await self.cluster.patch_run_status(run.key, status_patch(run, status)))
        except (Conflict, NotFound):
            return False
        return True

    async def _remove(self, run: Run) -> bool:
        self._check_lead()
        try:
            await self.cluster.delete_run(run.key, run.uid)
        except (NotFound, Conflict):
            return False
        known = self.cache.run(run.key)
        if known is not None and known.uid == run.uid:
            self.cache.mark_run(replace(known, deleting=True))
        return True

    async def _tell(self, run: Run, event: Event) -> None:
        self._check_lead()
        try:
            await self.cluster.create_event(run.key.namespace, event_manifest(run, event, self.clock))
        except ClusterError:
            return  # Events are for people; the status has it all.

    def _check_lead(self) -> None:
        if not self.may_write():
            raise NotLeading("this replica does not lead")


def event_manifest(run: Run, event: Event, clock: Clock) -> dict[str, Any]:
    """An events.k8s.io/v1 Event about a run; its name is derived, so that telling it twice is a conflict."""
    digest = hashlib.sha256(
        f"{run.uid}{run.resource_version}{event.reason}{event.message}".encode()
    ).hexdigest()
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{names.dns_label(run.key.name, limit=200)}.{digest[:16]}",
            "namespace": run.key.namespace,
        },
        "eventTime": clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": f"{names.GROUP}/operator",
        "reportingInstance": names.FIELD_MANAGER,
        "action": event.reason,
        "reason": event.reason,
        "type": event.type,
        "note": event.message[:1024],
        "regarding": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "namespace": run.key.namespace,
            "name": run.key.name,
            "uid": run.uid,
            "resourceVersion": run.resource_version,
        },
    }
