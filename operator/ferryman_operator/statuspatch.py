"""The status as it is written: the only place that serialises one."""

from __future__ import annotations

from typing import Any, Final

from ferryman.api.fields import Model
from ferryman.api.taskrun import TaskRunStatus
from ferryman_operator.reconcile.observed import Run

_FIELDS: Final = {name: field.alias or name for name, field in TaskRunStatus.model_fields.items()}


def status_patch(run: Run, status: TaskRunStatus) -> dict[str, Any]:
    """A merge-patch that turns the status of `run`, as it was seen, into `status`, or fails.

    The UID and the resourceVersion make it a compare-and-swap. It has what changed, lists whole,
    and null for what is cleared.
    """
    before = run.status
    changed = {
        alias: _cleared(getattr(before, name), _json(getattr(status, name)))
        for name, alias in _FIELDS.items()
        if getattr(before, name) != getattr(status, name)
    }
    # A phase that only the schema's default gave may not be stored yet.
    changed["phase"] = status.phase.value
    return {"metadata": {"uid": run.uid, "resourceVersion": run.resource_version}, "status": changed}


def _json(value: Any) -> Any:
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, Model):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def _cleared(before: Any, after: Any) -> Any:
    # A merge-patch merges objects: keys that the new one lacks have to be nulled one by one.
    if isinstance(before, Model) and isinstance(after, dict):
        old = before.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {**dict.fromkeys(old.keys() - after.keys()), **after}
    return after
