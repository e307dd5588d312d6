"""The TaskRun resource as pydantic models: the one hand-written source of its schema.

`ferryman.api.crd` turns these models into the CustomResourceDefinition. Bounds that a
field can state are on the field; rules between fields are CEL, beside the model they bind.
Models are frozen; JSON names are camelCase (`model.model_dump(by_alias=True, exclude_none=True)`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from ferryman.api import names, rules
from ferryman.api.fields import Duration, Line, Model, Name, RunUid, Sha256
from ferryman.api.phases import HooksState, Outcome, Phase

MAX_DEPENDENCIES = 1000
MAX_VALUES = 256
MAX_VALUES_BYTES = 64 * 1024
MAX_RETRIES = 100
MAX_DELAYS = 50
MAX_ATTEMPTS_KEPT = 20
MAX_ATTEMPTS = 2 * MAX_RETRIES + 1
MAX_OBJECT_BYTES = 5 * 1024**4

DEFAULT_TIMEOUT = "24h"
DEFAULT_START_TIMEOUT = "15m"
DEFAULT_DEADLINE = "168h"
DEFAULT_TTL = "24h"
DEFAULT_INFRASTRUCTURE_RETRIES = 3


class Blob(Model):
    """Bytes in the store, named by their SHA-256; where they are follows from it."""

    sha256: Sha256
    """Of these bytes. The runner verifies it before it unpickles."""
    size: int = Field(ge=1, le=MAX_OBJECT_BYTES, strict=True)
    """Bytes."""


class ArgumentBlob(Blob):
    """Arguments in the store: a whole object, or a byte range of one that the runs of a map share."""

    offset: int = Field(default=0, ge=0, le=MAX_OBJECT_BYTES, strict=True)
    """Where the range starts."""
    object: Sha256 | None = None
    """SHA-256 of the whole object, if these bytes are only a range of it."""


class Task(Model):
    """Which task this is a run of; for people, selectors and caches."""

    name: str = Field(min_length=1, max_length=253)
    """As people know it: the function's name, or the one that `@task(name=...)` gave it."""
    key: str = Field(default="", max_length=512)
    """Stable identity of the task across processes: module, qualified name, hash of the source."""
    version: str = Field(default="", max_length=128)
    """What `@task(version=...)` says."""


class Function(Model):
    """What to call: exactly one of `blob` and `entrypoint`."""

    blob: Blob | None = None
    """A sealed code blob, which the SDK uploaded."""
    entrypoint: str | None = Field(default=None, max_length=512, pattern=rules.ENTRYPOINT)
    """`package.module:function`, importable in the image."""


class Parameters(Model):
    """What to call it with: at most one of `blob` and `values`."""

    blob: ArgumentBlob | None = None
    """Sealed arguments, which the SDK uploaded."""
    values: dict[str, Any] | None = Field(default=None, max_length=MAX_VALUES)
    """Keyword arguments as plain JSON: at most 256 of them, at most 64 KiB together."""


class Dependency(Model):
    """Another run in the same namespace that has to end first."""

    name: Name
    """Of its TaskRun."""
    condition: Literal["Completed", "Finished"] = "Completed"
    """`Completed`, which unset means: it must complete, or this run fails. `Finished`: it must end."""


class Parent(Model):
    """The run that submitted this one, in the same namespace."""

    name: Name
    """Of its TaskRun."""
    uid: str = Field(min_length=1, max_length=64)
    """Of its TaskRun: another run of the name is not the parent."""


class Retry(Model):
    """How often a failed attempt is followed by another one, and after how long."""

    retries: int = Field(default=0, ge=0, le=MAX_RETRIES, strict=True)
    """Further attempts after failures of the function: exceptions, timeouts, out of memory."""
    delays: list[Duration] = Field(default_factory=list, max_length=MAX_DELAYS)
    """Before retry 1, 2, ...; the last one repeats; none means at once."""
    jitter_factor: float = Field(default=0, ge=0, le=100, strict=True, allow_inf_nan=False)
    """Spreads each delay at random around its length; 0 does not."""
    infrastructure_retries: int = Field(
        default=DEFAULT_INFRASTRUCTURE_RETRIES, ge=0, le=MAX_RETRIES, strict=True
    )
    """Further attempts after failures of what ran it: evictions, lost nodes, image pulls."""


