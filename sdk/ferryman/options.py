"""What can be said about a task: the keywords of `@task` and `with_options`, checked at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypedDict

from ferryman import delays
from ferryman.api import durations
from ferryman.delays import Delays
from ferryman.option_checks import Length, check
from ferryman.pods import Pod

if TYPE_CHECKING:
    # Not in a pod, whose cold start does without them.
    from ferryman.caching.policies import CachePolicy
    from ferryman.serializers import Serializer

Hook = Callable[..., Any]
"""`hook(task, task_run, state)`, or for commit and rollback `hook(transaction)`; may be async."""


class NotSet(Enum):
    """The value of an option that was not given, where None means something else."""

    NOT_SET = "NotSet"

    def __repr__(self) -> str:
        return "NotSet"


NOT_SET: Final = NotSet.NOT_SET


class TaskKeywords(TypedDict, total=False):
    """The keywords of `@task` and `Task.with_options`."""

    name: str | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    cache_policy: CachePolicy | NotSet | None
    cache_key_fn: Callable[..., str | None] | None
    cache_expiration: Length
    task_run_name: str | Callable[..., str] | None
    retries: int | None
    retry_delay_seconds: Delays
    retry_jitter_factor: float | None
    retry_condition_fn: Callable[..., object] | None
    persist_result: bool | None
    result_storage: Any
    result_storage_key: str | None
    result_serializer: str | Serializer | None
    cache_result_in_memory: bool | None
    timeout_seconds: Length
    log_prints: bool | None
    refresh_cache: bool | None
    on_completion: Iterable[Hook] | None
    on_failure: Iterable[Hook] | None
    on_commit: Iterable[Hook] | None
    on_rollback: Iterable[Hook] | None
    viz_return_value: Any
    namespace: str | None
    pod: Pod | None
    image: str | None
    cpu: str | float | None
    memory: str | int | None
    gpu: int | None
    resources: Mapping[str, Mapping[str, Any]] | None
    env: Mapping[str, str] | None
    secrets: Sequence[str] | None
    service_account: str | None
    node_selector: Mapping[str, str] | None
    tolerations: Sequence[Mapping[str, Any]] | None
    start_timeout: Length
    deadline: Length
    infrastructure_retries: int | None
    ttl: Length


@dataclass(frozen=True)
class TaskOptions:
    """All of a task but its function. None is Ferryman's default, or where it says so the operator's.

    `name`: of the task. `description`: the docstring, if not given. `tags`: for people, on every
    run. `version`: yours to give. `task_run_name`: a template over the parameters
    ("load-{day}") or a function that returns the name of a run. `log_prints`: print lines with
    the run's name.

    `retries`: further attempts after the function's own failures. `retry_delay_seconds`,
    `retry_jitter_factor`: before them. `retry_condition_fn(task, task_run, state)`: asked where
    the function failed whether to try again. `timeout_seconds`: of one attempt; None or 0 is
    the default of the TaskRun, and of a call here none. `on_completion`, `on_failure`: called
    with (task, task_run, state) when the run has ended so.

    `persist_result`: keep the result for later runs. `cache_policy`, `cache_key_fn(context,
    parameters)`: under which key. `cache_expiration`: for how long. `refresh_cache`: execute
    even if there is a result. `result_storage`, `result_storage_key`, `result_serializer`
    (see `ferryman.serializers`): where and how it is kept. `cache_result_in_memory`: also in this
    process. `on_commit`, `on_rollback`: called with the transaction.

    `viz_return_value`: what `flow.visualize` takes for the task's result. `namespace`: where its
    runs are created; None is the client's. `pod`: what its pods ask for; the keywords `image`,
    `cpu`, `memory`, `gpu`, `resources`, `env`, `secrets`, `service_account`, `node_selector` and
    `tolerations` set its fields of these names. `start_timeout`: from an attempt's Job to the
    call of the function. `deadline`: of the whole run. `infrastructure_retries`: further attempts
    after evictions, lost nodes and the like. `ttl`: how long the finished TaskRun is kept.
    """

    name: str
    description: str = ""
    tags: frozenset[str] = frozenset()
    version: str = ""
    cache_policy: Any = NOT_SET
    cache_key_fn: Callable[..., str | None] | None = None
    cache_expiration: timedelta | None = None
    task_run_name: str | Callable[..., str] | None = None
    retries: int = 0
    retry_delay_seconds: Delays = None
    retry_jitter_factor: float | None = None
    retry_condition_fn: Callable[..., object] | None = None
    persist_result: bool | None = None
    result_storage: Any = None
    result_storage_key: str | None = None
    result_serializer: str | Serializer = "auto"
    cache_result_in_memory: bool = True
    timeout_seconds: Length = None
    log_prints: bool | None = None
    refresh_cache: bool | None = None
    on_completion: tuple[Hook, ...] = ()
    on_failure: tuple[Hook, ...] = ()
    on_commit: tuple[Hook, ...] = ()
    on_rollback: tuple[Hook, ...] = ()
    viz_return_value: Any = None
    namespace: str | None = None
    pod: Pod = field(default_factory=Pod)
    start_timeout: Length = None
    deadline: Length = None
    infrastructure_retries: int | None = None
    ttl: Length = None
    delays: tuple[float, ...] = ()
    """`retry_delay_seconds` for this number of retries, in seconds."""


POD_KEYWORDS: Final = (
    "image", "cpu", "memory", "gpu", "resources", "env", "secrets", "service_account", "node_selector",
    "tolerations",
)  # fmt: skip
"""Fields of a Pod that are keywords of a task, too."""

_NONE_IS_A_VALUE: Final = frozenset({"cache_policy"})
"""None as a cache policy is none at all; not to say one is the default policy."""


_PREFECTS: Final[Mapping[str, str]] = {
    "asset_deps": "there are no assets",
    "on_cancellation": "on_failure is called of a cancelled run, too",
    "on_crashed": "on_failure is called of a crashed run, too",
    "on_running": "hooks are called when a run has ended",
    "task_runner": "what is submitted runs in the cluster",
    "validate_parameters": "types of arguments are not checked",
}
"""What those who come from Prefect look for, and what to know instead."""


def unknown_options(kind: str, names: Iterable[str]) -> str:
    """The message for options that a task, or flow, does not have."""
    told = (f"{name!r}" + (f" ({_PREFECTS[name]})" if name in _PREFECTS else "") for name in names)
    return f"a {kind} has no option {', '.join(told)}"


def evolve(options: TaskOptions, keywords: Mapping[str, Any]) -> TaskOptions:
    """The options with these keywords changed: what is omitted is kept, what is given counts, None clears.

    Raises TypeError and ValueError, naming the keyword.
    """
    unknown = sorted(set(keywords) - TaskKeywords.__annotations__.keys())
    if unknown:
        raise TypeError(unknown_options("task", unknown))
    given = {name: check(name, value) for name, value in keywords.items()}
    defaults = TaskOptions(name=options.name, description=options.description)
    pod = {name: given.pop(name) for name in POD_KEYWORDS if name in given}
    changes = {
        name: getattr(defaults, name) if value is None and name not in _NONE_IS_A_VALUE else value
        for name, value in given.items()
    }
    changed = replace(options, **changes)
    if pod:
        changed = replace(changed, pod=changed.pod.evolve(**pod))
    if keywords.keys() & {"retries", "retry_delay_seconds"}:
        return replace(changed, delays=delays.listed(changed.retry_delay_seconds, changed.retries))
    return changed


def duration(value: Length) -> str | None:
    """As Kubernetes writes it; None for None and 0."""
    if isinstance(value, str):
        return value
    return durations.render(value) if value else None


def in_seconds(value: Length) -> float | None:
    """The length in seconds; None for None and 0."""
    if isinstance(value, str):
        value = durations.parse(value)
    return (value.total_seconds() if isinstance(value, timedelta) else value) or None
