"""ResourceQuota, for counts of objects: `count/jobs.batch`, `count/taskruns.ferryman.dev`, `pods`."""

from __future__ import annotations

from typing import Final

from ferryman.dev.apiserver.errors import Forbidden
from ferryman.dev.apiserver.resources import Object, Resource
from ferryman.dev.apiserver.storage import Storage

_BARE: Final = frozenset({"pods", "secrets", "configmaps", "resourcequotas"})
_ENDED: Final = frozenset({"Succeeded", "Failed"})


def admit_quota(storage: Storage, resource: Resource, obj: Object) -> None:
    """Raises Forbidden where a quota of the namespace is used up."""
    namespace = obj["metadata"].get("namespace")
    if not namespace or resource.qualified == "resourcequotas":
        return
    for quota in storage.list("resourcequotas", namespace):
        hard = (quota.get("spec") or {}).get("hard") or {}
        for key in _keys(resource):
            if key in hard:
                _check(storage, resource, obj, quota=quota["metadata"]["name"], key=key, limit=int(hard[key]))


def _keys(resource: Resource) -> tuple[str, ...]:
    counted = f"count/{resource.qualified}"
    return (counted, resource.plural) if resource.qualified in _BARE else (counted,)


def _check(storage: Storage, resource: Resource, obj: Object, *, quota: str, key: str, limit: int) -> None:
    used = sum(_counts(key, existing) for existing in storage.list(resource, obj["metadata"]["namespace"]))
    if used < limit:
        return
    subject = resource.subject(obj["metadata"]["name"])
    text = (
        f'{subject.resource} "{subject.name}" is forbidden: exceeded quota: {quota}, '
        f"requested: {key}=1, used: {key}={used}, limited: {key}={limit}"
    )
    raise Forbidden(text, subject)


def _counts(key: str, obj: Object) -> bool:
    """`pods` counts those that run, `count/pods` all that exist."""
    return key != "pods" or (obj.get("status") or {}).get("phase") not in _ENDED
