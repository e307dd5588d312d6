"""Where a run is, and how an attempt ended.

Standard library only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """`status.phase`: where a run is."""

    WAITING = "Waiting"
    """For its dependencies, its start time or a quota; no Job exists."""
    PENDING = "Pending"
    """Accepted; the Job of the next attempt is being created or its pod has not started."""
    RUNNING = "Running"
    """The pod of an attempt has started."""
    AWAITING_RETRY = "AwaitingRetry"
    """An attempt has failed, the next one starts at `status.nextAttemptAt`."""
    COMPLETED = "Completed"
    """The function returned and its result is stored."""
    FAILED = "Failed"
    """The function raised, or the run could not be carried out as it was asked for."""
    CRASHED = "Crashed"
    """What ran the function died: a lost node, a kill, out of memory, `sys.exit`."""
    TIMED_OUT = "TimedOut"
    """The last attempt, or the whole run, took longer than it may."""
    CANCELLED = "Cancelled"
    """Somebody set `spec.cancelRequested`."""

    @property
    def is_terminal(self) -> bool:
        """Whether a run in this phase stays in it forever."""
        return self in TERMINAL


TERMINAL: Final = frozenset({Phase.COMPLETED, Phase.FAILED, Phase.CRASHED, Phase.TIMED_OUT, Phase.CANCELLED})


class Outcome(StrEnum):
    """How one attempt ended: `status.attempts[].outcome`."""

    SUCCEEDED = "Succeeded"
    """The function returned and its result is stored."""
    FAILED = "Failed"
    """The function raised, or what it was given or returned cannot be used."""
    TIMED_OUT = "TimedOut"
    """It took longer than `spec.timeout`, or the run longer than `spec.deadline`."""
    CRASHED = "Crashed"
    """The process that ran the function died."""
    LOST = "Lost"
    """The infrastructure took it, or it never started."""
    CANCELLED = "Cancelled"
    """The run was cancelled while it ran."""


class HooksState(StrEnum):
    """`status.hooks.state`: how far the hooks of a run that has ended are."""

    WANTED = "Wanted"
    """Nobody has called them yet: the operator starts a Job that does, or a worker takes them."""
    STARTED = "Started"
    """That Job exists, or a worker has them."""
    CALLED = "Called"
    """Each was called once; the message says which raised."""
    NOT_CALLED = "NotCalled"
    """They will not be called; the message says why."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is done about them."""
        return self in (HooksState.CALLED, HooksState.NOT_CALLED)
