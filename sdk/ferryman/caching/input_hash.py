"""`task_input_hash`: the cache key that depends on the task and its arguments."""

from __future__ import annotations

from typing import Any


def task_input_hash(context: Any, arguments: dict[str, Any]) -> str | None:
    """A `cache_key_fn`: equal for equal arguments of the same task, as long as its source is the same.

    `context` is a `TaskRunContext`. None, which means no caching, where an argument cannot be hashed.
    """
    # Deferred: the runner loads the names of a task's module, and hashes little.
    from ferryman.caching.hashing import try_hash  # noqa: PLC0415

    return try_hash(context.task.task_key, arguments)
