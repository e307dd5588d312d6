"""The store port: what Ferryman needs of an object store, and no more.

Adapters are `ferryman.wire.s3` (boto3, in the SDK), `ferryman.wire.obstore` (in the runner) and
the twin `ferryman.wire.memory`; `tests/contract/test_store.py` runs one suite over all three.
"""

from __future__ import annotations

from typing import Protocol


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
