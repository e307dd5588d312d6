"""The phases of an attempt in the pod, in order. Standard library only."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """What the runner is doing; the keys of a report's `timings`."""

    BOOT = "boot"
    DOWNLOAD = "download"
    VERIFY = "verify"
    CLAIM = "claim"
    UNPICKLE = "unpickle"
    CACHE = "cache"
    """Of a task whose result is shared: looking for one, waiting for one that another run computes."""
    EXECUTE = "execute"
    SERIALISE = "serialise"
    UPLOAD = "upload"
    HOOKS = "hooks"
    """The outcome is told by now: nothing that happens here changes it."""
    REPORT = "report"

    @property
    def is_after_the_function(self) -> bool:
        """Whether the function has ended: from here on the work is ours."""
        return self in (Step.SERIALISE, Step.UPLOAD, Step.HOOKS, Step.REPORT)
