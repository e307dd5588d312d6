"""What is known of one run at one moment: the input of every decision.

Projections of Kubernetes objects, frozen, with only what a decision reads. Times are aware
UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from ferryman.api.runner_contract import StoreLocation
from ferryman.api.taskrun import TaskRunSpec, TaskRunStatus


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which run: the key of the work queue."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Run:
    """A TaskRun. `spec` is None, and `invalid` says why, where it does not fit our schema."""

    key: Key
    uid: str
    resource_version: str
    generation: int
    created: datetime
    deleting: bool
    spec: TaskRunSpec | None
    status: TaskRunStatus
    invalid: str = ""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """The condition that ended a Job: `complete`, or failed for `reason`."""

    complete: bool
    reason: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """The Job of one attempt. `owner_uid` is the controller ownerReference's, "" if there is none."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    owner_uid: str
    attempt: int
    created: datetime
    deleting: bool = False
    begun: bool = field(default=True, compare=False)
    """Whether the Job controller has looked at it. Before that it has no pod. No news by itself."""
    ready: int = 0
    silent: bool = field(default=False, compare=False)
    """Whether it has a pod that is not over, and none that is ready. No news but together with `ready`."""
    end: JobEnd | None = None


@dataclass(frozen=True, slots=True)
class ContainerExit:
    """How the runner container ended. `message` is its termination message, unparsed."""

    exit_code: int
    reason: str
    message: str
    started: datetime | None
    finished: datetime | None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a Job of ours."""

    name: str
    uid: str
    job_uid: str
    node: str
    phase: str
    deleting: bool = False
    ends_by: datetime | None = None
    """When the grace of its deletion is over."""
    ready: bool = False
    unreachable: bool = False
    """Whether its node does not answer: the pod is not ready any more, but its container is said to be."""
    waiting_reason: str = ""
    """Of the runner container, e.g. ImagePullBackOff; or Unschedulable, of the pod."""
    waiting_message: str = ""
    disruption: str = ""
    """The reason of the condition DisruptionTarget, if it is true."""
    status_reason: str = ""
    """`status.reason` of the pod, e.g. Evicted, NodeLost."""
    status_message: str = ""
    exit: ContainerExit | None = None

    @property
    def is_over(self) -> bool:
        """Whether none of its containers runs or ever will."""
        return self.phase in ("Succeeded", "Failed")


class RefusalKind(StrEnum):
    """Why the API server did not create a Job."""

    EXISTS = "Exists"
    """A Job of this name exists and is not this run's."""
    QUOTA = "Quota"
    FORBIDDEN = "Forbidden"
    INVALID = "Invalid"
    DENIED = "Denied"
    """By an admission webhook or policy."""
    NAMESPACE_TERMINATING = "NamespaceTerminating"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server's answer to the creation of the Job of `attempt`, where it was no."""

    attempt: int
    kind: RefusalKind
    message: str
    at: datetime
    """When it was given. It may be shown again until a create of the attempt gets another answer."""


@dataclass(frozen=True, slots=True)
class PodDefaults:
    """What a pod gets where its run does not say: the operator's configuration."""

    image: str
    service_account: str = ""
    image_pull_policy: str = ""
    cpu_request: str = ""
    memory_request: str = ""
    cpu_limit: str = ""
    memory_limit: str = ""
    node_selector: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    scratch_size_limit: str = "1Gi"
    run_as_user: int | None = 65532
    termination_grace_seconds: int = 30


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """A named store: where it is, and the Secret (in the run's namespace) with AWS_* credentials, if any."""

    location: StoreLocation
    credentials_secret: str = ""
    allow_unconditional: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """The operator's configuration, as far as decisions read it."""

    stores: Mapping[str, StoreConfig]
    pod: PodDefaults
    job_ttl_seconds: int = 7 * 24 * 3600
    """How long Kubernetes keeps a finished Job: longer than any outage of the operator should be."""
    pending_look_seconds: float = 10.0
    """How long a Job may be without a ready pod before its pods are looked at, and how often then."""
    quota_retry_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is known of the Lease of the worker that has the run, on our clock."""

    seen: datetime
    """When it was first seen as it is now: it was renewed then, or before."""
    looked: datetime
    """When it was last looked at."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything a decision about one run reads.

    `jobs` are those whose controller is the run, and any that has the name of its current attempt's.
    `pods` is None where nobody has looked: the plan asks for a look if it needs one. They are all that
    the run has, or the one that reports the success of its current Job.
    `fresh` says that `run` and the Job of its current attempt come from live reads made for this decision,
    in this order, and not from the cache: such a Job that is not in `jobs` does not exist. `current` says
    it of `run` alone.
    `upstreams` has every run of `spec.dependsOn` that exists, as far as the cache knows, or for
    certain if `upstreams_confirmed`.
    """

    now: datetime
    world: World
    run: Run | None
    jobs: tuple[Job, ...] = ()
    pods: tuple[Pod, ...] | None = None
    upstreams: Mapping[str, Run] = field(default_factory=lambda: MappingProxyType({}))
    upstreams_confirmed: bool = False
    fresh: bool = False
    current: bool = False
    refusal: Refusal | None = None
    awaited: bool = False
    """Whether a live run depends on this one, or is its child."""
    parent: Run | None = None
    """The run of `spec.parent`, if the cache knows it."""
    renewal: Renewal | None = None
    """Of the worker in `status.lease`; None if nobody has looked at it yet."""
