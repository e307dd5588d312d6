"""Workers as processes of their own, on a cluster that is there."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 60

MODULE = '''
import os
import time
from pathlib import Path

from ferryman import current_run, task


@task(log_prints=True)
def double(x):
    print("doubling", x)
    return 2 * x


@task
def where():
    run = current_run()
    return {"pid": os.getpid(), "attempt": run.attempt, "name": run.name}


@task
def hold(started, released, seconds=60):
    """Tell that it runs, then wait until it may end."""
    with open(started, "a") as told:
        print(current_run().attempt, os.getppid(), file=told)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if Path(released).exists():
            return current_run().attempt
        time.sleep(0.01)
    raise TimeoutError("it was not released")


class Refused(ValueError):
    pass


@task(retries=2, retry_delay_seconds=0.1)
def refuse(why):
    if current_run().attempt < 3:
        raise Refused(why)
    return current_run().attempt


@task
def raises(why):
    raise Refused(why)


@task(timeout_seconds=1)
def hang_in_c():
    import hashlib

    # One call into C that holds on for long, and that no exception can interrupt.
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 10**9)


@task(retry_condition_fn=lambda task, run, state: False, retries=3)
def declines():
    raise Refused("no")


@task
def exits():
    os._exit(3)


def note(task, task_run, state):
    """Leave a line beside this module, for each call."""
    outcome = type(state.result(raise_on_failure=False)).__name__
    with open(Path(__file__).with_name("notes"), "a") as notes:
        print(task.name, task_run.run_count, state.name, state.reason, outcome, file=notes)


@task(on_completion=[note], on_failure=[note])
def noted(started, released):
    return hold.fn(started, released)
'''


class Worker:
    """`ferryman serve` in a process. A context manager that kills it."""

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        tasks: Sequence[str] = ("served:double",),
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        (directory / "served.py").write_text(MODULE)
        self.log = directory / f"worker-{time.monotonic_ns()}.log"
        self._out = self.log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ferryman", "serve", *tasks, *arguments],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            env={**environ, "PYTHONPATH": str(directory)},
        )

    def __enter__(self):
        try:
            until(lambda: "serves" in self.output or self.process.poll() is not None)
            assert self.process.poll() is None, self.output
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self._out.close()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def name(self) -> str:
        return self.output.split("worker ", 1)[1].split(" ", 1)[0]

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def drain(self) -> int:
        """SIGTERM, and its exit code."""
        self.send(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def until(condition, seconds: float = PATIENCE):
    """Wait for the condition to hold; what it returned."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found
