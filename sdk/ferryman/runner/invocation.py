"""The user's part of an attempt: unpickle, execute, serialise, upload."""

from __future__ import annotations

import gc
import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from ferryman import context
from ferryman.api.hooks import HooksReport
from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.api.runner_contract import Assignment, ResultRef, RunEnding, decode_upstreams
from ferryman.context import TaskRunContext
from ferryman.exceptions import FerrymanError, StoreUnavailable, TaskFailed
from ferryman.runner import execution, output, payload
from ferryman.runner.channel import Sender
from ferryman.runner.claim import Claimant
from ferryman.runner.commits import Commit
from ferryman.runner.ending import Ended, Ending, Terminated
from ferryman.runner.payload import Payload
from ferryman.runner.phases import Step
from ferryman.runner.upstreams import Upstreams
from ferryman.wire import codecs, failures, keys
from ferryman.wire.codecs import Sealed
from ferryman.wire.failures import Failure
from ferryman.wire.store import Store

T = TypeVar("T")

_OF_A_STATE: Final = f"{TaskFailed.__module__}.{TaskFailed.__qualname__}"

if TYPE_CHECKING:
    from ferryman.binding import Call
    from ferryman.tasks import Task


class Bound(NamedTuple):
    """A task and a call that fits it."""

    task: Task[..., Any]
    call: Call


class Invocation:
    """One call of the function, once the attempt is claimed."""

    def __init__(
        self, store: Store, assignment: Assignment, sender: Sender, environment: Mapping[str, str]
    ) -> None:
        self._process = os.getpid()
        self._began = datetime.now(UTC)
        self._store = store
        self._assignment = assignment
        self._sender = sender
        self._flow_run_id: str | None = None
        self._opening = "the function"
        self._upstreams = Upstreams(store, assignment.namespace, decode_upstreams(dict(environment)))
        self.outcome: Any = None
        """What the function returned or raised, for hooks."""

    def unpickle(self, blobs: Payload) -> Bound:
        """The task and its arguments, which fit each other. Raises Ended or Terminated."""
        return self._unpickle(lambda: self._open(blobs))

    def unpickle_task(self, blobs: Payload) -> Task[..., Any]:
        """The task alone. Raises Ended or Terminated."""
        return self._unpickle(lambda: self._open_task(blobs))

    def _unpickle(self, opening: Callable[[], T]) -> T:
        self._sender.enter(Step.UNPICKLE)
        # Off during start-up, where there is nothing to collect; what is loaded now stays.
        gc.freeze()
        gc.enable()
        try:
            found = opening()
        except (Terminated, Ended):
            raise
        except BaseException as error:
            raise Ended(_ending_of_unpickling(error, self._opening)) from error
        finally:
            self._stop_in_a_fork()
        return found

    def _open(self, blobs: Payload) -> Bound:
        task = self._open_task(blobs)
        if blobs.arguments is None:
            return Bound(task, execution.bound(task, (), self._assignment.values or {}))
        self._flow_run_id = codecs.flow_run_of(blobs.arguments)
        self._opening = "an argument"
        args, kwargs = codecs.open_arguments(blobs.arguments, resolve=self._upstreams.resolve)
        return Bound(task, execution.bound(task, args, kwargs))

    def _open_task(self, blobs: Payload) -> Task[..., Any]:
        if blobs.code is not None:
            return execution.as_task(codecs.open_code(blobs.code).task)
        return execution.as_task(execution.load_entrypoint(self._assignment.entrypoint or ""))

    def execute(self, found: Bound) -> Ending:
        """Call the function and store what it returns or raises. Raises Terminated."""
        here = self._context_of(found)
        inside = found.task.context_of(here.task_run, here.parameters)
        with context.entered(inside, everywhere=True):
            return self._execute(found, here)

    def _execute(self, found: Bound, here: TaskRunContext) -> Ending:
        if self._assignment.log_prints:
            output.prefix_lines(f"{self._assignment.run}/{self._assignment.attempt} | ")
        commit = Commit(found.task)
        if not execution.may_share(found.task, self._assignment):
            return commit.around(lambda: self._call(found, here))
        # Deferred: few tasks share their results, and their cold start alone should pay for it.
        from ferryman.runner import shared  # noqa: PLC0415

        try:
            share = shared.of_attempt(self._store, self._assignment, here)
        except FerrymanError as error:
            return self._failed(error, here)
        finally:
            self._stop_in_a_fork()
        if share is None:
            return commit.around(lambda: self._call(found, here))
        self._sender.enter(Step.CACHE)
        return shared.ending(share, self._assignment, lambda: self._call(found, here), commit)

    def _call(self, found: Bound, here: TaskRunContext) -> Ending:
        self._sender.enter(Step.EXECUTE)
        try:
            value = execution.call(found.task.body, found.call.args, found.call.kwargs)
        except (SystemExit, KeyboardInterrupt) as exc:
            self._stop_in_a_fork()
            return Ending(Reason.PROCESS_EXITED, _exit_message(exc), failures.type_name(exc))
        except Terminated as stopped:
            # A coroutine is not where its event loop is.
            if not found.task.isasync:
                output.complain(_place(stopped))
            raise
        except BaseException as exc:  # noqa: BLE001 - the function's own failure, of whatever class.
            self._stop_in_a_fork()
            self.outcome = exc
            return self._failed(exc, here)
        self._stop_in_a_fork()
        self.outcome = value
        return self._succeeded(value, found.task)

    def call_hooks(self, found: Bound, ended: Ending, claimant: Claimant) -> None:
        """Call the task's hooks for a run that has ended so, once it is told. Raises Terminated."""
        # Deferred: most tasks have no hooks.
        from ferryman.runner import hooks  # noqa: PLC0415

        here = self._assignment
        if ended.reason is Reason.PROCESS_EXITED:
            self._sender.hooks(HooksReport(called=False, message=f"None is called where {ended.message}."))
            return
        chosen = hooks.of(found.task, ended.reason)
        if not chosen:
            return
        result = None if ended.result is None else _found_here(ended.result, here)
        ending = RunEnding(ended.reason, ended.message, result)
        where = hooks.stored(self._store, here.namespace, ending) if ended.reason is Reason.CACHED else None
        # A value that could not be stored is not the outcome of the run.
        is_outcome = MEANING[ended.reason].phase is Phase.COMPLETED or isinstance(self.outcome, BaseException)
        data = self.outcome if is_outcome else None
        state = hooks.state_of(here.run, ending, data, where)
        caller = hooks.Caller(self._store, here, claimant, self._sender)
        caller.call(self._context_of(found), chosen, state)

    def _context_of(self, found: Bound) -> TaskRunContext:
        flow = self._flow_run_id
        run = execution.task_run(found.task, self._assignment, self._began, flow_run_id=flow)
        return TaskRunContext(found.task, run, found.call.parameters)

    def _succeeded(self, value: Any, task: Task[..., Any]) -> Ending:
        self._sender.enter(Step.SERIALISE)
        try:
            sealed = codecs.seal_result(value, execution.serializer(task, self._assignment.serializer))
        except FerrymanError as error:
            return Ending(Reason.RESULT_NOT_SERIALIZABLE, failures.message(error), failures.type_name(error))
        except MemoryError:
            return Ending(Reason.RESULT_TOO_LARGE, "there is not enough memory to serialise the result")
        except (SystemExit, KeyboardInterrupt) as exc:
            return Ending(Reason.PROCESS_EXITED, _exit_message(exc), failures.type_name(exc))
        finally:
            self._stop_in_a_fork()
        if sealed.size > (limit := self._assignment.max_result_bytes):
            return Ending(Reason.RESULT_TOO_LARGE, f"the result has {sealed.size} bytes, {limit} are allowed")
        self._sender.enter(Step.UPLOAD)
        try:
            return Ending(Reason.COMPLETED, result=self._upload(sealed))
        except FerrymanError as error:
            return Ending(Reason.RESULT_UPLOAD_FAILED, failures.message(error))

    def _failed(self, exc: BaseException, here: TaskRunContext) -> Ending:
        self._sender.enter(Step.SERIALISE)
        failure = failures.capture(exc.with_traceback(_of_the_user(exc.__traceback__)))
        output.complain(failure.traceback)
        reason = Reason.USER_EXCEPTION
        if self._assignment.retries_left and not execution.wants_retry(here, exc):
            reason = Reason.RETRY_CONDITION_DECLINED
        self._sender.enter(Step.UPLOAD)
        try:
            result = self._upload(failures.seal_failure(failure))
        except FerrymanError as error:
            # The exception is what matters; the caller gets its text from the report.
            output.complain(f"the exception could not be stored: {error}\n")
            result = None
        return Ending(reason, _said(failure), failure.type, result)

    def _upload(self, sealed: Sealed) -> ResultRef:
        here = self._assignment
        key = keys.result(here.namespace, here.uid, here.attempt)
        try:
            self._store.put(key, sealed.body)
        except StoreUnavailable:
            # Worth more than the adapter's own tries: the work is done and would be lost.
            self._store.put(key, sealed.body)
        return ResultRef(sealed.sha256, sealed.size, sealed.codec)

    def _stop_in_a_fork(self) -> None:
        # The user's code forked and went on in its child too: only one of them is the run.
        if os.getpid() != self._process:
            output.flush()
            os._exit(0)


