"""What the operator refuses by itself: what the CRD cannot say, or an older CRD did not."""

from __future__ import annotations

from ferryman.api import validation
from ferryman.api.reasons import Reason
from ferryman_operator.reconcile import attempts, endings
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Observed, Run
from ferryman_operator.reconcile.plan import Look, Plan


def unreadable(seen: Observed, run: Run) -> Plan:
    """The stored object does not fit our schema, so nothing can be started, nor an outcome be judged."""
    return endings.without_attempt(seen, run, Reason.INVALID_SPEC, run.invalid or "The spec cannot be read.")


def refused(case: Case) -> Plan | None:
    """The spec fits the schema and can still not be carried out."""
    if found := validation.problems(case.spec, name=case.run.key.name):
        return endings.without_attempt(case.seen, case.run, Reason.INVALID_SPEC, "; ".join(found))
    if case.spec.result.store not in case.seen.world.stores:
        text = f"The operator's configuration has no store {case.spec.result.store!r}."
        return endings.without_attempt(case.seen, case.run, Reason.STORE_NOT_CONFIGURED, text)
    return None


def contradicted(case: Case) -> Plan | None:
    """The ledger contradicts itself or the Jobs.

    The run ends at once, without waiting for what runs: deleting the Job that gives the
    contradiction away would delete the evidence, and the next decision would see nothing wrong.
    """
    text = attempts.contradiction(case.run, case.seen.jobs)
    if not text:
        return None
    if not case.seen.fresh:
        return Plan(looks=frozenset({Look.RUN}))
    return endings.at_once(case.seen, case.run, Reason.LEDGER_INCONSISTENT, text)
