"""The function and its arguments, as bytes: downloaded and verified, not decoded. Standard library only."""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment, BlobRef
from ferryman.exceptions import (
    ConfigurationError,
    DigestMismatch,
    FerrymanError,
    InvalidBlob,
    ObjectNotFound,
    StoreDenied,
    StoreError,
    StoreNotConditional,
    UpstreamTaskError,
    VersionMismatch,
)
from ferryman.wire import envelope, keys
from ferryman.wire.store import Store


class Payload(NamedTuple):
    """The blobs of an attempt; None where the assignment has none."""

    code: bytes | None
    arguments: bytes | None


class Download(threading.Thread):
    """One GET, under way while the rest of the runner is being imported."""

    def __init__(self, store: Store, key: str, reference: BlobRef) -> None:
        super().__init__(daemon=True)
        self._ask = store.get
        self._key = key
        self._reference = reference
        self._body = b""
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._body = self._ask(self._key, offset=self._reference.offset, size=self._reference.size)
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for.
            self._error = error

    def is_of(self, key: str, offset: int, size: int | None) -> bool:
        """Whether it is what this GET would bring."""
        return (key, offset, size) == (self._key, self._reference.offset, self._reference.size)

    def result(self) -> bytes:
        """The bytes, waited for. Raises what the store raised, DigestMismatch if they are too few."""
        self.join()
        if isinstance(self._error, InvalidBlob):
            # Too few bytes are not the bytes that were promised.
            raise DigestMismatch(str(self._error))
        if self._error is not None:
            raise self._error
        return self._body


class Downloads:
    """Both downloads of an attempt, at the same time; at most one GET for each blob."""

    def __init__(self, store: Store, assignment: Assignment) -> None:
        code, arguments, namespace = assignment.code, assignment.arguments, assignment.namespace
        self._code = self._arguments = None
        if code is not None:
            self._code = Download(store, keys.code(namespace, code.object_sha256), code)
        if arguments is not None:
            self._arguments = Download(store, keys.arguments(namespace, arguments.object_sha256), arguments)

    def result(self) -> Payload:
        """The blobs, not verified yet. Raises what the store raised."""
        return Payload(
            self._code.result() if self._code else None, self._arguments.result() if self._arguments else None
        )


def verify(payload: Payload, assignment: Assignment) -> None:
    """Raises DigestMismatch unless the bytes are what the TaskRun promised."""
    for blob, reference in ((payload.code, assignment.code), (payload.arguments, assignment.arguments)):
        if blob is not None and reference is not None:
            envelope.verify(blob, reference.sha256, reference.size)


# In this order: the first class that fits counts.
_REASONS: Final = (
    (ObjectNotFound, Reason.PAYLOAD_NOT_FOUND),
    (DigestMismatch, Reason.PAYLOAD_DIGEST_MISMATCH),
    (InvalidBlob, Reason.INVALID_PAYLOAD),
    (VersionMismatch, Reason.PYTHON_VERSION_MISMATCH),
    (UpstreamTaskError, Reason.DEPENDENCY_FAILED),
    (StoreDenied, Reason.STORE_DENIED),
    (StoreNotConditional, Reason.STORE_NOT_CONDITIONAL),
    (ConfigurationError, Reason.STORE_NOT_CONFIGURED),
    (StoreError, Reason.STORE_UNAVAILABLE),
)


def reason_of(error: FerrymanError) -> Reason:
    """The reason of an attempt that could not get, or not open, what it needs from the store."""
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), Reason.INVALID_PAYLOAD)
