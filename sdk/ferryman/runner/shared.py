"""An attempt at a task whose result is shared: loaded for those alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ferryman.api.reasons import MEANING, Reason
from ferryman.api.runner_contract import Assignment, ResultRef
from ferryman.caching import effective, policies, sharing
from ferryman.caching.records import Hit
from ferryman.caching.shares import Share
from ferryman.caching.sharing import Sharing
from ferryman.context import TaskRunContext
from ferryman.runner.commits import Commit
from ferryman.runner.ending import Ending
from ferryman.wire.store import Store


def of_attempt(store: Store, assignment: Assignment, here: TaskRunContext) -> Share | None:
    """The share that the call has in a result; None if it has none. Raises InvalidCacheKey."""
    how = _given(assignment, here) if assignment.cache_key else _made(assignment, here)
    if how is None:
        return None
    return Share(store, assignment.namespace, how, assignment.uid, assignment.attempt)


def ending(share: Share, assignment: Assignment, compute: Callable[[], Ending], commit: Commit) -> Ending:
    """The result that is there, or what `compute` comes to, within the commit. Raises what that raises."""
    hit = share.take(until=assignment.not_after)
    if hit is not None:
        found = ResultRef(hit.sha256, hit.size, hit.serializer, hit.uid, hit.attempt)
        return Ending(Reason.CACHED, MEANING[Reason.CACHED].happened, result=found)
    with share.computing():
        ended = commit.around(compute)
        if commit.is_committed and ended.result is not None:
            share.keep(_hit(ended.result, assignment))
    return ended


def _given(assignment: Assignment, here: TaskRunContext) -> Sharing:
    policy = effective.of_options(here.task.options).policy
    return Sharing(
        assignment.cache_key or "",
        expiration=assignment.cache_expiration,
        refresh=assignment.refresh_cache,
        exclusive=policy is None or policy.isolation_level != policies.READ_COMMITTED,
        material=() if policy is None else policies.material(policy),
    )


def _made(assignment: Assignment, here: TaskRunContext) -> Sharing | None:
    flow = sharing.from_scope(assignment.cache_scope)
    if assignment.cache_scope:
        # Its submitter has found that it persists.
        flow = replace(flow, persists=True)
    how = sharing.of_call(here, flow, {})
    if how is None:
        return None
    lasts = assignment.cache_expiration
    return replace(
        how,
        expiration=how.expiration if lasts is None else lasts,
        refresh=how.refresh or assignment.refresh_cache,
    )


def _hit(result: ResultRef, assignment: Assignment) -> Hit:
    return Hit(assignment.uid, assignment.attempt, result.sha256, result.size, result.serializer)
