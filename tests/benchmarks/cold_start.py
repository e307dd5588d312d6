"""What a start costs: CPU of `import ferryman`, and of a runner until it calls the function.

    python tests/benchmarks/cold_start.py [ROUNDS]

The runner is the real one with a real store (moto); its figure is what its processes have used when
the function's first line runs. An interpreter that does nothing is measured beside them.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from builders.attempt import RunnerLab
from ferryman.dev import store
from ferryman.dev.processes.reaper import Reaper
from fixtures.object_store import ObjectStoreServer


def spent_so_far() -> None:
    """The function: tells the CPU seconds of its process and of the one that watches it."""
    import os

    def of(process: int) -> float:
        fields = open(f"/proc/{process}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    print("CPU", of(os.getpid()) + of(os.getppid()))


def of_a_statement(statement: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def a_lab() -> Iterator[RunnerLab]:
    with tempfile.TemporaryDirectory() as folder, Reaper(Path(folder)) as reaper:
        server = store.start(Path(folder), reaper)
        try:
            found = store.finish(server)
            yield RunnerLab(
                ObjectStoreServer(found.location.endpoint, Path(folder) / "store.log"),
                found.location,
                Path(folder),
            )
        finally:
            server.kill()


def of_a_runner(lab: RunnerLab) -> float:
    outcome = lab.run(spent_so_far, impatient=False)
    return next(float(line.split()[1]) for line in outcome.output.splitlines() if line.startswith("CPU"))


def measure(rounds: int) -> None:
    with a_lab() as lab:
        parts = {
            "an interpreter": lambda: of_a_statement("pass"),
            "import cloudpickle": lambda: of_a_statement("import cloudpickle"),
            "import ferryman": lambda: of_a_statement("import ferryman"),
            "a runner": lambda: of_a_runner(lab),
        }
        figures = [{name: part() for name, part in parts.items()} for _ in range(rounds)]
    for name in parts:
        seconds = [one[name] for one in figures]
        print(f"{name:20} {statistics.median(seconds) * 1000:4.0f} ms, least {min(seconds) * 1000:4.0f} ms")


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
