"""Jobs that the API server refused: what a decision is shown, and whom a full namespace keeps waiting.

While a namespace is held for its quota, its runs are told the last refusal without asking again:
one run asks for all of them, once per `seconds` and whenever a run of the namespace ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ferryman_operator.reconcile.observed import Key, Refusal, RefusalKind, Run


@dataclass(slots=True)
class _Hold:
    until: float
    refusal: Refusal
    waiting: dict[Key, None] = field(default_factory=dict)


class Refusals:
    """The last refusal of each run, until a create gets another answer or the run is gone.

    With the UID that it was given to: a run that is deleted and made anew starts without its memory.
    """

    def __init__(self, monotonic: Callable[[], float], seconds: float) -> None:
        self._monotonic = monotonic
        self._seconds = seconds
        self._of_run: dict[Key, tuple[str, Refusal]] = {}
        self._holds: dict[str, _Hold] = {}

    def of(self, run: Run) -> Refusal | None:
        """What the API server last said to the creation of a Job of this run, where it was no."""
        uid, refusal = self._of_run.get(run.key, ("", None))
        return refusal if uid == run.uid else None

    def remember(self, run: Run, refusal: Refusal) -> None:
        """The API server refused."""
        key = run.key
        self._of_run[key] = run.uid, refusal
        if refusal.kind is not RefusalKind.QUOTA:
            return
        # A little less than the delay after which the refused run asks again, so that it does ask.
        until = self._monotonic() + 0.9 * self._seconds
        hold = self._holds.setdefault(key.namespace, _Hold(until, refusal))
        hold.until, hold.refusal = until, refusal
        hold.waiting[key] = None

    def forget(self, key: Key) -> None:
        """A Job was created, or the run is gone."""
        self._of_run.pop(key, None)

    def foretell(self, run: Run, attempt: int) -> Refusal | None:
        """What the API server would say, if the namespace is held; the run is remembered as waiting."""
        key = run.key
        hold = self._holds.get(key.namespace)
        if hold is None or self._monotonic() >= hold.until:
            return None
        hold.waiting[key] = None
        refusal = replace(hold.refusal, attempt=attempt)
        self._of_run[key] = run.uid, refusal
        return refusal

    def lift(self, namespace: str) -> tuple[Key, ...]:
        """Capacity may be free again: the runs that wait for it, first come first, may ask again."""
        hold = self._holds.pop(namespace, None)
        for key in hold.waiting if hold else ():
            self._of_run.pop(key, None)
        return tuple(hold.waiting) if hold else ()
