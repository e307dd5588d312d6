"""What the API server says of a TaskRun: the generated CRD, checked as `ferryman dev` checks it."""

from __future__ import annotations

import copy
from typing import Any

from ferryman.api.crd import crd
from ferryman.dev.apiserver.custom import resources_of
from ferryman.dev.apiserver.errors import BadRequest
from ferryman.dev.apiserver.patches import merge
from ferryman.dev.apiserver.resources import WriteOptions

STRICT = WriteOptions(field_validation="Strict")
_STRATEGY = resources_of(crd())[0].strategy

A_TASK_RUN: dict[str, Any] = {
    "apiVersion": "ferryman.dev/v1alpha1",
    "kind": "TaskRun",
    "metadata": {"name": "report", "namespace": "default"},
    "spec": {"task": {"name": "report"}, "function": {"entrypoint": "reports.daily:build"}},
}


def a_task_run(changed: dict[str, Any] | None = None) -> dict[str, Any]:
    """The smallest TaskRun, with a merge patch applied."""
    return merge(copy.deepcopy(A_TASK_RUN), changed or {})


def created(manifest: dict[str, Any]) -> dict[str, Any]:
    """The stored object of a create that is allowed. Raises AssertionError with what is not."""
    stored = copy.deepcopy(manifest)
    faults = _STRATEGY.decode(stored, STRICT)
    _STRATEGY.prepare_create(stored)
    faults += _STRATEGY.validate(stored, None, "")
    assert not faults, "\n".join(map(str, faults))
    return stored


def faults_of_creating(manifest: dict[str, Any]) -> list[str]:
    """What `kubectl apply` of a new object is told; [] if it is allowed."""
    stored = copy.deepcopy(manifest)
    try:
        faults = _STRATEGY.decode(stored, STRICT)
    except BadRequest as error:
        return [str(error)]
    _STRATEGY.prepare_create(stored)
    return [str(fault) for fault in (*faults, *_STRATEGY.validate(stored, None, ""))]


def faults_of_changing(old: dict[str, Any], patch: dict[str, Any], subresource: str = "") -> list[str]:
    """What a merge patch of a stored object is told; [] if it is allowed."""
    new = merge(copy.deepcopy(old), patch)
    faults = _STRATEGY.decode(new, STRICT)
    _STRATEGY.prepare_update(new, old, subresource)
    return [str(fault) for fault in (*faults, *_STRATEGY.validate(new, old, subresource))]