def _found_here(result: ResultRef, here: Assignment) -> ResultRef:
    return result if result.uid else replace(result, uid=here.uid, attempt=here.attempt)


def _ending_of_unpickling(error: BaseException, what: str) -> Ending:
    message = failures.message(error)
    kind = failures.type_name(error)
    if isinstance(error, ModuleNotFoundError):
        return Ending(
            Reason.MODULE_NOT_FOUND, f"{message}: {what} needs it, and the image does not have it", kind
        )
    if isinstance(error, FerrymanError):
        return Ending(payload.reason_of(error), message, kind)
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        return Ending(Reason.PROCESS_EXITED, _exit_message(error), kind)
    return Ending(Reason.INVALID_PAYLOAD, f"unpickling raised {kind}: {message}", kind)


def _said(failure: Failure) -> str:
    # A function that returned a failed state has said all of it in the state's message.
    if not failure.message or failure.type == _OF_A_STATE:
        return failure.message or failure.type
    return f"{failure.type}: {failure.message}"


def _exit_message(exc: BaseException) -> str:
    if isinstance(exc, SystemExit):
        return f"the function called sys.exit: {failures.message(exc) or 'without a code'}"
    return "the function raised KeyboardInterrupt"


def _place(stopped: Terminated) -> str:
    # The last frame is the signal's handler.
    frames = traceback.format_tb(_of_the_user(stopped.__traceback__))[:-1]
    return "".join(["The function was stopped here (most recent call last):\n", *frames])


def _of_the_user(trace: TracebackType | None) -> TracebackType | None:
    # Our own frames at the top would only distract.
    ours = ("ferryman.runner", "ferryman.flows")
    while trace and trace.tb_next and trace.tb_frame.f_globals.get("__name__", "").startswith(ours):
        trace = trace.tb_next
    return trace
