"""What the API server refuses, as classes; each knows the `Status` object that a client gets.

ApiError
|-- BadRequest         400
|-- Forbidden          403, a quota too
|-- NotFound           404
|-- MethodNotAllowed   405
|-- AlreadyExists      409
|-- Conflict           409, the object has changed or has another UID
|-- Gone               410, the version is too old
|-- UnsupportedMedia   415
|-- Invalid            422, with the fields
`-- Unavailable        5xx
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of an object: `path` is the field, `reason` a Kubernetes cause such as FieldValueInvalid."""

    path: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        return f"{self.path or '<nil>'}: {self.message}"

    def as_cause(self) -> dict[str, str]:
        """The entry of `status.details.causes`."""
        return {"reason": self.reason, "message": self.message, "field": self.path or "<nil>"}


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an error is about."""

    group: str = ""
    plural: str = ""
    kind: str = ""
    name: str = ""

    @property
    def resource(self) -> str:
        """`taskruns.ferryman.dev`, or `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """`TaskRun.ferryman.dev`, or `Pod`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def as_details(self, *, by_kind: bool = False) -> dict[str, Any]:
        """`status.details` without empty entries; its `kind` is the plural resource unless `by_kind`."""
        kind = self.kind if by_kind else self.plural
        details = {"name": self.name, "group": self.group, "kind": kind}
        return {key: value for key, value in details.items() if value}


@dataclass(eq=False)
class ApiError(Exception):
    """The request was not carried out."""

    message: str
    subject: Subject = field(default_factory=Subject)
    causes: Sequence[FieldError] = ()
    retry_after: int | None = None

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"
    tells_kind: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.message

    def as_status(self) -> dict[str, Any]:
        """The `Status` object."""
        details = self.subject.as_details(by_kind=self.tells_kind)
        if self.causes:
            details["causes"] = [cause.as_cause() for cause in self.causes]
        if self.retry_after is not None:
            details["retryAfterSeconds"] = self.retry_after
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": details,
            "code": self.code,
        }
        return status


class BadRequest(ApiError):
    """The request makes no sense."""

    code, reason = 400, "BadRequest"


class Forbidden(ApiError):
    """The request is understood and refused."""

    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    """There is no such object or resource."""

    code, reason = 404, "NotFound"


class MethodNotAllowed(ApiError):
    """The resource has no such verb."""

    code, reason = 405, "MethodNotAllowed"


class AlreadyExists(ApiError):
    """An object of this name exists."""

    code, reason = 409, "AlreadyExists"


class Conflict(ApiError):
    """The object has changed since it was read, or is another one."""

    code, reason = 409, "Conflict"


class Gone(ApiError):
    """The history does not reach back so far."""

    code, reason = 410, "Expired"


class UnsupportedMedia(ApiError):
    """The body is of a kind that cannot be read."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    """The object breaks the rules of its kind."""

    code, reason = 422, "Invalid"
    # Every other error is about a resource, this one about an object: `TaskRun`, not `taskruns`.
    tells_kind = True


class Unavailable(ApiError):
    """The server cannot answer now."""

    code, reason = 503, "ServiceUnavailable"


_REASONS: Final = {one.code: one.reason for one in (Conflict, Gone, Unavailable)} | {
    429: "TooManyRequests",
    504: "Timeout",
}


@dataclass(eq=False)
class Injected(ApiError):
    """An answer that a fault rule asked for."""

    status: int = 500

    def as_status(self) -> dict[str, Any]:
        """With the code that was asked for."""
        answer = super().as_status()
        return answer | {"code": self.status, "reason": _REASONS.get(self.status, self.reason)}


def invalid(subject: Subject, causes: Sequence[FieldError]) -> Invalid:
    """The error of an object with faults, worded as Kubernetes does."""
    texts = [str(cause) for cause in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return Invalid(f'{subject.qualified_kind} "{subject.name}" is invalid: {listed}', subject, causes)


def not_found(subject: Subject) -> NotFound:
    """The error of an object that does not exist."""
    return NotFound(f'{subject.resource} "{subject.name}" not found', subject)


def success(details: Mapping[str, Any]) -> dict[str, Any]:
    """The `Status` of something that worked and leaves no object to show."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": dict(details),
    }