class CacheHit(Model):
    """A result that an earlier run in this namespace left in the store."""

    uid: RunUid
    """Of the run that computed it."""
    attempt: int = Field(ge=1, le=MAX_ATTEMPTS, strict=True)
    """Which attempt left it."""
    sha256: Sha256
    """Of the blob; a reader verifies it before it decodes."""
    size: int = Field(ge=0, le=MAX_OBJECT_BYTES, strict=True)
    """Bytes."""
    serializer: str = Field(min_length=1, max_length=64)
    """How it is written."""


class ResultOptions(Model):
    """Where the result goes and how it is written."""

    store: str = Field(default=names.DEFAULT_STORE, min_length=1, max_length=63, pattern=names.STORE)
    """A store that the operator's configuration names; code and arguments are read from it too."""
    key: str | None = Field(default=None, min_length=1, max_length=512, pattern=r"^[A-Za-z0-9._/=-]+$")
    """A name of yours for the result; it is kept in `status.result`."""
    serializer: str = Field(default="auto", min_length=1, max_length=64)
    """`auto` (JSON where the value allows, else pickle), `json`, `pickle`, both also with `compressed/`
    before it, or `custom`: one of the task's own."""
    cache_key: str | None = Field(default=None, min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._=-]+$")
    """Runs with the same key in the same namespace share one result."""
    cache_expiration: Duration | None = None
    """How long a shared result counts; unset means as long as the store keeps it."""
    refresh_cache: bool = Field(default=False, strict=True)
    """Call the function even where a shared result exists, and share the new one."""
    cache_scope: str | None = Field(
        default=None, min_length=1, max_length=256, pattern=r"^[A-Za-z0-9._/=-]+$"
    )
    """What of a cache key only the submitter knows, where the runner makes the key: the flow run, a slash,
    and a digest of its parameters."""
    hit: CacheHit | None = None
    """The shared result, where the submitter found one: the run ends with it at once, without a pod."""


class PodOptions(Model):
    """What of the pod a run may set: a closed list. Shapes are in `ferryman.api.pod_schema`."""

    image: str | None = Field(default=None, min_length=1, max_length=512, pattern=rules.IMAGE)
    """With Python, ferryman and what the function imports; unset means the operator's default."""
    resources: dict[str, Any] | None = None
    """Requests and limits of the container."""
    env: list[dict[str, Any]] | None = Field(default=None, max_length=200)
    """Variables; names that start with FERRYMAN_, AWS_, PYTHON or LD_ are reserved."""
    env_from: list[dict[str, Any]] | None = Field(default=None, max_length=50)
    """Variables from whole Secrets and ConfigMaps. Who may write those can run code in the pod."""
    service_account_name: Name | None = None
    """Unset means the operator's default."""
    automount_service_account_token: bool = Field(default=False, strict=True)
    """Whether the code gets the service account's token, with which it may submit runs of its own."""
    node_selector: dict[str, str] | None = None
    """Labels that the node must have."""
    tolerations: list[dict[str, Any]] | None = Field(default=None, max_length=50)
    """Taints that the pod accepts, each named by its key."""
    affinity: dict[str, Any] | None = None
    """As in a pod; Kubernetes validates it when the Job is created."""
    priority_class_name: Name | None = None
    """A PriorityClass of the cluster; not one of `system-`."""
    image_pull_secrets: list[dict[str, Any]] | None = Field(default=None, max_length=20)
    """Secrets in the namespace for the image's registry."""
    volumes: list[dict[str, Any]] | None = Field(default=None, max_length=50)
    """Of the kinds emptyDir, configMap, secret, persistentVolumeClaim, projected."""
    volume_mounts: list[dict[str, Any]] | None = Field(default=None, max_length=50)
    """Where they are in the container."""
    runtime_class_name: Name | None = None
    """A RuntimeClass of the cluster."""
    labels: dict[str, str] | None = None
    """Of the Job and its pod, such as Kueue's; `ferryman.dev` is reserved."""
    annotations: dict[str, str] | None = None
    """Of the pod; `ferryman.dev` is reserved."""


