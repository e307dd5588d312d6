"""TaskRuns of served tasks as a worker's watch shows them: `a_served_run().offered(2)`."""

from __future__ import annotations

import copy
from typing import Any

ENTRYPOINT = "mail:send"
SHA = "ab" * 32


class AServedRun:
    """Each method returns a new one; `.json` is the object."""

    def __init__(self, json: dict[str, Any]) -> None:
        self.json = json

    def _with(self, part: str, **fields: Any) -> AServedRun:
        json = copy.deepcopy(self.json)
        json[part] |= fields
        return AServedRun(json)

    def that(self, **spec: Any) -> AServedRun:
        return self._with("spec", **spec)

    def with_status(self, **status: Any) -> AServedRun:
        return self._with("status", **status)

    def with_metadata(self, **fields: Any) -> AServedRun:
        return self._with("metadata", **fields)

    def offered(self, attempt: int) -> AServedRun:
        return self.with_status(phase="Waiting", offeredAttempt=attempt)

    def after_failures(self, count: int) -> AServedRun:
        rows = [{"number": n, "jobUID": f"token-{n}", "outcome": "Failed"} for n in range(1, count + 1)]
        return self.with_status(phase="AwaitingRetry", attempts=rows, retriesUsed=count)

    def whose_hooks(self, state: str = "Wanted", token: str = "", **status: Any) -> AServedRun:
        """It was cancelled, and its hooks are so far."""
        hooks = {"state": state} | ({"jobUID": token, "worker": "worker-1"} if token else {})
        ended = {
            "phase": "Cancelled",
            "finishedAt": "2026-11-22T12:00:00Z",
            "conditions": [
                {
                    "type": "Succeeded",
                    "status": "False",
                    "reason": "Cancelled",
                    "message": "Somebody cancelled it.",
                    "lastTransitionTime": "2026-11-22T12:00:00Z",
                }
            ],
        }
        return self.that(hooks=["Failure"]).with_status(**{**ended, "hooks": hooks, **status})

    def claimed_by(self, worker: str, token: str, attempt: int = 1) -> AServedRun:
        lease = {
            "worker": worker,
            "token": token,
            "attempt": attempt,
            "acquiredAt": "2026-11-22T12:00:00Z",
            "durationSeconds": 15,
        }
        return self.with_status(lease=lease)


def a_served_run(name: str = "letter", version: str = "1") -> AServedRun:
    """One that any worker of `mail:send` may claim."""
    return AServedRun(
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": f"uid-of-{name}",
                "resourceVersion": version,
            },
            "spec": {
                "task": {"name": "send"},
                "executor": "Worker",
                "function": {"entrypoint": ENTRYPOINT},
                "retry": {"retries": 3},
            },
            "status": {"phase": "Pending"},
        }
    )
