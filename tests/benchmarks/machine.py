"""The machine, and what else it does: without it no figure means anything."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

BUSY = 0.1
"""The part of the machine that others may use before the figures are said to suffer from it."""


@dataclass(frozen=True)
class Machine:
    """What it was like before the first measurement."""

    cores: int
    processor: str
    python: str
    busy: float
    """Part of its time for which the processors were not idle."""

    def __str__(self) -> str:
        return f"{self.cores} × {self.processor}, Python {self.python}, {self.busy:.0%} busy before the start"


def look(seconds: float = 2.0) -> Machine:
    """Look at it for a while, in which nothing is measured."""
    before = _times()
    time.sleep(seconds)
    idle, total = (now - then for now, then in zip(_times(), before, strict=True))
    return Machine(os.cpu_count() or 1, _processor(), platform.python_version(), 1 - idle / total)


def _times() -> tuple[int, int]:
    fields = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
