"""What the operator tells a runner, and what the runner reports: environment, exit codes, report.

The operator writes the environment and reads the report; the runner does the reverse.
Standard library only: the runner loads this module.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum, StrEnum
from typing import Any, Final

from ferryman.api import checked
from ferryman.api.checked import clean
from ferryman.api.hooks import MAX_HOOKS_MESSAGE_CHARACTERS, HooksReport, hooks_of
from ferryman.api.reasons import Reason

CONTRACT_VERSION: Final = 1

COMMAND: Final = ("python", "-m", "ferryman.runner")

MAX_REPORT_BYTES: Final = 4096
"""The kubelet cuts a termination message here."""

MAX_MESSAGE_CHARACTERS: Final = 1024

DEFAULT_TERMINATION_LOG: Final = "/dev/termination-log"

MAX_RESULT_ATTEMPT: Final = 1000
"""A larger number of an attempt is none."""

UPSTREAMS_CHUNK_CHARACTERS: Final = 60_000
"""The length of one FERRYMAN_UPSTREAMS_<i>: Linux allows 128 KiB for one variable."""

DEFAULT_MAX_RESULT_BYTES: Final = 512 * 1024 * 1024


class Env(StrEnum):
    """The environment of a runner. The operator writes it, the runner reads it."""

    ASSIGNMENT = "FERRYMAN_ASSIGNMENT"
    """An `Assignment` as JSON."""
    UPSTREAMS = "FERRYMAN_UPSTREAMS"
    """Prefix: FERRYMAN_UPSTREAMS_0, _1 ... together are a JSON list of `Upstream`, as `dependsOn` orders."""
    POD_NAME = "FERRYMAN_POD_NAME"
    """The downward API's `metadata.name`, in the claim."""
    POD_UID = "FERRYMAN_POD_UID"
    """The downward API's `metadata.uid`: who we are in the claim."""
    JOB_UID = "FERRYMAN_JOB_UID"
    """The downward API's `metadata.labels['batch.kubernetes.io/controller-uid']`: whose pod we are."""
    STORE = "FERRYMAN_STORE"
    """A `StoreLocation` as JSON. Credentials come as AWS_* from a Secret, or from the pod's identity."""
    STORE_ALLOW_UNCONDITIONAL = "FERRYMAN_STORE_ALLOW_UNCONDITIONAL"
    """"1": run even on a store that ignores `If-None-Match`."""
    IMAGE = "FERRYMAN_IMAGE"
    """The image of the runs that this one submits, where it may submit any and has an image of its own."""
    TERMINATION_LOG = "FERRYMAN_TERMINATION_LOG"
    """Where to write the report; unset means /dev/termination-log."""


