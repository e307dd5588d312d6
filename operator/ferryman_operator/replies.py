"""What an API server's answer means, as the errors of the cluster port."""

from __future__ import annotations

import json
from typing import Any, Final

from ferryman_operator.cluster import (
    AlreadyExists,
    ClusterError,
    Conflict,
    Gone,
    NotFound,
    Object,
    Refused,
    Unavailable,
)
from ferryman_operator.reconcile.observed import RefusalKind

_MAX_MESSAGE: Final = 1024

_DENIED: Final = (
    "admission webhook",
    "ValidatingAdmissionPolicy",
    "violates PodSecurity",
    "denied the request",
)


def object_of(content: bytes) -> Object:
    """The JSON object in a body. Raises Unavailable if there is none: a proxy answered, or it was cut."""
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Unavailable("the answer is not a JSON object")
    return value


def event_of(line: bytes) -> Object:
    """The watch event in a line. Raises Gone, or Unavailable, where it tells of an error or is none."""
    event = object_of(line)
    found = event.get("object")
    if event.get("type") == "ERROR" or not isinstance(found, dict):
        code = found.get("code") if isinstance(found, dict) else None
        raise (Gone if code == 410 else Unavailable)(f"watch: {found}"[:_MAX_MESSAGE])
    return event


def seconds(retry_after: str | None) -> float | None:
    """The header Retry-After, where it is a number of seconds."""
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None


def error(verb: str, resource: str, code: int, content: bytes, retry_after: float | None) -> ClusterError:
    """The error that an answer other than 2xx stands for."""
    answer = _status(content)
    message = f"{verb} {resource}: {str(answer.get('message') or code)[:_MAX_MESSAGE]}"
    if code == 429 or code >= 500 or code in (401, 408):
        return Unavailable(message, retry_after=retry_after)
    if verb == "create":
        return _creation(code, answer, message, retry_after)
    if code == 404:
        return NotFound(message)
    if code == 409:
        return Conflict(message)
    if code == 410:
        return Gone(message)
    return ClusterError(message, retry_after=retry_after)


def _creation(code: int, answer: Object, message: str, retry_after: float | None) -> ClusterError:
    reason = answer.get("reason")
    if code == 409 and reason == "AlreadyExists":
        return AlreadyExists(message)
    if code == 409:
        # The quota's own bookkeeping has lost a race: nothing about our object.
        return Unavailable(message, retry_after=retry_after)
    if code == 404 or _is_terminating(answer):
        return Refused(message, kind=RefusalKind.NAMESPACE_TERMINATING)
    if "exceeded quota" in message or "failed quota" in message:
        return Refused(message, kind=RefusalKind.QUOTA, retry_after=retry_after)
    if any(mark in message for mark in _DENIED):
        return Refused(message, kind=RefusalKind.DENIED)
    kind = RefusalKind.FORBIDDEN if code == 403 else RefusalKind.INVALID
    return Refused(message, kind=kind)


def _is_terminating(answer: Object) -> bool:
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return isinstance(causes, list) and any(
        isinstance(cause, dict) and cause.get("reason") == "NamespaceTerminating" for cause in causes
    )


def _status(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
