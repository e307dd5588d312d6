"""Where things lie in the store. Keys are derived, never read from a TaskRun.

Relative to the store's prefix; everything of a namespace is under the namespace's name.
Standard library only.
"""

from __future__ import annotations


def code(namespace: str, sha256: str) -> str:
    """The code blob of a version of a function."""
    return f"{namespace}/code/{sha256}"


def arguments(namespace: str, sha256: str) -> str:
    """An argument blob, or the object that the argument blobs of a map share."""
    return f"{namespace}/args/{sha256}"


def claim(namespace: str, uid: str, attempt: int) -> str:
    """The claim of an attempt."""
    return f"{namespace}/runs/{uid}/{attempt}/claim"


def hooks(namespace: str, uid: str) -> str:
    """The claim of a run's hooks."""
    return f"{namespace}/runs/{uid}/hooks"


def result(namespace: str, uid: str, attempt: int) -> str:
    """The result blob of an attempt, or its failure blob."""
    return f"{namespace}/runs/{uid}/{attempt}/result"


def cached(namespace: str, cache_key: str) -> str:
    """The record under a cache key."""
    return f"{namespace}/cache/{cache_key}"
