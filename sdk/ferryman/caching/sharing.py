"""How the result of one call is shared: its key, for how long, and whether a shared one counts."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ferryman.caching import effective, policies
from ferryman.caching.effective import Effective
from ferryman.caching.hashing import Unhashable
from ferryman.caching.records import Hit, Record
from ferryman.context import FlowRunContext, TaskRunContext
from ferryman.exceptions import InvalidCacheKey

PERSIST: Final = "FERRYMAN_RESULTS_PERSIST_BY_DEFAULT"
REFRESH: Final = "FERRYMAN_TASKS_REFRESH_CACHE"
DISABLE: Final = "FERRYMAN_TASKS_DISABLE_CACHING"

_ABSENT: Final = "-"

_PLAIN: Final = re.compile(r"[A-Za-z0-9._=-]{1,128}")

_log: Final = logging.getLogger("ferryman")


@dataclass(frozen=True)
class Flow:
    """What of the flow run around a call goes into keys. In a pod of a child only `digest` is known."""

    id: str = ""
    parameters: Mapping[str, Any] | None = None
    digest: str = ""
    persists: bool | None = None

    @property
    def scope(self) -> str:
        """As text, for whoever makes the key elsewhere."""
        return f"{self.id or _ABSENT}/{self.digest or policies.flow_digest(self.parameters) or _ABSENT}"


@dataclass(frozen=True)
class Sharing:
    """How the result of a call is shared.

    `key` is as a TaskRun may hold it, and "" where the call's arguments are not known yet: the
    runner makes it, with `scope`. `expiration` is in seconds; None is for ever.
    """

    key: str
    scope: str = ""
    expiration: float | None = None
    refresh: bool = False
    exclusive: bool = True
    """Whether one of several runs computes it while the others wait."""
    material: tuple[str, ...] = ()
    name: str = ""
    """What `result_storage_key` says for this call."""

    def record(self, hit: Hit, now: float) -> Record:
        """The record of a result that is shared so from now on."""
        expires = None if self.expiration is None else now + self.expiration
        return Record(hit, created=now, expires=expires, material=self.material)


def around() -> Flow:
    """The flow run that this code is in, if any."""
    here = FlowRunContext.get()
    return Flow(here.flow_run.id, here.parameters, persists=_persists(here.flow)) if here else Flow()


def from_scope(scope: str) -> Flow:
    """The flow run in a scope that `Flow.scope` made."""
    flow_id, digest = ("" if one == _ABSENT else one for one in scope.partition("/")[::2])
    return Flow(id=flow_id, digest=digest)


def of_call(
    here: TaskRunContext, flow: Flow, environ: Mapping[str, str], *, complete: bool = True
) -> Sharing | None:
    """How the result of the call is shared; None if it is not.

    `complete` says that no argument is a future. Raises InvalidCacheKey; whatever else a policy
    raises is logged, and the result is not shared.
    """
    if not may_share(here.task, flow, environ):
        return None
    counts = effective.of_options(here.task.options)
    if flow.id and not here.task_run.flow_run_id:
        here = replace(here, task_run=replace(here.task_run, flow_run_id=flow.id))
    key = _key(here, counts, flow) if complete else ""
    if key is None:
        return None
    options, policy = here.task.options, counts.policy
    lasts = options.cache_expiration
    return Sharing(
        key=spec_key(key),
        name=key if policy is None else "",
        scope="" if complete else flow.scope,
        expiration=None if lasts is None else lasts.total_seconds(),
        refresh=_is_on(environ, REFRESH) if options.refresh_cache is None else options.refresh_cache,
        exclusive=policy is None or policy.isolation_level != policies.READ_COMMITTED,
        material=("result_storage_key",) if policy is None else policies.material(policy),
    )


def may_share(task: Any, flow: Flow, environ: Mapping[str, str]) -> bool:
    """Whether results of the task are shared at all."""
    counts = effective.of_options(task.options)
    if isinstance(counts.policy, policies.NoCache) or _is_on(environ, DISABLE):
        return False
    if counts.persist_result is not None:
        return counts.persist_result
    return _is_on(environ, PERSIST) if flow.persists is None else flow.persists


def _key(here: TaskRunContext, counts: Effective, flow: Flow) -> str | None:
    policy, template = counts.policy, here.task.options.result_storage_key
    if policy is None:
        return rendered(template, here) if template else None
    if not policy.is_for_others(here):
        return None
    try:
        key = policy.compute_key(
            here, dict(here.parameters), dict(flow.parameters or {}), flow_parameters_digest=flow.digest
        )
    except InvalidCacheKey:
        raise
    except Unhashable as error:
        _log.warning("the result of %s is not cached, as it has no key: %s", here.task.name, error)
        return None
    except Exception as error:  # noqa: BLE001 - whatever a policy or a value's own methods raise.
        _log.warning(
            "the result of %s is not cached, as it has no key: %s: %s",
            here.task.name,
            type(error).__name__,
            error,
            exc_info=True,
        )
        return None
    return policies.checked(key)


def spec_key(key: str) -> str:
    """The key as a TaskRun may hold it; of one that it may not, a digest."""
    return key if not key or _PLAIN.fullmatch(key) else f"sha256={policies.object_key(key)}"


def rendered(template: str, here: TaskRunContext) -> str:
    """`result_storage_key` for this call. Raises InvalidCacheKey, naming what is wrong with it."""
    try:
        return template.format(parameters=dict(here.parameters), task_run=here.task_run)
    except (KeyError, IndexError, AttributeError, ValueError, TypeError) as error:
        raise InvalidCacheKey(
            f"result_storage_key {template!r} cannot be filled in: {type(error).__name__}: {error}. "
            "It may use {parameters[name]} and {task_run.name}"
        ) from None


def _persists(flow: Any) -> bool | None:
    found = getattr(getattr(flow, "options", None), "persist_result", None)
    return found if isinstance(found, bool) else None


def _is_on(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() in ("1", "true", "yes")
