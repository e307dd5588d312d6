"""What can go wrong, as classes.

    FerrymanError
    |-- ConfigurationError              no cluster, store or credentials to work with
    |-- ParameterBindError              (also TypeError) the call does not fit the function
    |-- ReservedArgumentError           (also TypeError) a parameter is named wait_for or return_state
    |-- MappingError                    `map` cannot map what it was given
    |   |-- MappingLengthMismatch
    |   `-- MappingMissingIterable
    |-- NotServable                     (also ValueError) no worker could find the task by its name
    |-- SerializationError              (also TypeError) the function or an argument cannot be pickled
    |   `-- PayloadTooLarge
    |-- InvalidCacheKey                 (also TypeError) a cache key function returned no string
    |-- VisualizationError              visualize() met what only a value can tell
    |-- VersionMismatch                 the image's Python is not yours
    |-- MissingContextError             (also RuntimeError) there is no run to tell about
    |-- ClusterError                    the Kubernetes API refused or failed
    |   |-- PermissionDenied
    |   |-- InvalidTaskRun              it refused the TaskRun; the message names the field
    |   |-- RunNotFound
    |   |-- RunAlreadyExists
    |   |-- WriteConflict               the object has changed since it was read
    |   `-- ClusterUnavailable
    |-- StoreError                      the store refused or failed
    |   |-- StoreUnavailable            worth another try
    |   |-- StoreDenied
    |   |-- ObjectNotFound
    |   |-- ObjectExists                the conditional write lost
    |   `-- StoreNotConditional         the store ignores If-None-Match
    |-- InvalidBlob                     bytes from the store are not what they should be
    |   |-- DigestMismatch
    |   `-- UnsupportedFormat
    |-- UntrustedResult                 a pickle that this process did not ask for
    |-- ResultExpired                   the result is gone from the store
    |-- UnfinishedRun                   (also RuntimeError) it has no result yet
    |-- TaskRunTimeoutError             (also TimeoutError) the last attempt hit its timeout
    `-- RunFailed                       it ended without a result; .reason, .message, .run, .attempts
        |-- TaskFailed                  the function raised and the exception cannot be rebuilt here
        |-- RunRefused                  it could not be carried out as it was asked for
        |-- RunCrashed                  what ran it died
        |   |-- OutOfMemory
        |   `-- AttemptsExhausted       the infrastructure failed more often than it may
        |-- DeadlineExceeded            (also TimeoutError) the run as a whole took too long
        |-- UpstreamTaskError           a run that it depends on did not complete
        |-- CancelledRun                (also concurrent.futures.CancelledError)
        `-- RunGone                     the TaskRun was deleted

Every class's docstring is the message where none is given. Catch `FerrymanError` for all of it;
an exception that the function raised comes back as itself.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Sequence


class FerrymanError(Exception):
    """Ferryman could not do what it was asked to.

    The base of all of its exceptions. What a task's function raises comes back as it is, and is none.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])


class ConfigurationError(FerrymanError):
    """There is no cluster or no store to work with."""


class ParameterBindError(FerrymanError, TypeError):
    """The call does not fit the function's signature."""


class ReservedArgumentError(FerrymanError, TypeError):
    """A parameter has a name that calls of tasks use themselves."""


class MappingError(FerrymanError):
    """These arguments cannot be mapped over."""


class MappingLengthMismatch(MappingError):
    """The mapped arguments have different lengths."""


class MappingMissingIterable(MappingError):
    """None of the arguments can be mapped over."""


class NotServable(FerrymanError, ValueError):
    """The task cannot be found by its name: define it at the top level of a module."""


class SerializationError(FerrymanError, TypeError):
    """The function or one of its arguments cannot be pickled."""


class PayloadTooLarge(SerializationError):
    """The function or its arguments are larger than the limit."""


class InvalidCacheKey(FerrymanError, TypeError):
    """A cache key must be a string or None."""


