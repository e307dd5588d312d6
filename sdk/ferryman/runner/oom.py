"""Whether the kernel killed for memory in this container. Standard library only."""

from __future__ import annotations

from typing import Final

_FILES: Final = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Of cgroup v2 and v1, as a container sees its own."""


def kills() -> int:
    """How many processes of the container the kernel has killed for memory so far; 0 if it does not tell."""
    for path in _FILES:
        try:
            with open(path, encoding="ascii") as lines:  # noqa: PTH123 - pathlib costs start-up time.
                counts = dict(line.split(maxsplit=1) for line in lines if " " in line)
                return int(counts.get("oom_kill", "0"))
        except (OSError, ValueError):
            continue
    return 0
