"""The function and its arguments, as bytes: downloaded and verified, not decoded. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment, BlobRef
from ferryman.exceptions import (
    ConfigurationError,
    DigestMismatch,
    FerrymanError,
    InvalidBlob,
    ObjectNotFound,
    StoreDenied,
    StoreNotConditional,
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


def reason_of(error: FerrymanError) -> Reason:
    """The reason of an attempt that could not get what it needs from the store."""
    if isinstance(error, ObjectNotFound):
        return Reason.PAYLOAD_NOT_FOUND
    if isinstance(error, DigestMismatch):
        return Reason.PAYLOAD_DIGEST_MISMATCH
    if isinstance(error, InvalidBlob):
        return Reason.INVALID_PAYLOAD
    if isinstance(error, StoreDenied):
        return Reason.STORE_DENIED
    if isinstance(error, StoreNotConditional):
        return Reason.STORE_NOT_CONDITIONAL
    if isinstance(error, ConfigurationError):
        return Reason.STORE_NOT_CONFIGURED
    return Reason.STORE_UNAVAILABLE


def _get(store: Store, key: str, reference: BlobRef) -> bytes:
    try:
        return store.get(key, offset=reference.offset, size=reference.size)
    except InvalidBlob as error:
        # Too few bytes are not the bytes that were promised.
        raise DigestMismatch(str(error)) from None
