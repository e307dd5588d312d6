"""The store port: what Ferryman needs of an object store, and no more.

Adapters are `ferryman.wire.s3` (boto3, in the SDK), `ferryman.wire.obstore` (in the runner) and
the twin `ferryman.wire.memory`; `tests/contract/test_store.py` runs one suite over all three.
"""

from __future__ import annotations

from typing import Protocol

from ferryman.exceptions import InvalidBlob


class Store(Protocol):
    """Objects under keys, in one bucket and prefix. Thread-safe.

    Every method raises StoreUnavailable where another try may help (after the adapter's own
    retries), StoreDenied where the credentials do not suffice, StoreError otherwise; messages
    name the action and the key, never a credential.
    """

    def get(self, key: str, *, offset: int = 0, size: int | None = None, limit: int | None = None) -> bytes:
        """The object's bytes, or `size` of them from `offset`: one GET.

        Raises ObjectNotFound; InvalidBlob if it is shorter than `offset + size`, or, before it is
        read into memory, larger than `limit` bytes.
        """
        ...

    def put(self, key: str, body: bytes) -> None:
        """Write the object, replacing one that is there: one PUT."""
        ...

    def create(self, key: str, body: bytes) -> None:
        """Write the object unless there is one: one PUT with `If-None-Match: *`.

        Raises ObjectExists if there is one. A retry whose first try had succeeded unnoticed
        raises it too: the caller reads the object to learn whether it is its own.
        """
        ...


def require_size(key: str, length: int, offset: int, size: int | None, limit: int | None) -> None:
    """What `get` promises of an answer of `length` bytes, for adapters to check before they read it.

    Raises InvalidBlob.
    """
    if size is not None and length < size:
        raise InvalidBlob(f"{key} ends {size - length} bytes before byte {offset + size}")
    if limit is not None and length > limit:
        raise InvalidBlob(f"{key} is larger than {limit} bytes")
