"""The process that has the tasks loaded and forks a supervisor for each run.

It is forked from the worker before that makes a thread or a connection, and makes none itself, so that
forking it is safe for as long as the worker lives. A supervisor is the runner's own: it forks the child,
keeps the timeout, ends it at the fence, and always writes a report.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from io import FileIO
from typing import Any, Final, NamedTuple, NoReturn

from ferryman import naming
from ferryman.api.runner_contract import Assignment, Env, Mode, decode_assignment, encode_report
from ferryman.exceptions import FerrymanError
from ferryman.runner import execution, output, supervisor
from ferryman.runner.channel import Sender
from ferryman.runner.watch import Fence, Graces, wakeups
from ferryman.worker import relay

GRACES: Final = Graces(termination=5.0)
"""Whoever stops a child here waits for it: a worker that drains, a run that is cancelled."""

_ORDER: Final = struct.Struct("!cQ")
_START: Final = b"s"
_END: Final = b"e"

_HELD_BACK: Final = {signal.SIGTERM, signal.SIGINT}


class Lines(NamedTuple):
    """What connects a worker with the supervisor of a run, and with its children."""

    calls: socket.socket
    """What to do; then the child's requests to the store."""
    later: socket.socket
    """Those of the child that calls the hooks where the first one died, perhaps in a request."""
    report: FileIO

    def close(self) -> None:
        """Hang up."""
        for line in self:
            line.close()


class ForgeGone(FerrymanError):
    """The process that forks the children of this worker has ended."""


class Forge:
    """The worker's handle of it. Thread-safe but for `start` and `close`."""

    def __init__(self, served: Mapping[str, Any], fence: Fence) -> None:
        self._served = served
        self._fence = fence

    def start(self) -> None:
        """Fork it. Call this while the process has one thread."""
        self._control, theirs = socket.socketpair()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self._control.close()
            _Process(theirs, self._served, self._fence).run(parent)
        theirs.close()

    def begin(self, number: int) -> Lines:
        """Fork a supervisor, and how to talk to it. Raises ForgeGone."""
        calls, their_calls = socket.socketpair()
        later, their_later = socket.socketpair()
        reading, writing = os.pipe()
        ours = Lines(calls, later, os.fdopen(reading, "rb", buffering=0))
        try:
            theirs = [their_calls.fileno(), their_later.fileno(), writing]
            socket.send_fds(self._control, [_ORDER.pack(_START, number)], theirs)
        except OSError as error:
            ours.close()
            raise ForgeGone(f"the process that forks has ended: {error}") from None
        finally:
            their_calls.close()
            their_later.close()
            os.close(writing)
        return ours

    def end(self, number: int) -> None:
        """Have that run stopped; its report follows. Nothing happens if it is over. Raises ForgeGone."""
        try:
            self._control.sendall(_ORDER.pack(_END, number))
        except OSError as error:
            raise ForgeGone(f"the process that forks has ended: {error}") from None

    def wait(self) -> None:
        """Return when it has ended."""
        try:
            self._control.recv(1)
        except OSError:
            return

    def close(self) -> None:
        """End it, and with it whatever still runs."""
        # Another thread waits at it: closing alone would tell the other side nothing.
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        os.waitpid(self._pid, 0)


class _Process:
    """What goes on in it."""

    def __init__(self, control: socket.socket, served: Mapping[str, Any], fence: Fence) -> None:
        self._control = control
        self._served = served
        self._fence = fence
        self._supervisors: dict[int, int] = {}

    def run(self, parent: int) -> NoReturn:
        code = 1
        try:
            self._settle(parent)
            self._loop()
            code = 0
        finally:
            for pid in self._supervisors.values():
                os.kill(pid, signal.SIGKILL)
            output.flush()
            os._exit(code)

    def _settle(self, parent: int) -> None:
        # Ctrl-C is for the worker, which then tells us what to stop.
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        supervisor.die_with(parent)
        _adopt_orphans()
        # What the worker's own modules have registered is not to run at the end of each child.
        atexit._clear()  # noqa: SLF001
        output.unbuffer()
        execution.served.update(self._served)
        main = sys.modules["__main__"]
        sys.modules.setdefault(naming.main_module(), main)
        # Loaded here, once, instead of in each child.
        from ferryman.runner import child, invocation  # noqa: F401, PLC0415

        self._wakeups = wakeups([signal.SIGCHLD])
        gc.collect()
        gc.freeze()

    def _loop(self) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wakeups, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wakeups in ready:
                self._reap()
            if self._control.fileno() in ready and not self._obey():
                return

    def _obey(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, _ORDER.size, 3)
        if len(message) < _ORDER.size:
            return False
        order, number = _ORDER.unpack(message)
        if order == _END:
            if number in self._supervisors:
                os.kill(self._supervisors[number], signal.SIGTERM)
            return True
        try:
            pid = os.fork()
        except OSError as error:
            output.complain(f"cannot fork: {error}\n")
            pid = -1
        if pid == 0:
            self._supervise(*descriptors)
        for one in descriptors:
            os.close(one)
        if pid > 0:
            self._supervisors[number] = pid
        return True

    def _reap(self) -> None:
        os.read(self._wakeups, 4096)
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._supervisors = {n: one for n, one in self._supervisors.items() if one != pid}

    def _supervise(self, calls: int, later: int, report: int) -> NoReturn:
        code = 1
        try:
            began = time.monotonic()
            self._control.close()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            _watch_over(socket.socket(fileno=calls), socket.socket(fileno=later), report, began, self._fence)
            code = 0
        finally:
            output.flush()
            os._exit(code)


def _watch_over(calls: socket.socket, later: socket.socket, report: int, began: float, fence: Fence) -> None:
    order = relay.receive(calls)
    if order is None:
        return
    supervisor.die_with(os.getppid())
    environment = order.header["environment"]

    def work(told: Assignment, sender: Sender) -> None:
        os.close(report)
        prefix = f"{told.run}/{told.attempt} | "
        output.prefix_lines(prefix)
        sys.stderr = output.PrefixedStream(sys.stderr, prefix)
        from ferryman.runner import child  # noqa: PLC0415 - loaded already; it is the child's.

        line = calls if told.mode is Mode.ATTEMPT else later
        # Every line has its prefix, whatever the task says.
        child.run(replace(told, log_prints=False), environment, sender, relay.RelayedStore(line))
        supervisor.finish(sender)

    assignment = decode_assignment(order.header["assignment"])
    found = supervisor.supervise(assignment, work, began=began, graces=GRACES, fence=fence)
    data = encode_report(found)
    while data:
        data = data[os.write(report, data) :]


def environment_of(claimant: str, token: str, upstreams: Mapping[str, str]) -> dict[str, str]:
    """The variables of a runner that its child reads."""
    return {
        **upstreams,
        Env.JOB_UID.value: token,
        Env.POD_NAME.value: claimant,
        Env.POD_UID.value: token,
        # The worker has checked the store when it started.
        Env.STORE_ALLOW_UNCONDITIONAL.value: "1",
    }


def _adopt_orphans() -> None:
    # What a function's children leave behind comes to us, and not to a process that does not wait for it.
    if sys.platform == "linux":
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)
