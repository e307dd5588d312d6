"""Which cache policy counts, and whether a result is shared: the table of docs/caching.md. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ferryman.caching.policies import DEFAULT, NONE, CacheKeyFnPolicy, CachePolicy, NoCache

UNSET: Final = "not set"
"""A cache policy of which nothing was said. Whatever is neither a policy nor None reads as this."""


@dataclass(frozen=True)
class Said:
    """What was said about a task's result. All fields as in `@task`."""

    cache_policy: Any = UNSET
    cache_key_fn: Any = None
    persist_result: bool | None = None
    result_storage: Any = None
    result_storage_key: str | None = None
    result_serializer: Any = None


@dataclass(frozen=True)
class Effective:
    """What counts. `persist_result` None is decided by what is around the call.

    `policy` None has no key of its own: that of `result_storage_key` counts, if there is one.
    `warning` is for whoever made the task; "" if there is nothing to say.
    """

    policy: CachePolicy | None
    persist_result: bool | None
    warning: str = ""


def effective(said: Said) -> Effective:
    """The policy and the persistence that follow from what was said."""
    policy_counts = isinstance(said.cache_policy, CachePolicy) and not isinstance(said.cache_policy, NoCache)
    caches = policy_counts or said.cache_key_fn is not None
    if said.persist_result is False:
        warning = "persist_result=False turns its caching off" if caches else ""
        return Effective(NONE, persist_result=False, warning=warning)
    implied = caches or any(
        one is not None for one in (said.result_storage, said.result_storage_key, said.result_serializer)
    )
    both = said.cache_key_fn is not None and isinstance(said.cache_policy, CachePolicy)
    warning = "of cache_policy and cache_key_fn, both given, cache_key_fn counts" if both else ""
    return Effective(_policy(said), True if implied else said.persist_result, warning)


def of_options(options: Any) -> Effective:
    """`effective` of a task's options."""
    serializer = options.result_serializer
    return effective(
        Said(
            cache_policy=options.cache_policy,
            cache_key_fn=options.cache_key_fn,
            persist_result=options.persist_result,
            result_storage=options.result_storage,
            result_storage_key=options.result_storage_key,
            result_serializer=None if serializer == "auto" else serializer,
        )
    )


def _policy(said: Said) -> CachePolicy | None:
    if said.cache_key_fn is not None:
        return CacheKeyFnPolicy(said.cache_key_fn)
    if isinstance(said.cache_policy, NoCache):
        return said.cache_policy
    if said.result_storage_key is not None:
        # The name of the result is its key.
        return None
    return said.cache_policy if said.cache_policy is None or _is_policy(said.cache_policy) else DEFAULT


def _is_policy(found: Any) -> bool:
    return isinstance(found, CachePolicy)
