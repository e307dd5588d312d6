"""Cache policies: what of a call makes its key.

    @task(cache_policy=INPUTS + TASK_SOURCE)
    @task(cache_policy=INPUTS - "debug")

A policy is asked for a key with the task's context and the parameters; None means that this call
is not cached. Policies are values: `+`, `-` and `configure` make new ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from ferryman.caching import hashing
from ferryman.exceptions import InvalidCacheKey

READ_COMMITTED: Final = "READ_COMMITTED"
SERIALIZABLE: Final = "SERIALIZABLE"
ISOLATION_LEVELS: Final = (READ_COMMITTED, SERIALIZABLE)


@dataclass
class CachePolicy:
    """The base of all policies; a subclass has `compute_key`.

    `key_storage`: a store object for the records of calls in this process. `isolation_level`:
    "SERIALIZABLE", which None means, lets one of several runs with one key compute it while the
    others wait; "READ_COMMITTED" lets them all.
    """

    key_storage: Any = field(default=None, kw_only=True)
    isolation_level: str | None = field(default=None, kw_only=True)

    @classmethod
    def from_cache_key_fn(cls, cache_key_fn: Callable[[Any, dict[str, Any]], str | None]) -> CacheKeyFnPolicy:
        """The policy of a function of context and parameters."""
        return CacheKeyFnPolicy(cache_key_fn)

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """The key of a call; None for no caching.

        `task_ctx` is a `TaskRunContext`. Raises Unhashable, or whatever the policy does: the call
        is then not cached.
        """
        del task_ctx, inputs, flow_parameters, kwargs
        raise NotImplementedError

    def configure(
        self, *, key_storage: Any = None, lock_manager: Any = None, isolation_level: str | None = None
    ) -> Self:
        """A copy with these settings. Raises ValueError for what cannot be."""
        if lock_manager is not None:
            raise ValueError("a cache policy has no lock_manager: runs are kept apart by the store itself")
        if isolation_level is not None:
            isolation_level = str(getattr(isolation_level, "value", isolation_level))
        if isolation_level not in (None, *ISOLATION_LEVELS):
            raise ValueError(f"isolation_level must be one of {ISOLATION_LEVELS}, not {isolation_level!r}")
        given = {"key_storage": key_storage, "isolation_level": isolation_level}
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @property
    def parts(self) -> tuple[CachePolicy, ...]:
        """The policies that this one is the sum of."""
        return (self,)

    def is_for_others(self, task_ctx: Any) -> bool:
        """Whether another run can have the same key at all."""
        del task_ctx
        return True

    def __add__(self, other: object) -> CachePolicy:
        if not isinstance(other, CachePolicy):
            return NotImplemented
        common = {
            name: _common(name, getattr(self, name), getattr(other, name))
            for name in ("key_storage", "isolation_level")
        }
        parts: list[CachePolicy] = []
        for one in (*self.parts, *other.parts):
            if one not in parts:
                parts.append(one)
        if len(parts) == 1:
            return replace(parts[0], **common)
        return CompoundCachePolicy(tuple(parts), **common) if parts else replace(self, **common)

    def __sub__(self, other: object) -> CachePolicy:
        if not isinstance(other, str):
            raise TypeError(f"only names of parameters can be taken from a cache policy, not {other!r}")
        return self._without(other)

    def _without(self, parameter: str) -> CachePolicy:
        del parameter
        return self


@dataclass
class CacheKeyFnPolicy(CachePolicy):
    """The key is what `cache_key_fn(context, parameters)` returns."""

    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        del flow_parameters, kwargs
        if self.cache_key_fn is None:
            return None
        return checked(self.cache_key_fn(task_ctx, inputs))


@dataclass
class CompoundCachePolicy(CachePolicy):
    """Several policies; their order does not count. No key if none of them has one."""

    policies: Sequence[CachePolicy] = ()

    @property
    def parts(self) -> tuple[CachePolicy, ...]:
        return tuple(self.policies)

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        found = [
            (type(one).__qualname__, key)
            for one in self.policies
            if (key := checked(one.compute_key(task_ctx, inputs, flow_parameters, **kwargs))) is not None
        ]
        return hashing.hash_objects(sorted(found)) if found else None

    def is_for_others(self, task_ctx: Any) -> bool:
        return all(one.is_for_others(task_ctx) for one in self.policies)

    def _without(self, parameter: str) -> CachePolicy:
        return replace(self, policies=tuple(one - parameter for one in self.policies))


@dataclass
class NoCache(CachePolicy):
    """Never a key. Added to another policy it changes nothing."""

    @property
    def parts(self) -> tuple[CachePolicy, ...]:
        return ()

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        del task_ctx, inputs, flow_parameters, kwargs
        return None


@dataclass
class Inputs(CachePolicy):
    """The task and its parameters, defaults and `self` included, but for those in `exclude`.

    No key where that leaves no parameter.
    """

    exclude: Sequence[str] = ()

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        del flow_parameters, kwargs
        kept = {name: value for name, value in (inputs or {}).items() if name not in self.exclude}
        if not kept:
            return None
        try:
            return hashing.hash_objects(_task_key(task_ctx), kept)
        except hashing.Unhashable as error:
            culprit = next((name for name, value in kept.items() if hashing.try_hash(value) is None), None)
            if culprit is None:
                raise
            raise hashing.Unhashable(
                f"its argument {culprit!r} cannot be hashed ({error}); INPUTS - {culprit!r} leaves it out"
            ) from None

    def _without(self, parameter: str) -> CachePolicy:
        return replace(self, exclude=tuple(sorted({*self.exclude, parameter})))


@dataclass
class TaskSource(CachePolicy):
    """The source of the function, and what it captured: closure values and bound arguments that hash."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        del inputs, flow_parameters, kwargs
        if task_ctx is None:
            return None
        # The last part of a task's key, because a pod has no files to read a source from.
        source = _task_key(task_ctx).rpartition("-")[2]
        captured = [hashing.try_hash(one) for one in _captured(task_ctx.task.fn)]
        return hashing.hash_objects(source, captured)


