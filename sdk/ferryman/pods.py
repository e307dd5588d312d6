"""The pod that a task asks for: what `@task(pod=Pod(...))` puts into `spec.pod`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from ferryman.api.names import QUANTITY


@dataclass(frozen=True, kw_only=True)
class Pod:
    """Where and with what a task's pods run; what is left out is the operator's default.

    `cpu` ("500m", 2) is requested, `memory` ("2Gi") requested and the limit, `gpu` a number of
    `nvidia.com/gpu`. `secrets` names Secrets of the namespace whose keys become environment
    variables; values of secrets never travel through Ferryman. `api_access` gives the code the
    token of its service account, so that it can submit tasks; without it the pod has none.
    `resources` is Kubernetes' own object, for everything else, and is merged over the four above.
    Fields that hold Kubernetes objects (tolerations, affinity, volumes ...) take them as plain
    JSON, in Kubernetes' spelling.
    """

    image: str | None = None
    cpu: str | float | None = None
    memory: str | int | None = None
    gpu: int | None = None
    resources: Mapping[str, Mapping[str, Any]] | None = None
    env: Mapping[str, str] | None = None
    secrets: Sequence[str] = ()
    service_account: str | None = None
    api_access: bool = False
    node_selector: Mapping[str, str] | None = None
    tolerations: Sequence[Mapping[str, Any]] = ()
    affinity: Mapping[str, Any] | None = None
    priority_class: str | None = None
    image_pull_secrets: Sequence[str] = ()
    volumes: Sequence[Mapping[str, Any]] = ()
    volume_mounts: Sequence[Mapping[str, Any]] = ()
    runtime_class: str | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                check(name, value)

    def evolve(self, **changes: Any) -> Pod:
        """A copy with these fields changed; None sets one back to what it is in a new Pod."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        fresh = {field.name: field.default for field in fields(self)}
        given = {name: fresh[name] if value is None else value for name, value in changes.items()}
        return Pod(**{**kept, **given})

    def spec(self) -> dict[str, Any]:
        """`spec.pod`: the fields that are set, in Kubernetes' spelling."""
        found: dict[str, Any] = {
            "image": self.image,
            "resources": self._resources(),
            "env": [{"name": name, "value": value} for name, value in (self.env or {}).items()],
            "envFrom": [{"secretRef": {"name": name}} for name in self.secrets],
            "serviceAccountName": self.service_account,
            "automountServiceAccountToken": self.api_access or None,
            "nodeSelector": dict(self.node_selector or {}),
            "tolerations": [dict(one) for one in self.tolerations],
            "affinity": dict(self.affinity or {}),
            "priorityClassName": self.priority_class,
            "imagePullSecrets": [{"name": name} for name in self.image_pull_secrets],
            "volumes": [dict(one) for one in self.volumes],
            "volumeMounts": [dict(one) for one in self.volume_mounts],
            "runtimeClassName": self.runtime_class,
            "labels": dict(self.labels or {}),
            "annotations": dict(self.annotations or {}),
        }
        return {name: value for name, value in found.items() if value not in (None, [], {})}

    def _resources(self) -> dict[str, dict[str, Any]]:
        asked = {
            "requests": {"cpu": _quantity(self.cpu), "memory": _quantity(self.memory)},
            "limits": {"memory": _quantity(self.memory), "nvidia.com/gpu": _quantity(self.gpu)},
        }
        given = self.resources or {}
        merged = {kind: {**asked.get(kind, {}), **given.get(kind, {})} for kind in {**asked, **given}}
        set_ones = {kind: {k: v for k, v in found.items() if v is not None} for kind, found in merged.items()}
        return {kind: found for kind, found in set_ones.items() if found}


_AMOUNT: Final = 'a number or a quantity such as "500m" or "2Gi"'


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {value!r}")


def _names(name: str, value: Any) -> None:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of names, not {value!r}")
    for one in value:
        _text(name, one)


def _objects(name: str, value: Any) -> None:
    if not isinstance(value, Sequence) or not all(isinstance(one, Mapping) for one in value):
        raise TypeError(f"{name} must be a list of Kubernetes objects as dicts, not {value!r}")


def _texts(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict of strings, not {value!r}")
    for key, one in value.items():
        _text(f"a name in {name}", key)
        _text(f"{name}[{key!r}]", one)


def _amount(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"{name} must be {_AMOUNT}, not {value!r}")
    if re.fullmatch(QUANTITY, _quantity(value) or "") is None:
        raise ValueError(f"{name} must be {_AMOUNT}, not {value!r}")


def _whole(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} must not be negative: {value}")


def _claims(name: str, value: Any) -> None:
    known = {"requests", "limits", "claims"}
    if not isinstance(value, Mapping) or not known.issuperset(value):
        raise TypeError(
            f'{name} must be like {{"requests": {{"cpu": "1"}}, "limits": {{...}}}}, not {value!r}; '
            "cpu=, memory= and gpu= are shorter"
        )


_CHECKS: Final[Mapping[str, Callable[[str, Any], None]]] = {
    "image": _text,
    "cpu": _amount,
    "memory": _amount,
    "gpu": _whole,
    "resources": _claims,
    "env": _texts,
    "secrets": _names,
    "service_account": _text,
    "node_selector": _texts,
    "tolerations": _objects,
    "priority_class": _text,
    "image_pull_secrets": _names,
    "volumes": _objects,
    "volume_mounts": _objects,
    "runtime_class": _text,
    "labels": _texts,
    "annotations": _texts,
}


def _quantity(value: str | float | None) -> str | None:
    return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)
