"""The work of a process that only calls hooks: in the hook attempt, or where the function's process died."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ferryman.api.hooks import HooksReport
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment, RunEnding
from ferryman.context import TaskRunContext
from ferryman.runner import execution, hooks, payload
from ferryman.runner.channel import Sender
from ferryman.runner.claim import Claimant
from ferryman.runner.ending import Ending
from ferryman.runner.invocation import Invocation
from ferryman.runner.phases import Step
from ferryman.wire.store import Store


def carry_out(
    store: Store,
    assignment: Assignment,
    environment: Mapping[str, str],
    claimant: Claimant,
    sender: Sender,
) -> Ending:
    """Load the task and call its hooks with the state in `assignment.ending`; no function is called.

    Raises Ended, Terminated, and what the store raises.
    """
    ending = assignment.ending or RunEnding(Reason.ATTEMPT_LOST)
    sender.enter(Step.DOWNLOAD)
    without_call = replace(assignment, arguments=None, values=None)
    blobs = payload.Downloads(store, without_call).result()
    sender.enter(Step.VERIFY)
    payload.verify(blobs, without_call)
    task = Invocation(store, without_call, sender, environment).unpickle_task(blobs)
    found = hooks.of(task, ending.reason)
    if not found:
        sender.hooks(HooksReport(called=False, message="The task has no hooks for this."))
        return Ending(Reason.COMPLETED)
    here = TaskRunContext(task, execution.task_run(task, assignment, datetime.now(UTC)), {})
    where = hooks.stored(store, assignment.namespace, ending)
    state = hooks.state_of(assignment.run, ending, stored=where)
    hooks.Caller(store, assignment, claimant, sender).call(here, found, state)
    return Ending(Reason.COMPLETED)