@dataclass
class FlowParameters(CachePolicy):
    """The parameters of the flow run that the call is part of. No key outside of a flow."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        del task_ctx, inputs
        # In a pod the parameters themselves are not known, only their digest.
        known = kwargs.get("flow_parameters_digest")
        if known:
            return str(known)
        return hashing.hash_objects(flow_parameters) if flow_parameters else None


@dataclass
class RunId(CachePolicy):
    """The flow run that the call is part of; outside of one the task run, which no other run shares."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        del inputs, flow_parameters, kwargs
        if task_ctx is None:
            return None
        return str(_flow_run_id(task_ctx) or task_ctx.task_run.id)

    def is_for_others(self, task_ctx: Any) -> bool:
        return bool(_flow_run_id(task_ctx))


def checked(key: Any) -> str | None:
    """The key that a policy returned. Raises InvalidCacheKey if it is neither a string nor None."""
    if key is None or isinstance(key, str):
        return key or None
    raise InvalidCacheKey(f"a cache key must be a string or None, not {type(key).__name__}: {key!r:.100}")


def material(policy: CachePolicy) -> tuple[str, ...]:
    """The names of what a key is made of, for people who look at a record."""
    return tuple(sorted(type(one).__name__ for one in policy.parts))


def flow_digest(flow_parameters: Mapping[str, Any] | None) -> str:
    """What FLOW_PARAMETERS makes of these; "" outside of a flow and where they have no digest."""
    return (hashing.try_hash(dict(flow_parameters)) or "") if flow_parameters else ""


def object_key(key: str) -> str:
    """The name of a key's record in the store: a digest, as a key may be any text."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _task_key(task_ctx: Any) -> str:
    return str(getattr(getattr(task_ctx, "task", None), "task_key", ""))


def _flow_run_id(task_ctx: Any) -> Any:
    return getattr(getattr(task_ctx, "task_run", None), "flow_run_id", None)


def _captured(function: Any) -> Iterator[Any]:
    while function is not None:
        for cell in getattr(function, "__closure__", None) or ():
            yield _content(cell)
        if hasattr(function, "func"):  # functools.partial
            yield function.args
            yield function.keywords
            function = function.func
        else:
            function = getattr(function, "__wrapped__", None)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # Not assigned yet.
        return None


def _common(name: str, one: Any, other: Any) -> Any:
    if one is not None and other is not None and one != other:
        raise ValueError(f"two cache policies with different {name} cannot be added: {one!r} and {other!r}")
    return one if one is not None else other


INPUTS: Final = Inputs()
TASK_SOURCE: Final = TaskSource()
FLOW_PARAMETERS: Final = FlowParameters()
RUN_ID: Final = RunId()
NONE: Final = NoCache()
NO_CACHE: Final = NONE
DEFAULT: Final = INPUTS + TASK_SOURCE + RUN_ID
