"""A run whose result is known before it begins: that of an earlier one, found under its cache key."""

from __future__ import annotations

from ferryman.api.reasons import MEANING, Reason
from ferryman.api.taskrun import Result
from ferryman_operator.reconcile import endings
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.plan import Plan


def hit(case: Case) -> Plan | None:
    """The submitter found a shared result, and nothing was started: the run ends with it, in one write.

    Nothing is read to be sure that no Job exists. No operator creates one for such a run, and if one
    of an earlier version did, the write's resourceVersion or the rules of an attempt decide.
    """
    found = case.spec.result.hit
    if found is None or case.due > 1:
        return None
    result = Result(
        sha256=found.sha256,
        size=found.size,
        attempt=found.attempt,
        uid=found.uid,
        key=case.spec.result.key,
        serializer=found.serializer,
        cached=True,
    )
    return endings.with_result(case, Reason.CACHED, MEANING[Reason.CACHED].happened, result)
