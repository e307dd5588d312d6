"""What a start costs: `import ferryman`, and a runner until it calls the function.

The runner is the real one, as a process on this machine, with the cluster's store.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builders.attempt import RunnerLab
from cluster import store
from ferryman.api.runner_contract import StoreLocation

_REQUEST = re.compile(r" s3_(\w+) (\S+) ")


@dataclass(frozen=True)
class Start:
    """One attempt of a small function."""

    cpu: float
    """Seconds of both of its processes, from their start to the function's first line."""
    requests: Counter[str]
    """To the store until it ended, by operation: GetObject, PutObject."""


@dataclass(frozen=True)
class Server:
    """The cluster's store, as RunnerLab wants it."""

    @staticmethod
    def environment() -> dict[str, str]:
        access_key, secret_key = store.credentials()
        return {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}


class Failed(Exception):
    """The runner did not do what it had to; the message has what it wrote."""


def spent_so_far() -> None:
    """The function: tells the CPU seconds of its process and of the supervisor's."""
    import os
    import time

    # Linux has a clock for each process; this is the number that clock_getcpuclockid(3) gives.
    print("CPU", sum(time.clock_gettime((~pid << 3) | 2) for pid in (os.getpid(), os.getppid())))


def of_a_statement(statement: str) -> float:
    """CPU seconds of an interpreter that executes it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def laboratory() -> Iterator[RunnerLab]:
    """Where runners are started, with objects in the cluster's store under a prefix of their own."""
    with tempfile.TemporaryDirectory() as folder:
        prefix = f"bench-{os.getpid()}"
        location = StoreLocation(store.BUCKET, prefix, store.ENDPOINT, store.REGION, allow_http=True)
        yield RunnerLab(Server(), location, Path(folder))


def of_a_runner(lab: RunnerLab, log: Path) -> Start:
    """Carry out one attempt. Raises Failed."""
    here = sys.modules[spent_so_far.__module__]
    assignment = lab.assignment(**lab.seal(spent_so_far, by_value=(here,)))
    before = log.stat().st_size
    outcome = lab.finish(lab.start(assignment, impatient=False))
    told = [line.split()[1] for line in outcome.output.splitlines() if line.startswith("CPU")]
    if outcome.exit_code or not told:
        raise Failed(f"exit code {outcome.exit_code}: {outcome.output}{outcome.errors}")
    with log.open() as stream:
        stream.seek(before)
        return Start(float(told[0]), Counter(operations(stream, lab.location.prefix)))


def operations(lines: Iterable[str], prefix: str) -> Iterator[str]:
    """What was asked of the store by its access log: on keys with that prefix, and on no key, as a listing is."""
    for line in lines:
        if found := _REQUEST.search(line):
            operation, key = found.groups()
            if key == "-" or key.startswith(f"{prefix}/"):
                yield operation
