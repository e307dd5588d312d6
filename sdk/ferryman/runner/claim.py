"""The claim: what lets one process, and only one ever, execute an attempt.

It is an object that is created with `If-None-Match: *`. Its body names the Job, the pod and, by a
random token, the process. A claim that exists and holds our token is our own, from a PUT whose reply
was lost; the token, rather than the pod's UID alone, tells us from an earlier process in the same pod.

An attempt after the first also claims what earlier attempts left unclaimed, so that a pod of theirs
that is still on its way can start no more, and checks that their claims were made by Jobs in the ledger.

Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, NamedTuple

from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment
from ferryman.exceptions import ObjectExists, ObjectNotFound, StoreUnavailable
from ferryman.runner.ending import Ended, Ending
from ferryman.wire import conditional, keys
from ferryman.wire.store import Store

MAX_CLAIM_BYTES: Final = 16 * 1024

TRIES: Final = 3
"""S3 may answer 409 to a create that competes with another which then fails: nothing is there, try again."""


class Claimant(NamedTuple):
    """Who claims, and the body of the claim."""

    job_uid: str
    pod_uid: str
    pod_name: str
    job: str
    token: str
    started: float


def take(store: Store, assignment: Assignment, claimant: Claimant, *, allow_unconditional: bool) -> None:
    """Claim the attempt: one PUT for the first, and a GET or so for each earlier one.

    Raises Ended with ClaimLost or LedgerInconsistent, StoreNotConditional, and what the store raises.
    """
    body = json.dumps(claimant._asdict(), separators=(",", ":")).encode()
    ours = {earlier.job_uid for earlier in assignment.earlier} | {claimant.job_uid}
    for earlier in assignment.earlier:
        key = keys.claim(assignment.namespace, assignment.uid, earlier.number)
        _check_earlier(earlier.number, _read_or_create(store, key, body), ours)
    key = keys.claim(assignment.namespace, assignment.uid, assignment.attempt)
    holder = _create_or_read(store, key, body)
    if holder.get("token") != claimant.token:
        raise Ended(
            Ending(Reason.CLAIM_LOST, f"the pod {holder.get('pod_name') or 'of another'} claimed it before")
        )
    if not allow_unconditional and _is_to_prove(assignment):
        conditional.prove(store, key, body)


def take_hooks(store: Store, assignment: Assignment, claimant: Claimant) -> dict[str, object]:
    """Claim the run's hooks: who has them, now or from before. Raises what the store raises."""
    body = json.dumps(claimant._asdict(), separators=(",", ":")).encode()
    return _create_or_read(store, keys.hooks(assignment.namespace, assignment.uid), body)


def _is_to_prove(assignment: Assignment) -> bool:
    came_without_blob = assignment.code is None and assignment.arguments is None
    return came_without_blob or conditional.is_sampled(assignment.uid, assignment.attempt)


def _check_earlier(number: int, holder: dict[str, object], ours: set[str]) -> None:
    if holder.get("job_uid") not in ours:
        message = f"attempt {number} was claimed by Job {holder.get('job_uid')}, unknown to the ledger"
        raise Ended(Ending(Reason.LEDGER_INCONSISTENT, message))


def _create_or_read(store: Store, key: str, body: bytes) -> dict[str, object]:
    def once() -> bytes:
        try:
            store.create(key, body)
        except ObjectExists:
            return store.get(key, limit=MAX_CLAIM_BYTES)
        return body

    return _persistently(once, key)


def _read_or_create(store: Store, key: str, body: bytes) -> dict[str, object]:
    # Reading first: an earlier attempt has nearly always claimed, and then this is one request.
    def once() -> bytes:
        try:
            return store.get(key, limit=MAX_CLAIM_BYTES)
        except ObjectNotFound:
            store.create(key, body)
        return body

    return _persistently(once, key)


def _persistently(once: Callable[[], bytes], key: str) -> dict[str, object]:
    for _ in range(TRIES):
        try:
            return _decoded(once())
        except (ObjectExists, ObjectNotFound):
            continue
    raise StoreUnavailable(f"cannot claim {key}: the store says that it exists and that it does not")


def _decoded(body: bytes) -> dict[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