class TaskRunSpec(Model):
    """What to run. Immutable but for `cancelRequested`."""

    task: Task
    """Which task it is a run of."""
    function: Function
    """What to call."""
    parameters: Parameters = Parameters()
    """What to call it with."""
    executor: Literal["Job", "Worker"] = "Job"
    """`Job`: a pod for each attempt. `Worker`: a process started by `ferryman serve` takes it."""
    depends_on: list[Dependency] = Field(default_factory=list, max_length=MAX_DEPENDENCIES)
    """Runs that must end first; the SDK puts their results into the arguments."""
    parent: Parent | None = None
    """The run whose code submitted this one. Its cancellation, crash or timeout cancels this one."""
    start_at: datetime | None = None
    """Not before this moment."""
    retry: Retry = Retry()
    """What follows a failed attempt."""
    timeout: Duration = DEFAULT_TIMEOUT
    """Of one attempt, from the call of the function."""
    start_timeout: Duration = DEFAULT_START_TIMEOUT
    """From the creation of an attempt's Job to the start of its function: image pulls, scheduling."""
    deadline: Duration = DEFAULT_DEADLINE
    """Of the whole run, from its creation."""
    result: ResultOptions = ResultOptions()
    """Where the result goes."""
    ttl_after_finished: Duration = DEFAULT_TTL
    """How long a finished run is kept; at least a minute, so that waiting clients can read it."""
    cancel_requested: bool = Field(default=False, strict=True)
    """Set it to true to stop the run; it cannot be unset."""
    log_prints: bool = Field(default=False, strict=True)
    """Prefix every line that the function prints with the run's name and attempt."""
    hooks: list[Literal["Completion", "Failure"]] = Field(default_factory=list, max_length=2)
    """Which kinds of hooks the task has: who ends the run sees to it that they are called."""
    pod: PodOptions = PodOptions()
    """What the pod of each attempt is like."""


