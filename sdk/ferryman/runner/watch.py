"""Watching the child: its messages, its end, our signals and its time limits, in one loop.

Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from ferryman.api.hooks import HOOKS_SECONDS, HooksReport
from ferryman.api.reasons import Reason
from ferryman.runner import oom
from ferryman.runner.channel import Entered, Receiver
from ferryman.runner.ending import Ending
from ferryman.runner.phases import Step

_STOP: Final = frozenset({signal.SIGTERM, signal.SIGINT})


Fence = Callable[[], float]
"""The moment of time.monotonic() from which on nothing may run; it is asked again and again, as it moves."""


class Graces(NamedTuple):
    """Seconds: between asking the child to stop and killing it, and what phases have at least."""

    timeout: float = 5.0
    termination: float = 20.0
    """Less than a pod's terminationGracePeriodSeconds (30): the report is to be written before that ends."""
    exit: float = 5.0
    """For the exit functions, after the ending was told."""
    hooks: float = HOOKS_SECONDS
    """For all hooks together, after the ending was told."""
    phase: float = 300.0
    """What unpickling and serialising have at least, however short the function's timeout is."""


GRACES: Final = Graces()


class Seen:
    """What is known when the child is gone. Times are seconds since the epoch, memory is bytes."""

    def __init__(self) -> None:
        self.ending = Ending(Reason.INVALID_RUNNER_REPORT)
        self.timings: dict[str, float] = {}
        self.started: float | None = None
        self.finished: float | None = None
        self.peak_memory: int | None = None
        self.hooks: HooksReport | None = None
        self.told = False
        """Whether the child told its ending; otherwise it is what was seen of its death."""
        self.terminated = False
        """Whether this process is to end."""


