"""What to do about one run: the output of every decision, and all that `apply` carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ferryman.api.taskrun import TaskRunStatus


class Look(StrEnum):
    """A live read that a decision needs before it can be made."""

    RUN = "Run"
    """GET the TaskRun, then the Job named `attempts.job_name(run)` of what was read; the answer is `fresh`.

    Before a Job after the first is created, before one is called lost, before a run ends without one.
    """
    RUN_ALONE = "RunAlone"
    """GET the TaskRun; the answer is `current`.

    Before the first Job is created: if there is one, creating it is a conflict.
    """
    PODS = "Pods"
    """LIST the pods of the run. Where it is known that the current Job's has succeeded, that one will do."""
    LEASE = "Lease"
    """GET the Lease of the worker in `status.lease`; the answer is `renewal`."""
    UPSTREAMS = "Upstreams"
    """GET the runs in `dependsOn` that the cache does not have; the answer is `upstreams_confirmed`."""


@dataclass(frozen=True, slots=True)
class CreateJob:
    """POST this Job; `AlreadyExists` with our run as its owner counts as done."""

    attempt: int
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """DELETE this Job and, in the background, its pods; only if it still has this UID."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about the run: `type` is Normal or Warning."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Carried out in the order of the fields; `status` is written last of the writes that matter.

    Where `looks` is not empty nothing else is done: the reads are made, and the decision anew.
    `status` is the whole next status. It is compared and written with the resourceVersion of the
    run that was observed, so a plan made from an old one changes nothing.
    """

    looks: frozenset[Look] = frozenset()
    create: CreateJob | None = None
    delete: tuple[DeleteJob, ...] = ()
    status: TaskRunStatus | None = None
    event: Event | None = None
    remove: bool = False
    """DELETE the TaskRun: its time to live is over."""
    wake_at: datetime | None = None
    """Decide again at this moment even if nothing is heard of it."""

    @property
    def is_quiet(self) -> bool:
        """Whether it does nothing but wait."""
        return not (self.looks or self.create or self.delete or self.status or self.event or self.remove)
