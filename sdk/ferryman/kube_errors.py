"""What the API server's refusals mean, in one place. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from ferryman.exceptions import (
    ClusterError,
    ClusterUnavailable,
    InvalidTaskRun,
    PermissionDenied,
    RunAlreadyExists,
    RunNotFound,
    WriteConflict,
)

_CLASSES: Final[dict[int, type[ClusterError]]] = {
    400: InvalidTaskRun,
    401: PermissionDenied,
    403: PermissionDenied,
    404: RunNotFound,
    413: InvalidTaskRun,
    422: InvalidTaskRun,
}


class Refusal(Exception):
    """One request that did not succeed. `status` is 0 if there was no answer; `retry_after` is seconds."""

    def __init__(
        self, action: str, status: int, message: str, *, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.action = action
        self.status = status
        self.message = message
        self.reason = reason
        self.retry_after = retry_after

    @classmethod
    def answered(cls, action: str, status: int, retry_after: str | None, body: bytes) -> Refusal:
        """The server said no: its Status keeps the field that it names."""
        said = _status(body)
        return cls(action, status, said.message, reason=said.reason, retry_after=_seconds(retry_after, said))

    @classmethod
    def unreachable(cls, action: str, host: str, error: BaseException) -> Refusal:
        """There was no answer."""
        return cls(action, 0, f"{host}: {error}")

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in (0, 429) or self.status >= 500

    def translated(self) -> ClusterError:
        """As the callers of `ferryman.cluster` know it."""
        text = f"cannot {self.action}: {self.message}"
        if self.may_pass:
            return ClusterUnavailable(text)
        if self.status == 409:
            return RunAlreadyExists(text) if self.reason == "AlreadyExists" else WriteConflict(text)
        if self.status == 404 and self.is_missing_resource:
            return ClusterError(f"{text}. Is Ferryman's CustomResourceDefinition installed there?")
        if self.status == 404 and self.message.startswith("namespaces "):
            return ClusterError(
                f"{text}. Create it, or name another: @task(namespace=...), FERRYMAN_NAMESPACE"
            )
        if self.status == 401:
            text += ". The credentials in your kubeconfig are missing, wrong or have expired."
        return _CLASSES.get(self.status, ClusterError)(text)

    @property
    def is_missing_resource(self) -> bool:
        """Whether it is the kind that is unknown, not the object."""
        return (
            "the server could not find the requested resource" in self.message
            or "page not found" in self.message
        )


@dataclass(frozen=True)
class _Status:
    message: str
    reason: str = ""
    retry_after: float | None = None


def unreachable(action: str, host: str, error: BaseException) -> ClusterUnavailable:
    """The answer broke off."""
    return ClusterUnavailable(f"cannot {action}: {host}: {error}")


def _status(body: bytes) -> _Status:
    try:
        found: Any = json.loads(body)
        details = found.get("details") or {}
        return _Status(str(found["message"]), str(found.get("reason", "")), details.get("retryAfterSeconds"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _Status(body[:500].decode(errors="replace").strip() or "no reason given")


def _seconds(header: str | None, said: _Status) -> float | None:
    try:
        return float(header) if header else said.retry_after
    except ValueError:
        return said.retry_after