class VisualizationError(FerrymanError):
    """visualize() runs no task, and the flow asked for what one returns."""


class VersionMismatch(FerrymanError):
    """The Python that pickled it differs from the one that is to unpickle it."""


class MissingContextError(FerrymanError, RuntimeError):
    """There is no task run here."""


class ClusterError(FerrymanError):
    """The Kubernetes API refused or failed."""


class PermissionDenied(ClusterError):
    """Kubernetes does not allow you to do this."""


class InvalidTaskRun(ClusterError):
    """The API server refused the TaskRun."""


class RunNotFound(ClusterError):
    """There is no TaskRun of this name."""


class RunAlreadyExists(ClusterError):
    """There is a TaskRun of this name already."""


class WriteConflict(ClusterError):
    """The object has changed since it was read."""


class ClusterUnavailable(ClusterError):
    """The Kubernetes API does not answer."""


class StoreError(FerrymanError):
    """The store refused or failed."""


class StoreUnavailable(StoreError):
    """The store does not answer, or not in time; it is worth another try."""


class StoreDenied(StoreError):
    """The store does not allow you to do this."""


class ObjectNotFound(StoreError):
    """There is no object under this key."""


class ObjectExists(StoreError):
    """There is an object under this key already."""


class StoreNotConditional(StoreError):
    """The store ignores `If-None-Match: *`, so it cannot keep an attempt from running twice."""


class InvalidBlob(FerrymanError):
    """The bytes are not a blob of Ferryman's."""


class DigestMismatch(InvalidBlob):
    """The bytes do not hash to the digest they should have; they were not decoded."""


class UnsupportedFormat(InvalidBlob):
    """A newer ferryman wrote this blob."""


class UntrustedResult(FerrymanError):
    """The result is a pickle of a run that this process did not submit; pass trust_pickle=True to load it."""


class ResultExpired(FerrymanError):
    """The run completed, but its result is gone from the store."""


class UnfinishedRun(FerrymanError, RuntimeError):
    """The run has not ended yet."""


class TaskRunTimeoutError(FerrymanError, TimeoutError):
    """The task ran longer than its timeout and was stopped."""


class RunFailed(FerrymanError):
    """The run ended without a result."""

    def __init__(
        self, message: str = "", *, run: str = "", reason: str = "", attempts: Sequence[object] = ()
    ) -> None:
        super().__init__(message)
        self.run = run
        """The TaskRun's name."""
        self.reason = reason
        """A `ferryman.api.reasons.Reason`."""
        self.attempts = tuple(attempts)
        """The ledger: `ferryman.api.taskrun.Attempt`."""

    def __reduce__(self) -> tuple[object, ...]:
        # The default would call the class with the message alone and lose the rest.
        return _rebuild, (type(self), str(self), self.run, self.reason, self.attempts)


def _rebuild(
    kind: type[RunFailed], message: str, run: str, reason: str, attempts: Sequence[object]
) -> RunFailed:
    return kind(message, run=run, reason=reason, attempts=attempts)


class TaskFailed(RunFailed):
    """The function raised an exception that cannot be rebuilt here; its traceback is in the message."""


class RunRefused(RunFailed):
    """The run could not be carried out as it was asked for."""


class RunCrashed(RunFailed):
    """What ran the function died."""


class OutOfMemory(RunCrashed):
    """The function used more memory than its limit."""


class AttemptsExhausted(RunCrashed):
    """The infrastructure failed more often than `infrastructureRetries` allows."""


class DeadlineExceeded(RunFailed, TimeoutError):
    """The run as a whole took longer than its deadline."""


class UpstreamTaskError(RunFailed):
    """A run that this one depends on did not complete."""


class CancelledRun(RunFailed, concurrent.futures.CancelledError):
    """The run was cancelled."""


class RunGone(RunFailed):
    """The TaskRun was deleted before its outcome was read."""
