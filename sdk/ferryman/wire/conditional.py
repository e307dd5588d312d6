"""Whether a store honours conditional writes, which the claim of an attempt rests on.

A store that ignores `If-None-Match: *` answers a first create as one that honours it does; only
a create of an object that exists tells them apart. That is one request too many for every
attempt (the budget of a small task is 2 GET and 2 PUT), so it is asked where it is cheap:

- `check(store, namespace)`: by `ferryman doctor`, and by a client once, before its first run.
- by a runner, through a second create of its own claim (one PUT more): where the run came
  without a blob, so that perhaps no client of ours ever checked; and for one attempt in
  SAMPLE, so that a store which was changed later is found.

So a runner refuses such a store for certain only in the cases above; on its first attempts of
runs that a client submitted it relies on that client's check. The store's setting `allowUnconditional`
(`FERRYMAN_STORE_ALLOW_UNCONDITIONAL=1` in an environment) turns all of it off: the operator's that of
the runners, the client's that of the client. Standard library only.
"""

from __future__ import annotations

import hashlib
from typing import Final

from ferryman.exceptions import ObjectExists, StoreNotConditional
from ferryman.wire.store import Store

SAMPLE: Final = 64
"""One attempt in so many proves the store; chosen by a hash of the run's UID and the attempt."""


def probe_key(namespace: str) -> str:
    """The object that checks create; one for each namespace, and it stays."""
    return f"{namespace}/probes/conditional"


def check(store: Store, namespace: str = "default") -> None:
    """Two PUTs on a store never checked before, one afterwards. Raises StoreNotConditional."""
    key = probe_key(namespace)
    try:
        store.create(key, b"")
    except ObjectExists:
        return
    prove(store, key, b"")


def prove(store: Store, key: str, body: bytes) -> None:
    """Create an object that exists, with the bytes it has: one PUT.

    Raises StoreNotConditional if that succeeds.
    """
    try:
        store.create(key, body)
    except ObjectExists:
        return
    raise StoreNotConditional(
        "the store ignores `If-None-Match: *`, so it cannot keep an attempt from running twice: use AWS S3 "
        "or a recent MinIO or Ceph, or accept that an attempt may run twice, with the store's "
        "allowUnconditional: true (FERRYMAN_STORE_ALLOW_UNCONDITIONAL=1 in the environment of a client)"
    )


def is_sampled(uid: str, attempt: int) -> bool:
    """Whether this attempt is the one in SAMPLE that proves the store."""
    first = hashlib.sha256(f"{uid}/{attempt}".encode()).digest()[0]
    return first % SAMPLE == 0