class Watch:
    """One child. Make it while SIGTERM, SIGINT and SIGCHLD are blocked: it takes them over."""

    def __init__(
        self,
        child: int,
        channel: int,
        *,
        began: float,
        timeout: float | None,
        graces: Graces,
        fence: Fence | None = None,
    ) -> None:
        self._child = child
        self._receiver = Receiver(channel)
        self._timeout = timeout
        self._graces = graces
        self._fence = fence
        self._signals = wakeups((*_STOP, signal.SIGCHLD))
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._poll.register(self._signals, select.POLLIN)
        self._channel = channel
        self._oom_kills = oom.kills()
        self._step = Step.BOOT
        self._since = began
        self._deadline: float | None = None
        self._kill_at: float | None = None
        self._told: Ending | None = None
        self._verdict: Ending | None = None
        self._terminated = False
        self._seen = Seen()

    def until_it_ends(self) -> Seen:
        """Wait for the child's end, bring it about if it must be, and say how it ended."""
        while not self._has_exited():
            self._poll.poll(self._milliseconds())
            self._read_channel()
            self._read_signals()
            self._keep_limits(time.monotonic())
        # While the child is a zombie its number cannot be taken by another group.
        self._signal_group(signal.SIGKILL)
        _, status, usage = os.wait4(self._child, 0)
        self._read_channel()
        self._leave_step(time.monotonic())
        self._seen.told, self._seen.terminated = self._told is not None, self._terminated
        self._seen.peak_memory = usage.ru_maxrss * 1024
        self._seen.ending = (
            self._verdict or self._told or self._from_status(os.waitstatus_to_exitcode(status))
        )
        return self._seen

    def _has_exited(self) -> bool:
        # As process 1 of a container it inherits what the function's children leave behind: buried here.
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while (ended := os.waitid(os.P_ALL, 0, flags)) is not None:
            if ended.si_pid == self._child:
                return True
            os.waitpid(ended.si_pid, 0)
        return False

    def _milliseconds(self) -> int | None:
        fence = None if self._fence is None else self._fence()
        moments = [moment for moment in (self._deadline, self._kill_at, fence) if moment is not None]
        if not moments:
            return None
        # Rounded up, so that the loop does not spin through the last millisecond; capped at a day.
        return min(86_400_000, max(0, int((min(moments) - time.monotonic()) * 1000) + 1))

    def _read_channel(self) -> None:
        was_open = self._receiver.is_open
        for message in self._receiver.receive():
            if isinstance(message, Entered):
                self._enter(message.step, message.at)
            elif isinstance(message, HooksReport):
                self._seen.hooks = message
            elif self._told is None:
                self._told = message
                self._deadline = None
                self._kill_at = time.monotonic() + self._graces.exit
        if was_open and not self._receiver.is_open:
            self._poll.unregister(self._channel)

    def _enter(self, step: Step, at: float) -> None:
        self._leave_step(at)
        self._step, self._since = step, at
        self._deadline = None if self._verdict else self._limit_of(step, at)
        if step is Step.EXECUTE:
            self._seen.started = _wall_clock(at)
        if not (self._verdict or self._terminated):
            self._limit_the_rest(step)

    def _limit_the_rest(self, step: Step) -> None:
        if step is Step.HOOKS:
            self._kill_at = time.monotonic() + self._graces.hooks
        elif step is Step.REPORT:
            self._kill_at = time.monotonic() + self._graces.exit

    def _leave_step(self, at: float) -> None:
        self._seen.timings[self._step] = self._seen.timings.get(self._step, 0.0) + max(0.0, at - self._since)
        if self._step is Step.EXECUTE:
            self._seen.finished = _wall_clock(at)

    def _limit_of(self, step: Step, at: float) -> float | None:
        if self._timeout is None:
            return None
        if step is Step.EXECUTE:
            return at + self._timeout
        # These run the user's code too (__setstate__, __reduce__), but the timeout is the function's.
        if step in (Step.UNPICKLE, Step.SERIALISE):
            return at + max(self._graces.phase, self._timeout)
        return None

    def _read_signals(self) -> None:
        try:
            received = os.read(self._signals, 4096)
        except BlockingIOError:
            return
        if _STOP.intersection(received) and not (self._told or self._verdict or self._terminated):
            self._stop_for_termination()
        elif _STOP.intersection(received) and self._step is Step.HOOKS and self._kill_at is not None:
            # The outcome is to be reported before the pod's grace ends.
            self._terminated = True
            self._kill_at = min(self._kill_at, time.monotonic() + self._graces.termination)

    def _stop_for_termination(self) -> None:
        self._terminated = True
        self._kill_at = time.monotonic() + self._graces.termination
        if not self._step.is_after_the_function:
            self._verdict = Ending(Reason.RUNNER_KILLED, f"SIGTERM arrived in phase {self._step}")
            self._deadline = None
            self._signal_group(signal.SIGTERM)

    def _keep_limits(self, now: float) -> None:
        if self._fence is not None and now >= self._fence():
            # Without a grace: somebody else may be given the run from now on.
            self._fence = self._deadline = None
            self._verdict = self._verdict or Ending(Reason.RUNNER_KILLED, "the worker lost its lease")
            self._kill_at = now
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._verdict = Ending(Reason.TIMEOUT, self._timeout_message())
            self._kill_at = now + self._graces.timeout
            self._signal_group(signal.SIGTERM)
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._signal_group(signal.SIGKILL)

    def _timeout_message(self) -> str:
        if self._step is Step.EXECUTE:
            return f"the function ran longer than {self._timeout:g} s"
        return f"phase {self._step} took longer than {max(self._graces.phase, self._timeout or 0):g} s"

    def _signal_group(self, number: signal.Signals) -> None:
        # The child makes the group; very early it may not exist yet.
        for send in (os.killpg, os.kill):
            try:
                send(self._child, number)
            except (ProcessLookupError, PermissionError):
                continue
            return

    def _from_status(self, code: int) -> Ending:
        if code >= 0 and not self._terminated:
            message = f"the process ended with exit code {code} in phase {self._step}"
            return Ending(Reason.PROCESS_EXITED, message)
        if self._terminated:
            return Ending(
                Reason.RUNNER_KILLED, f"SIGTERM arrived in phase {self._step}, which then took too long"
            )
        name = _signal_name(-code)
        if code == -signal.SIGKILL and oom.kills() > self._oom_kills:
            return Ending(Reason.OOM_KILLED, f"the kernel killed it for memory in phase {self._step}")
        return Ending(Reason.PROCESS_KILLED, f"{name} killed the process in phase {self._step}")


def wakeups(numbers: Iterable[signal.Signals]) -> int:
    """A descriptor from which the numbers of these signals can be read as they arrive; it takes them over."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in numbers:
        # A handler is needed for the number to be written; there is nothing for it to do.
        signal.signal(number, lambda *_: None)
    return readable


def _wall_clock(monotonic: float) -> float:
    return time.time() - (time.monotonic() - monotonic)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
