"""What can be said about a task: the keywords of `@task` and `with_options`, checked at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import isfinite
from typing import Any, Final, TypedDict

from ferryman.api import durations
from ferryman.pods import Pod

MAX_DELAYS: Final = 50
SERIALIZERS: Final = ("auto", "json", "pickle")

Delays = float | Sequence[float] | Callable[[int], Sequence[float]] | None
"""Seconds before retry 1, 2, ...: one number for all, a list whose last entry repeats, or a
function of the number of retries that returns such a list."""

Length = float | timedelta | str | None
"""Seconds, a timedelta, or a duration such as "1h30m"."""


class TaskKeywords(TypedDict, total=False):
    """The keywords of `@task` and `Task.with_options`."""

    name: str | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    task_run_name: str | Callable[..., str] | None
    retries: int | None
    retry_delay_seconds: Delays
    retry_jitter_factor: float | None
    retry_condition_fn: Callable[..., object] | None
    timeout_seconds: Length
    log_prints: bool | None
    result_serializer: str | None
    pod: Pod | None
    start_timeout: Length
    deadline: Length
    infrastructure_retries: int | None
    ttl: Length


@dataclass(frozen=True)
class TaskOptions:
    """All of a task but its function. None is Ferryman's default, or where it says so the operator's.

    `name`: of the task. `description`: the docstring, if not given. `tags`: for people, on every
    run. `version`: yours to give. `task_run_name`: a template over the parameters
    ("load-{day}") or a function that returns the name of a run. `retries`: further attempts
    after the function's own failures. `retry_delay_seconds`, `retry_jitter_factor`: before
    them. `retry_condition_fn(task, task_run, state)`: asked in the pod whether to try again.
    `timeout_seconds`: of one attempt; None or 0 is the default of the TaskRun.
    `log_prints`: prefix what the function prints. `result_serializer`: "auto", "json", "pickle".
    `start_timeout`: from an attempt's Job to the call of the function. `deadline`: of the whole
    run. `infrastructure_retries`: further attempts after evictions, lost nodes and the like.
    `ttl`: how long the finished TaskRun is kept.
    """

    name: str
    description: str = ""
    tags: frozenset[str] = frozenset()
    version: str = ""
    task_run_name: str | Callable[..., str] | None = None
    retries: int = 0
    retry_delay_seconds: Delays = None
    retry_jitter_factor: float | None = None
    retry_condition_fn: Callable[..., object] | None = None
    timeout_seconds: Length = None
    log_prints: bool = False
    result_serializer: str = "auto"
    pod: Pod = field(default_factory=Pod)
    start_timeout: Length = None
    deadline: Length = None
    infrastructure_retries: int | None = None
    ttl: Length = None
    delays: tuple[float, ...] = ()
    """`retry_delay_seconds` for this number of retries, in seconds."""


def evolve(options: TaskOptions, keywords: Mapping[str, Any]) -> TaskOptions:
    """The options with these keywords changed: what is omitted is kept, what is given counts, None clears.

    Raises TypeError and ValueError, naming the keyword.
    """
    unknown = sorted(set(keywords) - TaskKeywords.__annotations__.keys())
    if unknown:
        raise TypeError(f"a task has no option {', '.join(map(repr, unknown))}")
    given = {name: _check(name, value) for name, value in keywords.items()}
    defaults = TaskOptions(name=options.name, description=options.description)
    changes = {name: getattr(defaults, name) if value is None else value for name, value in given.items()}
    changed = replace(options, **changes)
    if keywords.keys() & {"retries", "retry_delay_seconds"}:
        return replace(changed, delays=_delays(changed.retry_delay_seconds, changed.retries))
    return changed


def duration(value: Length) -> str | None:
    """As Kubernetes writes it; None for None and 0."""
    if isinstance(value, str):
        return value
    return durations.render(value) if value else None


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Delays of `backoff_factor` times 1, 2, 4, 8, ... seconds, for `retry_delay_seconds`."""
    return _ExponentialBackoff(backoff_factor)


@dataclass(frozen=True)
class _ExponentialBackoff:
    # A class, for its repr and so that a task that holds it can be pickled by reference.
    factor: float

    def __call__(self, retries: int) -> list[float]:
        return [self.factor * 2.0**n for n in range(min(retries, MAX_DELAYS))]


def _check(name: str, value: Any) -> Any:
    check = _CHECKS.get(name)
    return value if value is None or check is None else check(name, value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    return value


def _tags(name: str, value: Any) -> frozenset[str]:
    if isinstance(value, str):
        raise TypeError(f"{name} must be a list of strings, not one string")
    return frozenset(_text(name, tag) for tag in value)


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} must not be negative: {value}")
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not isfinite(value) or value < 0:
        raise ValueError(f"{name} must not be negative nor infinite: {value}")
    return float(value)


def _length(name: str, value: Any) -> Length:
    if isinstance(value, timedelta):
        return timedelta(seconds=_number(name, value.total_seconds()))
    if isinstance(value, str):
        try:
            durations.parse(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return value
    return _number(name, value)


def _callable(name: str, value: Any) -> Any:
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {value!r}")
    return value


def _run_name(name: str, value: Any) -> Any:
    if not (isinstance(value, str) or callable(value)):
        raise TypeError(f"{name} must be a string or a function that returns one, not {value!r}")
    return value or None


def _serializer(name: str, value: Any) -> str:
    if value not in SERIALIZERS:
        raise ValueError(f"{name} must be one of {', '.join(SERIALIZERS)}, not {value!r}")
    return str(value)


def _pod(name: str, value: Any) -> Pod:
    if not isinstance(value, Pod):
        raise TypeError(f"{name} must be a ferryman.Pod, not {type(value).__name__}")
    return value


def _delay_source(name: str, value: Any) -> Any:
    if callable(value) or isinstance(value, int | float):
        return value if callable(value) else _number(name, value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(_number(name, one) for one in value)
    raise TypeError(
        f"{name} must be seconds, a list of seconds or a function that returns one, not {value!r}"
    )


def _delays(source: Delays, retries: int) -> tuple[float, ...]:
    found: Any = source(retries) if callable(source) else source
    if found is None or found == 0:
        return ()
    listed = [found] if isinstance(found, int | float) else list(found)
    if len(listed) > MAX_DELAYS:
        raise ValueError(f"retry_delay_seconds has {len(listed)} entries; at most {MAX_DELAYS} are possible")
    return tuple(_number("retry_delay_seconds", one) for one in listed)


_CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "name": _text,
    "description": _text,
    "tags": _tags,
    "version": _text,
    "task_run_name": _run_name,
    "retries": _count,
    "retry_delay_seconds": _delay_source,
    "retry_jitter_factor": _number,
    "retry_condition_fn": _callable,
    "timeout_seconds": _length,
    "log_prints": lambda _name, value: bool(value),
    "result_serializer": _serializer,
    "pod": _pod,
    "start_timeout": _length,
    "deadline": _length,
    "infrastructure_retries": _count,
    "ttl": _length,
}
