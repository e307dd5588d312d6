"""The function and its arguments, as bytes: downloaded and verified, not decoded. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Payload:
    """The blobs of an attempt; None where the assignment has none."""

    code: bytes | None
    arguments: bytes | None


def download(store: Store, assignment: Assignment) -> Payload:
    """One GET for each blob. Raises what the store raises."""
    code, arguments = assignment.code, assignment.arguments
    namespace = assignment.namespace
    return Payload(
        None if code is None else _get(store, keys.code(namespace, code.object_sha256), code),
        None
        if arguments is None
        else _get(store, keys.arguments(namespace, arguments.object_sha256), arguments),
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


def _get(store: Store, key: str, reference: BlobRef) -> bytes:
    try:
        return store.get(key, offset=reference.offset, size=reference.size)
    except InvalidBlob as error:
        # Too few bytes are not the bytes that were promised.
        raise DigestMismatch(str(error)) from None
