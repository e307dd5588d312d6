"""What each option of a task may be: a check returns the value to keep, or raises naming the option. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from ferryman.api import durations, names
from ferryman.delays import seconds
from ferryman.pods import Pod

Length = float | timedelta | str | None
"""Seconds, a timedelta, or a duration such as "1h30m"."""


def check(name: str, value: Any) -> Any:
    """The value of an option as it is kept. Raises TypeError and ValueError, naming the option."""
    found = CHECKS.get(name)
    return value if value is None or found is None else found(name, value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    return value


def _tags(name: str, value: Any) -> frozenset[str]:
    if isinstance(value, str):
        raise TypeError(f"{name} must be a list of strings, not one string")
    return frozenset(_text(name, tag) for tag in _each(name, value))


def _each(name: str, value: Any) -> Iterable[Any]:
    if not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list, not {value!r}")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} must not be negative: {value}")
    return value


def _length(name: str, value: Any) -> Length:
    if isinstance(value, timedelta):
        return timedelta(seconds=seconds(name, value.total_seconds()))
    if isinstance(value, str):
        try:
            durations.parse(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return value
    return seconds(name, value)


def _age(name: str, value: Any) -> timedelta:
    found = _length(name, value)
    if isinstance(found, timedelta):
        return found
    return durations.parse(found) if isinstance(found, str) else timedelta(seconds=seconds(name, found))


def _callable(name: str, value: Any) -> Any:
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {value!r}")
    return value


def _hooks(name: str, value: Any) -> tuple[Any, ...]:
    if callable(value) or isinstance(value, str):
        raise TypeError(f"{name} must be a list of functions, not {value!r}")
    return tuple(_callable(name, hook) for hook in _each(name, value))


def _run_name(name: str, value: Any) -> Any:
    if not (isinstance(value, str) or callable(value)):
        raise TypeError(f"{name} must be a string or a function that returns one, not {value!r}")
    return value or None


def _policy(name: str, value: Any) -> Any:
    from ferryman.caching.policies import CachePolicy  # noqa: PLC0415 - see ferryman.options.

    if not isinstance(value, CachePolicy | Enum):
        raise TypeError(f"{name} must be a cache policy of ferryman.cache_policies or None, not {value!r}")
    return value


def _serializer(name: str, value: Any) -> Any:
    from ferryman import serializers  # noqa: PLC0415 - see ferryman.options.

    return serializers.checked(name, value)


def _storage(name: str, value: Any) -> Any:
    if isinstance(value, str) or all(hasattr(value, part) for part in ("get", "put", "create")):
        return value
    raise TypeError(
        f"{name} must be the name of a store that the operator knows, or for calls in this process a store, "
        f"not {value!r}"
    )


def _namespace(name: str, value: Any) -> str:
    if names.dns_label(_text(name, value)) != value:
        raise ValueError(
            f"{name} must be a namespace's name (small letters, digits and '-', at most 63), not {value!r}"
        )
    return str(value)


def _pod(name: str, value: Any) -> Pod:
    if not isinstance(value, Pod):
        raise TypeError(f"{name} must be a ferryman.Pod, not {type(value).__name__}")
    return value


def _delay_source(name: str, value: Any) -> Any:
    if callable(value) or isinstance(value, int | float):
        return value if callable(value) else seconds(name, value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(seconds(name, one) for one in value)
    raise TypeError(
        f"{name} must be seconds, a list of seconds or a function that returns one, not {value!r}"
    )


CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "name": _text,
    "description": _text,
    "tags": _tags,
    "version": _text,
    "cache_policy": _policy,
    "cache_key_fn": _callable,
    "cache_expiration": _age,
    "task_run_name": _run_name,
    "retries": _count,
    "retry_delay_seconds": _delay_source,
    "retry_jitter_factor": seconds,
    "retry_condition_fn": _callable,
    "persist_result": _flag,
    "result_storage": _storage,
    "result_storage_key": _text,
    "result_serializer": _serializer,
    "cache_result_in_memory": _flag,
    "timeout_seconds": _length,
    "log_prints": _flag,
    "refresh_cache": _flag,
    "on_completion": _hooks,
    "on_failure": _hooks,
    "on_commit": _hooks,
    "on_rollback": _hooks,
    "namespace": _namespace,
    "pod": _pod,
    "start_timeout": _length,
    "deadline": _length,
    "infrastructure_retries": _count,
    "ttl": _length,
}
"""Options without an entry take anything; their owners say what they make of it."""
