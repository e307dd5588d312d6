"""The hooks of a run that has ended, called in a process that has loaded its task.

Whoever calls them takes the claim `runs/<uid>/hooks` first: the process of the last attempt, one that is
forked when that died, or the runner of the hook attempt. So each hook is called at most once per run.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ferryman import context, endings, states
from ferryman.api.hooks import HooksReport
from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.api.runner_contract import Assignment, ResultRef, RunEnding
from ferryman.awaiting import awaited
from ferryman.context import TaskRunContext
from ferryman.exceptions import FerrymanError
from ferryman.runner import claim, output
from ferryman.runner.channel import Sender
from ferryman.runner.claim import Claimant
from ferryman.runner.ending import Terminated
from ferryman.runner.phases import Step
from ferryman.states import State
from ferryman.wire import codecs, envelope, failures, keys
from ferryman.wire.store import Store

Hook = Callable[..., Any]

BROKEN_OFF: Final = "They did not come to an end: their process was killed, or ended itself."
"""What is told in advance, and holds if nothing follows."""

_STATES: Final[Mapping[Phase, str]] = {
    Phase.COMPLETED: "Completed",
    Phase.FAILED: "Failed",
    Phase.CRASHED: "Crashed",
    Phase.TIMED_OUT: "TimedOut",
    Phase.CANCELLED: "Cancelled",
}


def of(task: Any, reason: Reason) -> tuple[Hook, ...]:
    """The hooks of the task for a run that ends so, in order.

    In a pod `on_failure` is also for runs that crashed, were cancelled or never got to start.
    """
    options = task.options
    return tuple(options.on_completion if MEANING[reason].phase is Phase.COMPLETED else options.on_failure)


class _Ended(NamedTuple):
    name: str
    phase: Phase
    reason: str
    message: str
    attempts: tuple[object, ...] = ()


def state_of(run: str, ending: RunEnding, data: Any = None, stored: Stored | None = None) -> State:
    """The state that hooks are given: `data` is the value or the exception, `stored` where it can be had.

    Of a run that left no exception it has the one that its submitter gets.
    """
    reason, phase = ending.reason, MEANING[ending.reason].phase
    if data is None and stored is None and phase is not Phase.COMPLETED:
        data = endings.failure_of(_Ended(run, phase, reason, ending.message))
    found = states.state(
        "Cached" if reason is Reason.CACHED else _STATES[phase],
        ending.message or MEANING[reason].happened,
        data=data,
        reason=reason,
        timestamp=datetime.now(UTC),
    )
    return replace(found, source=stored)


@dataclass(frozen=True)
class Stored:
    """The outcome of a run in the store: downloaded when a hook asks for it."""

    store: Store
    namespace: str
    reference: ResultRef
    is_value: bool

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:  # noqa: ARG002
        """The value; of a run that failed its exception is raised, or returned without `raise_on_failure`.

        Raises what the store and the codecs raise.
        """
        where = self.reference
        blob = self.store.get(keys.result(self.namespace, where.uid, where.attempt), size=where.size)
        envelope.verify(blob, where.sha256, where.size)
        if self.is_value:
            return codecs.open_result(blob, trust_pickle=True)
        error = failures.rebuild(failures.open_failure(blob), trust_pickle=True)
        if raise_on_failure:
            raise error
        return error


def stored(store: Store, namespace: str, ending: RunEnding) -> Stored | None:
    """Where the outcome of a run that ended so is; None if it left nothing."""
    if ending.result is None:
        return None
    return Stored(store, namespace, ending.result, MEANING[ending.reason].phase is Phase.COMPLETED)


@dataclass(frozen=True)
class Caller:
    """Calls the hooks of one run, if nobody has."""

    store: Store
    assignment: Assignment
    claimant: Claimant
    sender: Sender

    def call(self, here: TaskRunContext, hooks: tuple[Hook, ...], state: State) -> None:
        """Call them and tell the supervisor. Raises Terminated."""
        process = os.getpid()
        self.sender.enter(Step.HOOKS)
        try:
            holder = claim.take_hooks(self.store, self.assignment, self.claimant)
        except FerrymanError as error:
            # The operator has them called by somebody else.
            output.complain(f"the hooks could not be claimed: {error}\n")
            return
        if holder.get("token") != self.claimant.token:
            self.sender.hooks(HooksReport(True, f"The pod {holder.get('pod_name')} had them before."))
            return
        self.sender.hooks(HooksReport(True, BROKEN_OFF))
        raised = call_each(here, hooks, state, everywhere=True)
        if os.getpid() != process:
            # A hook forked and went on in its child too: only one of them is the run.
            output.flush()
            os._exit(0)
        self.sender.hooks(HooksReport(True, "; ".join(raised)))


def call_each(here: TaskRunContext, hooks: tuple[Hook, ...], state: State, *, everywhere: bool) -> list[str]:
    """Call them in order, in the context of their run; a line for each that raised. Raises Terminated."""
    with context.entered(here.task.context_of(here.task_run, here.parameters), everywhere=everywhere):
        return [text for hook in hooks if (text := _call(hook, here, state))]


def _call(hook: Hook, here: TaskRunContext, state: State) -> str:
    """What it raised, in a line; "" if nothing."""
    name = getattr(hook, "__name__", None) or repr(hook)
    try:
        awaited(hook(here.task, here.task_run, state))
    except Terminated:
        raise
    except BaseException as error:  # noqa: BLE001 - of whatever class: it changes nothing.
        output.complain(f"the hook {name} raised; the outcome stands:\n{traceback.format_exc()}")
        return f"{name} raised {failures.type_name(error)}: {failures.message(error)}"
    return ""
