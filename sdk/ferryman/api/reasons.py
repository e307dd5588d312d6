"""Why a run is where it is: one table of reasons, read by the operator, the SDK and the docs.

`docs/reference/reasons.md` is generated from it. Standard library only: the runner loads this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ferryman.api.phases import Outcome, Phase


class Budget(StrEnum):
    """What a failed attempt spends before it may be tried again."""

    RETRIES = "retries"
    """`spec.retry.retries`: the function's own failures."""
    INFRASTRUCTURE = "infrastructureRetries"
    """`spec.retry.infrastructureRetries`: failures of what ran it."""
    NONE = "none"
    """Trying again cannot help: the run ends."""


class Reason(StrEnum):
    """The reason in a condition or an attempt. Part of the API: never renamed, only added to."""

    # While the run lives
    WAITING_FOR_DEPENDENCIES = "WaitingForDependencies"
    WAITING_FOR_START_TIME = "WaitingForStartTime"
    QUOTA_EXCEEDED = "QuotaExceeded"
    OPERATOR_FORBIDDEN = "OperatorForbidden"
    WAITING_FOR_WORKER = "WaitingForWorker"
    POD_PENDING = "PodPending"
    RUNNING = "Running"
    NODE_UNREACHABLE = "NodeUnreachable"
    AWAITING_RETRY = "AwaitingRetry"
    CANCELLING = "Cancelling"

    # Ends well
    COMPLETED = "Completed"
    CACHED = "Cached"

    # The run cannot be carried out as it was asked for
    INVALID_SPEC = "InvalidSpec"
    INVALID_POD_TEMPLATE = "InvalidPodTemplate"
    ADMISSION_DENIED = "AdmissionDenied"
    JOB_NAME_COLLISION = "JobNameCollision"
    STORE_NOT_CONFIGURED = "StoreNotConfigured"
    LEDGER_INCONSISTENT = "LedgerInconsistent"
    PAYLOAD_NOT_FOUND = "PayloadNotFound"
    PAYLOAD_DIGEST_MISMATCH = "PayloadDigestMismatch"
    INVALID_PAYLOAD = "InvalidPayload"
    MODULE_NOT_FOUND = "ModuleNotFound"
    PYTHON_VERSION_MISMATCH = "PythonVersionMismatch"
    STORE_NOT_CONDITIONAL = "StoreNotConditional"
    STORE_DENIED = "StoreDenied"

    # The function, or what it returned
    USER_EXCEPTION = "UserException"
    RETRY_CONDITION_DECLINED = "RetryConditionDeclined"
    TIMEOUT = "Timeout"
    OOM_KILLED = "OOMKilled"
    PROCESS_EXITED = "ProcessExited"
    RESULT_NOT_SERIALIZABLE = "ResultNotSerializable"
    RESULT_TOO_LARGE = "ResultTooLarge"

    # What ran it
    PROCESS_KILLED = "ProcessKilled"
    RUNNER_KILLED = "RunnerKilled"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    UNSCHEDULABLE = "Unschedulable"
    START_TIMEOUT = "StartTimeout"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    NODE_LOST = "NodeLost"
    WORKER_LOST = "WorkerLost"
    ATTEMPT_LOST = "AttemptLost"
    CLAIM_LOST = "ClaimLost"
    INVALID_RUNNER_REPORT = "InvalidRunnerReport"
    STORE_UNAVAILABLE = "StoreUnavailable"
    RESULT_UPLOAD_FAILED = "ResultUploadFailed"

    # The run as a whole
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    DEPENDENCY_FAILED = "DependencyFailed"
    DEPENDENCY_NOT_FOUND = "DependencyNotFound"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table.

    `phase` is where the run is with this reason: its terminal phase if no attempt may follow.
    `outcome` and `budget` are how an attempt that ended so is recorded and what it spends.
    """

    phase: Phase
    outcome: Outcome
    budget: Budget
    happened: str
    remedy: str


def _live(phase: Phase, happened: str, remedy: str) -> Meaning:
    return Meaning(phase, Outcome.LOST, Budget.NONE, happened, remedy)


def _refused(happened: str, remedy: str) -> Meaning:
    return Meaning(Phase.FAILED, Outcome.FAILED, Budget.NONE, happened, remedy)


def _infrastructure(happened: str, remedy: str) -> Meaning:
    return Meaning(Phase.CRASHED, Outcome.LOST, Budget.INFRASTRUCTURE, happened, remedy)


MEANING: Final[dict[Reason, Meaning]] = {
    Reason.WAITING_FOR_DEPENDENCIES: _live(
        Phase.WAITING,
        "A run in `dependsOn` has not ended.",
        "Wait, or look at the run that the message names.",
    ),
    Reason.WAITING_FOR_START_TIME: _live(Phase.WAITING, "`startAt` lies ahead.", "Wait."),
    Reason.QUOTA_EXCEEDED: _live(
        Phase.WAITING,
        "A ResourceQuota of the namespace forbids the Job. No attempt is spent.",
        "Wait for other runs to end, or raise the quota.",
    ),
    Reason.OPERATOR_FORBIDDEN: _live(
        Phase.WAITING,
        "The operator may not create Jobs in this namespace. No attempt is spent.",
        "Give the operator's service account the Role of the chart.",
    ),
    Reason.WAITING_FOR_WORKER: _live(
        Phase.WAITING,
        "No worker has taken the run of a served task.",
        "Start a worker with the command in the message, or more of them.",
    ),
    Reason.POD_PENDING: _live(
        Phase.PENDING, "The pod of the attempt has not started; the message says why.", "Read the message."
    ),
    Reason.RUNNING: _live(Phase.RUNNING, "The pod of the attempt has started.", "Wait."),
    Reason.NODE_UNREACHABLE: _live(
        Phase.RUNNING,
        "The node of the attempt's pod does not answer; the function may still run there.",
        "Wait; if the node is gone for good, delete its Node object, or taint it "
        "`node.kubernetes.io/out-of-service:NoExecute`. The attempt then ends as NodeLost.",
    ),
    Reason.AWAITING_RETRY: _live(
        Phase.AWAITING_RETRY, "An attempt failed; the next one starts at `status.nextAttemptAt`.", "Wait."
    ),
    Reason.CANCELLING: _live(Phase.RUNNING, "Cancelled; the pod is being stopped.", "Wait."),
    Reason.COMPLETED: Meaning(
        Phase.COMPLETED,
        Outcome.SUCCEEDED,
        Budget.NONE,
        "The function returned and its result is stored.",
        "Nothing: read the result.",
    ),
    Reason.CACHED: Meaning(
        Phase.COMPLETED,
        Outcome.SUCCEEDED,
        Budget.NONE,
        "A result under the same cache key was used; the function was not called.",
        "Nothing; `refreshCache` computes it anew.",
    ),
    Reason.INVALID_SPEC: _refused(
        "The stored TaskRun does not fit this operator's schema.",
        "Correct the field in the message and apply again.",
    ),
    Reason.INVALID_POD_TEMPLATE: _refused(
        "The API server refused the Job that `spec.pod` asks for.",
        "Correct the field in the message and apply again.",
    ),
    Reason.ADMISSION_DENIED: _refused(
        "An admission webhook or policy refused the Job.", "Ask who owns the policy in the message."
    ),
    Reason.JOB_NAME_COLLISION: _refused(
        "A Job of the attempt's name exists and belongs to something else.", "Delete that Job, submit again."
    ),
    Reason.STORE_NOT_CONFIGURED: _refused(
        "`spec.result.store` names a store that the operator does not know.",
        "Use a store that the operator's configuration names, or add it there.",
    ),
    Reason.LEDGER_INCONSISTENT: _refused(
        "`status.attempts` contradicts the Jobs or the claims: somebody edited it.",
        "Submit again; find who may write `taskruns/status`.",
    ),
    Reason.PAYLOAD_NOT_FOUND: _refused(
        "The code or the arguments are not in the store.", "Submit again; check the bucket's lifecycle rules."
    ),
    Reason.PAYLOAD_DIGEST_MISMATCH: _refused(
        "What the store holds is not what was submitted. It was not unpickled.",
        "Submit again; find who may write the bucket.",
    ),
    Reason.INVALID_PAYLOAD: _refused(
        "The code or the arguments cannot be decoded, or the function cannot be called with them.",
        "Submit with this version of ferryman; the message says what is wrong.",
    ),
    Reason.MODULE_NOT_FOUND: _refused(
        "The function or an argument needs a module that the image does not have.",
        "Install it in the image. Modules of yours travel by themselves, if they are files outside of "
        "site-packages.",
    ),
    Reason.PYTHON_VERSION_MISMATCH: _refused(
        "The image's Python differs from the one that pickled the function.",
        "Use an image with the Python that pickled the function, or submit with the image's Python.",
    ),
    Reason.STORE_NOT_CONDITIONAL: _refused(
        "The store ignores `If-None-Match: *`, so an attempt could run twice.",
        "Use a store that honours conditional writes; `ferryman doctor` tells.",
    ),
    Reason.STORE_DENIED: _refused(
        "The store refused the runner's credentials.", "Give the pod the right that the message names."
    ),
    Reason.USER_EXCEPTION: Meaning(
        Phase.FAILED,
        Outcome.FAILED,
        Budget.RETRIES,
        "The function raised an exception.",
        "`result()` raises it; `ferryman logs` shows it.",
    ),
    Reason.RETRY_CONDITION_DECLINED: Meaning(
        Phase.FAILED,
        Outcome.FAILED,
        Budget.NONE,
        "The function raised and its `retry_condition_fn` said no.",
        "`result()` raises the exception.",
    ),
    Reason.TIMEOUT: Meaning(
        Phase.TIMED_OUT,
        Outcome.TIMED_OUT,
        Budget.RETRIES,
        "The function ran longer than `spec.timeout` and was stopped.",
        "Raise the timeout or make it faster.",
    ),
    Reason.OOM_KILLED: Meaning(
        Phase.CRASHED,
        Outcome.CRASHED,
        Budget.RETRIES,
        "The container used more memory than its limit.",
        "Raise `spec.pod.resources.limits.memory`.",
    ),
    Reason.PROCESS_EXITED: Meaning(
        Phase.CRASHED,
        Outcome.CRASHED,
        Budget.NONE,
        "The function ended its process: `sys.exit`, `os._exit`, KeyboardInterrupt.",
        "Return or raise instead.",
    ),
    Reason.RESULT_NOT_SERIALIZABLE: _refused(
        "The function returned what cannot be pickled.", "Return data; the message names the type."
    ),
    Reason.RESULT_TOO_LARGE: _refused(
        "The result is larger than the limit.", "Store large data yourself and return where it is."
    ),
    Reason.PROCESS_KILLED: Meaning(
        Phase.CRASHED,
        Outcome.CRASHED,
        Budget.INFRASTRUCTURE,
        "A signal killed the process of the function: a segmentation fault, or somebody's kill.",
        "The message names the signal. SIGSEGV and SIGABRT come from native code, SIGKILL from outside.",
    ),
    Reason.RUNNER_KILLED: _infrastructure(
        "The pod was stopped from outside before the function ended.", "Find who deleted or stopped the pod."
    ),
    Reason.IMAGE_PULL_FAILED: _infrastructure(
        "The image could not be pulled.", "Correct `spec.pod.image`, or its `imagePullSecrets`."
    ),
    Reason.UNSCHEDULABLE: _infrastructure(
        "No node could take the pod in time.", "Ask for less, or add nodes; the message is the scheduler's."
    ),
    Reason.START_TIMEOUT: _infrastructure(
        "The pod did not start within `spec.startTimeout`.", "The message says what it waited for."
    ),
    Reason.EVICTED: _infrastructure("The node evicted the pod.", "Request what the function needs."),
    Reason.PREEMPTED: _infrastructure("A pod of higher priority took its place.", "Set `priorityClassName`."),
    Reason.NODE_LOST: _infrastructure("The node is gone or does not answer.", "Nothing, if retries remain."),
    Reason.WORKER_LOST: _infrastructure(
        "The worker that had the run stopped renewing its lease.", "See the worker's log."
    ),
    Reason.ATTEMPT_LOST: _infrastructure(
        "The Job or its pod disappeared before the outcome was known.", "Find who deleted it."
    ),
    Reason.CLAIM_LOST: _infrastructure(
        "Another pod had claimed the attempt; this one did not call the function.",
        "Nothing, if retries remain.",
    ),
    Reason.INVALID_RUNNER_REPORT: _infrastructure(
        "The runner's report is missing or cannot be read.",
        "See the pod's log; is the image's ferryman too old?",
    ),
    Reason.STORE_UNAVAILABLE: _infrastructure("The store did not answer.", "Check the store."),
    Reason.RESULT_UPLOAD_FAILED: _infrastructure("The result could not be stored.", "Check the store."),
    Reason.DEADLINE_EXCEEDED: Meaning(
        Phase.TIMED_OUT,
        Outcome.TIMED_OUT,
        Budget.NONE,
        "The run as a whole took longer than `spec.deadline`.",
        "Raise the deadline.",
    ),
    Reason.DEPENDENCY_FAILED: _refused(
        "A run in `dependsOn` did not complete.", "Look at the run in the message."
    ),
    Reason.DEPENDENCY_NOT_FOUND: _refused(
        "A run in `dependsOn` does not exist.", "Create it first; has its TTL removed it?"
    ),
    Reason.CANCELLED: Meaning(
        Phase.CANCELLED,
        Outcome.CANCELLED,
        Budget.NONE,
        "Its cancellation was requested.",
        "Submit it again, if that was wrong.",
    ),
}
"""What each reason means; complete, which a test keeps."""