class Condition(Model):
    """A Kubernetes condition."""

    type: str = Field(default="Succeeded", min_length=1, max_length=316)
    """`Succeeded` is ours; others are left as they are."""
    status: Literal["True", "False", "Unknown"]
    """`Unknown` while the run lives."""
    reason: str = Field(max_length=64)
    """One of the reasons in the reference."""
    message: str = Field(default="", max_length=4096)
    """For people."""
    observed_generation: int = 0
    """Of the TaskRun that it speaks of."""
    last_transition_time: datetime
    """When `status` changed."""

    @model_serializer(mode="wrap")
    def _with_type(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # The key of the list, which `render` would leave out as a default.
        return {"type": self.type, **inner(self)}


class Attempt(Model):
    """One execution of the function, or what came of it: a row of the ledger."""

    number: int = Field(ge=1)
    """From 1."""
    job_name: str = Field(default="", max_length=63)
    """Its Job; empty where a worker has it."""
    job_uid: str = Field(default="", max_length=64, alias="jobUID")
    """The Job's UID, or the token of the worker's lease."""
    worker: Name | None = None
    """The worker that had it, of a served task."""
    pod_name: str | None = Field(default=None, max_length=253)
    """The pod that ran it."""
    node_name: str | None = Field(default=None, max_length=253)
    """Where that ran."""
    started_at: datetime | None = None
    """When its pod started."""
    finished_at: datetime | None = None
    """When that ended."""
    outcome: Outcome | None = None
    """Unset while it runs."""
    reason: str | None = Field(default=None, max_length=64)
    """One of the reasons in the reference."""
    message: Line | None = None
    """For people."""
    exit_code: int | None = None
    """The container's."""
    not_before: datetime | None = None
    """When the attempt after this one may start."""


class Result(Model):
    """Where the result is, or, of a failed run, the original exception."""

    sha256: Sha256
    """Of the blob; a reader verifies it before it decodes."""
    size: int = Field(ge=0)
    """Bytes."""
    attempt: int = Field(ge=1)
    """Which attempt left it."""
    uid: RunUid | None = None
    """Of the run whose attempt that was, if it was another run's."""
    key: str | None = Field(default=None, max_length=512)
    """As in `spec.result.key`."""
    serializer: str = Field(max_length=64)
    """How it is written: `json`, `pickle`, both also with `compressed/` before it, `custom` or `failure`."""
    cached: bool = False
    """Whether an earlier run computed it."""


class Lease(Model):
    """A worker's hold of one attempt. Written by the worker, but for `stopBy`; cleared by the operator."""

    worker: Name
    """The worker, and the name of the Lease (coordination.k8s.io) that it renews."""
    token: str = Field(min_length=1, max_length=64, pattern=r"^[0-9a-z-]+$")
    """Random, of this claim."""
    attempt: int = Field(ge=1, le=MAX_ATTEMPTS)
    """Which attempt it executes."""
    acquired_at: datetime
    """When, on the worker's clock."""
    duration_seconds: int = Field(ge=1, le=3600)
    """How long it holds without a renewal."""
    report: str | None = Field(default=None, max_length=4096)
    """How the attempt ended: a runner's report."""
    stop_by: datetime | None = None
    """The attempt is to be stopped, and by then to be reported; the row in `attempts` says why."""


class Hooks(Model):
    """What becomes of the hooks of a run that has ended."""

    state: HooksState
    """How far they are."""
    job_uid: str | None = Field(default=None, max_length=64, alias="jobUID")
    """Of the Job that calls them, where the runner of the last attempt did not; or a worker's token."""
    worker: Name | None = None
    """The worker that calls them, of a served task."""
    message: Line | None = None
    """For people: which hook raised, or why none was called."""


class TaskRunStatus(Model):
    """What became of it. The operator writes it, workers `lease` and `hooks`; a terminal phase is final."""

    phase: Phase = Phase.PENDING
    """Where the run is."""
    conditions: list[Condition] = Field(default_factory=list, max_length=8)
    """`kubectl wait --for=condition=Succeeded` reads these."""
    attempts: list[Attempt] = Field(default_factory=list, max_length=MAX_ATTEMPTS_KEPT)
    """The ledger: the last 20 attempts, oldest first, numbered without gaps."""
    retries_used: int = Field(default=0, ge=0)
    """Attempts so far that were charged to `retry.retries`."""
    infrastructure_retries_used: int = Field(default=0, ge=0)
    """Attempts so far that were charged to `retry.infrastructureRetries`."""
    next_attempt_at: datetime | None = None
    """When the next attempt starts, in phase AwaitingRetry."""
    started_at: datetime | None = None
    """When the first attempt started."""
    finished_at: datetime | None = None
    """When the run ended."""
    observed_generation: int = 0
    """The generation of the spec that this status answers."""
    result: Result | None = None
    """Where the result is."""
    attempt_count: int = Field(default=0, ge=0, le=MAX_ATTEMPTS)
    """Attempts so far, kept or not: the column `Attempts`. Written together with `attempts`."""
    lease: Lease | None = None
    """Which worker executes the attempt, of a served task."""
    offered_attempt: int = Field(default=0, ge=0, le=MAX_ATTEMPTS)
    """The attempt that workers may claim, of a served task."""
    duration: Duration | None = None
    """From `startedAt` to `finishedAt`: the column `Duration`. Written with the terminal phase."""
    hooks: Hooks | None = None
    """Set as the run ends, if hooks are to be called; all else in the status is final by then."""

    @model_serializer(mode="wrap")
    def _with_phase(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A merge patch without it would leave the phase before, where it goes back to Pending.
        return {"phase": self.phase.value, **inner(self)}


class TaskRun(Model):
    """A Python function to be run as Kubernetes Jobs until it succeeds or its budgets are spent."""

    api_version: Literal["ferryman.dev/v1alpha1"] = "ferryman.dev/v1alpha1"
    kind: Literal["TaskRun"] = "TaskRun"
    metadata: dict[str, Any] = Field(default_factory=dict)
    spec: TaskRunSpec
    """What to run."""
    status: TaskRunStatus = TaskRunStatus()
    """What became of it."""

    @model_serializer(mode="wrap")
    def _with_kind(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"apiVersion": self.api_version, "kind": self.kind, **inner(self)}


def parse(manifest: dict[str, Any]) -> TaskRun:
    """The TaskRun in a JSON object. Raises pydantic.ValidationError, naming each bad field."""
    return TaskRun.model_validate(manifest)


def render(model: Model) -> dict[str, Any]:
    """The model as JSON with Kubernetes' names, without what is unset or default."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
