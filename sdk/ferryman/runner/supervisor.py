"""The parent: starts the child, watches it, stops it if it must, and always writes the report.

It stays single-threaded and loads the standard library only, so that forking it is cheap and
safe; the child is a fork rather than a second interpreter because starting one costs as much
as all of the runner's own imports.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NoReturn

from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import (
    DEFAULT_TERMINATION_LOG,
    Assignment,
    Env,
    Mode,
    Report,
    decode_assignment,
    encode_report,
)
from ferryman.runner import aftermath, output
from ferryman.runner.channel import Sender
from ferryman.runner.ending import Ending, exit_code
from ferryman.runner.phases import Step
from ferryman.runner.watch import GRACES, Fence, Graces, Seen, Watch

_HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

Work = Callable[[Assignment, Sender], None]
"""What the child does: the attempt, or where that left no hooks called, its hooks alone."""


def main(environment: Mapping[str, str] = os.environ, graces: Graces = GRACES) -> int:
    """Run the attempt that the environment describes; the exit code. Leaves a report, whatever happens."""
    began = time.monotonic()
    output.unbuffer()
    try:
        assignment = decode_assignment(environment[Env.ASSIGNMENT])
    except (KeyError, ValueError, TypeError) as error:
        report = _report_on_nonsense(environment.get(Env.ASSIGNMENT, ""), error)
    else:
        work = partial(_run_child, environment)
        report = supervise(assignment, work, began=began, graces=graces)
    _write(report, environment.get(Env.TERMINATION_LOG) or DEFAULT_TERMINATION_LOG)
    return int(exit_code(report.reason))


def supervise(
    assignment: Assignment,
    work: Work,
    *,
    began: float,
    graces: Graces = GRACES,
    fence: Fence | None = None,
) -> Report:
    """Do `work` in a fork and watch it; how it ended. The process has one thread, and signals are free.

    `began` is when the attempt did (time.monotonic()); `fence` when it has to be over, no matter how.
    """
    seen = _watched(assignment, work, began, graces, fence)
    called = seen.hooks
    if called is None and (hooks_alone := aftermath.of(assignment, seen)) is not None:
        called = _watched(hooks_alone, work, time.monotonic(), graces, fence).hooks
    timings = {step: round(seconds, 6) for step, seconds in seen.timings.items()}
    return Report(
        uid=assignment.uid,
        attempt=assignment.attempt,
        reason=seen.ending.reason,
        message=seen.ending.message,
        exception=seen.ending.exception,
        result=seen.ending.result,
        started=seen.started,
        finished=seen.finished,
        timings=timings,
        peak_memory=seen.peak_memory,
        hooks=called,
    )


def _watched(assignment: Assignment, work: Work, began: float, graces: Graces, fence: Fence | None) -> Seen:
    # Blocked until each side has the handlers it needs: a SIGTERM in between must not be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    channel_out, channel_in = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(channel_out)
        _work(partial(work, assignment), channel_in, parent)
    os.close(channel_in)
    timeout = assignment.timeout if assignment.mode is Mode.ATTEMPT else graces.hooks
    watch = Watch(child, channel_out, began=began, timeout=timeout, graces=graces, fence=fence)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
    seen = watch.until_it_ends()
    os.close(channel_out)
    return seen


def _work(work: Callable[[Sender], None], channel: int, parent: int) -> NoReturn:
    code = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        die_with(parent)
        work(Sender(channel))
        code = 0
    finally:
        output.flush()
        os._exit(code)


def _run_child(environment: Mapping[str, str], assignment: Assignment, sender: Sender) -> None:
    try:
        # Not at the top: these start threads, which must not exist when the supervisor forks.
        from ferryman.runner import child  # noqa: PLC0415
    except ImportError as error:
        sender.end(Ending(Reason.MODULE_NOT_FOUND, f"the image lacks what the runner needs: {error}"))
        return
    child.run(assignment, environment, sender)
    finish(sender)


def finish(sender: Sender) -> None:
    """What is left to do once the ending is told."""
    sender.enter(Step.REPORT)
    _run_exit_functions()


def _run_exit_functions() -> None:
    # What the function registered (flushing a logger, say) runs; joining its threads does not,
    # because one that never ends would keep a finished pod alive.
    import atexit  # noqa: PLC0415 - needed once, at the end.

    atexit._run_exitfuncs()  # noqa: SLF001


def die_with(parent: int) -> None:
    """End this process when `parent` ends: SIGKILL, on Linux."""
    # In a container the supervisor is process 1 and its end is everybody's. Elsewhere (the embedded
    # cluster) a child whose supervisor was killed would go on unwatched.
    if parent == 1 or sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - outside of containers only.

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _report_on_nonsense(text: str, error: Exception) -> Report:
    try:
        fields = json.loads(text)
        uid, attempt = str(fields["uid"]), int(fields["attempt"])
    except (ValueError, TypeError, KeyError, RecursionError):
        uid, attempt = "", 0
    message = f"{Env.ASSIGNMENT} cannot be read: {type(error).__name__}: {error}"
    return Report(uid=uid, attempt=attempt, reason=Reason.INVALID_SPEC, message=message)


def _write(report: Report, path: str) -> None:
    data = encode_report(report)
    try:
        with open(path, "wb") as log:  # noqa: PTH123 - pathlib costs start-up time.
            log.write(data)
    except OSError as error:
        print(f"the report cannot be written to {path} ({error.strerror}): {data.decode()}", file=sys.stderr)  # noqa: T201