class ExitCode(IntEnum):
    """The runner's exit code: what is left in the Job's condition when the pod is gone."""

    SUCCEEDED = 0
    """The function returned, its result is stored."""
    USER_FAILURE = 80
    """May be tried again out of `retries`."""
    PERMANENT_FAILURE = 81
    """Trying again cannot help."""
    TIMED_OUT = 82
    """The function ran past its timeout; may be tried again out of `retries`."""
    CRASHED = 83
    """The child process ended without returning or raising."""
    INFRASTRUCTURE = 84
    """Store, claim, start deadline: may be tried again out of `infrastructureRetries`."""
    TERMINATED = 143
    """SIGTERM, as a shell reports it."""


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Where a named store is. `prefix` has no slash at either end, and may be empty.

    `allow_http` permits an endpoint that is neither https nor loopback.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str = "us-east-1"
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Bytes in the store: `size` bytes from `offset` of the object named `object`, hashing to `sha256`.

    `object` is the SHA-256 of the whole object, from which its key is derived; where it is
    empty the blob is the whole object. Digests are 64 lower-case hex characters.
    """

    sha256: str
    size: int
    offset: int = 0
    object: str = ""

    @property
    def object_sha256(self) -> str:
        """The digest that names the object in the store."""
        return self.object or self.sha256


@dataclass(frozen=True, slots=True)
class Upstream:
    """How a run in `dependsOn` ended: where its result, or its failure, is. In the same namespace.

    `sha256` is empty where it left neither; `reason` then says why.
    """

    name: str
    uid: str
    attempt: int
    sha256: str
    size: int
    completed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EarlierAttempt:
    """An attempt in the ledger before this one: whose claim, if any, must be whose."""

    number: int
    job_uid: str


class Mode(StrEnum):
    """What a runner is for."""

    ATTEMPT = "attempt"
    """It executes the attempt."""
    HOOKS = "hooks"
    """The run has ended: it calls the hooks with the state in `Assignment.ending`, and nothing else."""


@dataclass(frozen=True, slots=True)
class ResultRef:
    """A result (or failure) blob in the store, under `runs/<uid>/<attempt>/result`.

    `uid` and `attempt` are those of the run that left it, if it was not this one: a cached result.
    """

    sha256: str
    size: int
    serializer: str
    uid: str = ""
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class RunEnding:
    """How the run ended, for its hooks. `result` says which attempt of which run left it."""

    reason: Reason
    message: str = ""
    result: ResultRef | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """All that one attempt needs to know. O(1) in the size of a map.

    Exactly one of `code` and `entrypoint` is set, at most one of `arguments` and `values`.
    Times are seconds since the epoch, lengths are seconds.
    """

    namespace: str
    """Of the run, its Job and its keys in the store."""
    run: str
    """The TaskRun's name."""
    uid: str
    """The TaskRun's UID."""
    attempt: int
    """From 1."""
    job: str
    """The name of the Job of this attempt."""
    task: str
    """The task's name."""
    code: BlobRef | None = None
    """The code blob."""
    entrypoint: str | None = None
    """`package.module:function`."""
    arguments: BlobRef | None = None
    """The argument blob."""
    values: dict[str, Any] | None = None
    """Keyword arguments as JSON."""
    timeout: float | None = None
    """Of the call of the function."""
    not_after: float | None = None
    """Past this moment the runner does not start: the operator may have given the attempt up."""
    serializer: str = "auto"
    """As in `spec.result.serializer`."""
    max_result_bytes: int = DEFAULT_MAX_RESULT_BYTES
    """A larger result is refused."""
    retries_left: bool = False
    """Whether a failure of the function would be tried again: asks the retry condition only then."""
    earlier: tuple[EarlierAttempt, ...] = ()
    """The ledger so far: whose claims the earlier attempts may have."""
    log_prints: bool = False
    """Prefix what the function prints."""
    cache_key: str | None = None
    """Under which key the result is shared, if the submitter could tell."""
    cache_scope: str = ""
    """What of the key only the submitter knows, if the runner makes it."""
    cache_expiration: float | None = None
    """How long a shared result counts; None is for ever."""
    refresh_cache: bool = False
    """Call the function even where there is a shared result."""
    hooks: tuple[str, ...] = ()
    """As `spec.hooks`: which kinds the task has."""
    infrastructure_retries_left: bool = False
    """Whether an attempt that died would be tried again: hooks are called only where none follows."""
    mode: Mode = Mode.ATTEMPT
    """What to do."""
    ending: RunEnding | None = None
    """In mode `hooks`: how the run ended."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a runner leaves behind, always: the termination message, JSON of at most 4 KiB.

    `reason` is Reason.COMPLETED exactly if the function returned and its result is stored.
    """

    uid: str
    """The run that it speaks of, ..."""
    attempt: int
    """... and its attempt; another's is refused."""
    reason: Reason
    """How it went."""
    message: str = ""
    """For people; at most 1024 characters, without control characters."""
    exception: str = ""
    """The qualified type name of the exception, if there was one."""
    result: ResultRef | None = None
    """The result, or the failure blob with the original exception."""
    started: float | None = None
    """When the function was called, seconds since the epoch; None if it was not."""
    finished: float | None = None
    """When it ended."""
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds per phase."""
    peak_memory: int | None = None
    """Bytes."""
    hooks: HooksReport | None = None
    """Set if nobody else has to see to the hooks any more."""
    version: int = CONTRACT_VERSION
    """Of this contract."""


class InvalidReport(ValueError):
    """The termination message is not a report."""


def encode_assignment(assignment: Assignment) -> str:
    """The value of FERRYMAN_ASSIGNMENT. Raises ValueError if `values` is not JSON.

    What has its default is left out: a runner older than the operator knows a new field only by
    refusing it, and is to do so only where a run asks for what is new.
    """
    given = {one.name: one.default for one in fields(assignment)}
    said = {name: value for name, value in asdict(assignment).items() if value != given[name]}
    return json.dumps(said, separators=(",", ":"), allow_nan=False)


def decode_assignment(text: str) -> Assignment:
    """The assignment of FERRYMAN_ASSIGNMENT. Raises ValueError on anything else."""
    fields = checked.json_object(text)
    try:
        for name in ("code", "arguments"):
            if name in fields:
                fields[name] = BlobRef(**fields[name])
        fields["earlier"] = tuple(EarlierAttempt(**one) for one in fields.get("earlier", ()))
        fields["hooks"] = tuple(fields.get("hooks", ()))
        fields["mode"] = Mode(fields.get("mode", Mode.ATTEMPT))
        if "ending" in fields:
            fields["ending"] = _run_ending(fields["ending"])
        return Assignment(**fields)
    except TypeError as error:
        raise ValueError(f"{Env.ASSIGNMENT}: {error}") from None


def encode_upstreams(upstreams: tuple[Upstream, ...]) -> dict[str, str]:
    """The variables FERRYMAN_UPSTREAMS_<i>; none where there are no upstreams."""
    if not upstreams:
        return {}
    rows = [[u.name, u.uid, u.attempt, u.sha256, u.size, u.completed, u.reason] for u in upstreams]
    text = json.dumps(rows, separators=(",", ":"))
    size = UPSTREAMS_CHUNK_CHARACTERS
    return {f"{Env.UPSTREAMS}_{i}": text[i * size : (i + 1) * size] for i in range(-(-len(text) // size))}


def decode_upstreams(environment: dict[str, str]) -> tuple[Upstream, ...]:
    """The upstreams that `encode_upstreams` put into an environment. Raises ValueError on anything else."""
    chunks: list[str] = []
    while (chunk := environment.get(f"{Env.UPSTREAMS}_{len(chunks)}")) is not None:
        chunks.append(chunk)
    try:
        return tuple(Upstream(*row) for row in json.loads("".join(chunks) or "[]"))
    except TypeError as error:
        raise ValueError(f"{Env.UPSTREAMS}: {error}") from None


def encode_store(location: StoreLocation) -> str:
    """The value of FERRYMAN_STORE."""
    return json.dumps({k: v for k, v in asdict(location).items() if v is not None}, separators=(",", ":"))


def decode_store(text: str) -> StoreLocation:
    """The location of FERRYMAN_STORE. Raises ValueError on anything else."""
    try:
        return StoreLocation(**checked.json_object(text))
    except TypeError as error:
        raise ValueError(f"{Env.STORE}: {error}") from None


def encode_report(report: Report) -> bytes:
    """The report as UTF-8 JSON of at most MAX_REPORT_BYTES; the message is cut, never a fact."""
    fields = {k: v for k, v in asdict(report).items() if v not in (None, "", {})}
    if report.result is not None and not report.result.uid:
        fields["result"] = {name: fields["result"][name] for name in ("sha256", "size", "serializer")}
    limit = MAX_MESSAGE_CHARACTERS
    while True:
        for name in ("message", "exception"):
            if name in fields:
                fields[name] = clean(fields[name], limit)
        if "hooks" in fields:
            said = fields["hooks"]["message"]
            fields["hooks"]["message"] = clean(said, min(limit, MAX_HOOKS_MESSAGE_CHARACTERS))
        text = json.dumps(fields, separators=(",", ":")).encode()
        if len(text) <= MAX_REPORT_BYTES or limit <= 1:
            return text
        limit //= 2


def decode_report(text: str) -> Report:
    """The report in a termination message. Total: raises InvalidReport on whatever is not one."""
    try:
        return _report(checked.json_object(text))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise InvalidReport(clean(f"{type(error).__name__}: {error}", 200)) from None


def _report(fields: dict[str, Any]) -> Report:
    if fields.get("version") != CONTRACT_VERSION:
        raise ValueError(f"not a report of version {CONTRACT_VERSION}")
    result, peak_memory, hooks = fields.get("result"), fields.get("peak_memory"), fields.get("hooks")
    return Report(
        uid=checked.of_type(str, fields["uid"]),
        attempt=checked.of_type(int, fields["attempt"]),
        reason=Reason(fields["reason"]),
        message=clean(checked.of_type(str, fields.get("message", "")), MAX_MESSAGE_CHARACTERS),
        exception=clean(checked.of_type(str, fields.get("exception", "")), MAX_MESSAGE_CHARACTERS),
        result=None if result is None else _result(checked.of_type(dict, result)),
        started=checked.moment(fields.get("started")),
        finished=checked.moment(fields.get("finished")),
        timings=_timings(checked.of_type(dict, fields.get("timings", {}))),
        peak_memory=None if peak_memory is None else checked.of_type(int, peak_memory),
        hooks=None if hooks is None else hooks_of(checked.of_type(dict, hooks)),
    )


def _timings(fields: dict[str, Any]) -> dict[str, float]:
    return {clean(step, 64): checked.number(seconds) for step, seconds in fields.items()}


def _result(fields: dict[str, Any]) -> ResultRef:
    sha256, size = checked.sha256(fields["sha256"]), checked.size(fields["size"])
    serializer = clean(checked.of_type(str, fields["serializer"]), 64)
    if "uid" not in fields:
        return ResultRef(sha256, size, serializer)
    uid, attempt = checked.uid(fields["uid"]), checked.of_type(int, fields["attempt"])
    if not 1 <= attempt <= MAX_RESULT_ATTEMPT:
        raise ValueError("result.attempt is not that of an attempt")
    return ResultRef(sha256, size, serializer, uid, attempt)


def _run_ending(fields: dict[str, Any]) -> RunEnding:
    result = fields.get("result")
    return RunEnding(
        Reason(fields["reason"]),
        fields.get("message", ""),
        None if result is None else ResultRef(**result),
    )
