"""The rules of built-in kinds that need few: namespaces, pods, secrets, quotas."""

from __future__ import annotations

import base64
import binascii

from ferryman.dev.apiserver.errors import FieldError
from ferryman.dev.apiserver.resources import Object
from ferryman.dev.apiserver.strategy import keep
from ferryman.dev.apiserver.typed import TypedStrategy


class NamespaceStrategy(TypedStrategy):
    """Active until deleted; the finalizer in the spec holds it until it is empty."""

    def __init__(self) -> None:
        super().__init__("V1Namespace", has_status=True)

    def prepare_create(self, obj: Object) -> None:
        """Every namespace is active, and held by "kubernetes"."""
        obj["spec"] = {"finalizers": ["kubernetes"]}
        obj["status"] = {"phase": "Active"}
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get(
            "name", ""
        )

    def prepare_update(self, new: Object, old: Object, subresource: str) -> None:
        """Only /finalize changes the spec."""
        if subresource == "delete":
            new["status"] = {"phase": "Terminating"}
        elif subresource == "finalize":
            keep(new, old, ["status"])
        else:
            keep(new, old, ["spec"])
            super().prepare_update(new, old, subresource)


class SecretStrategy(TypedStrategy):
    """`stringData` becomes `data`."""

    def __init__(self) -> None:
        super().__init__("V1Secret")

    def prepare_create(self, obj: Object) -> None:
        """Encode what came as text."""
        obj.setdefault("type", "Opaque")
        _encode(obj)

    def prepare_update(self, new: Object, old: Object, subresource: str) -> None:  # noqa: ARG002 - the port's signature
        """Encode what came as text."""
        _encode(new)

    def validate(self, new: Object, old: Object | None, subresource: str) -> list[FieldError]:  # noqa: ARG002
        """`data` must be base64, an immutable Secret unchanged."""
        found = [
            FieldError(f"data[{key}]", "Invalid value: must be base64")
            for key, value in (new.get("data") or {}).items()
            if not _is_base64(value)
        ]
        return found + immutable_data(new, old)


class ConfigMapStrategy(TypedStrategy):
    """An immutable ConfigMap stays as it is."""

    def __init__(self) -> None:
        super().__init__("V1ConfigMap")

    def validate(self, new: Object, old: Object | None, subresource: str) -> list[FieldError]:  # noqa: ARG002
        """Unchanged if immutable."""
        return immutable_data(new, old)


class QuotaStrategy(TypedStrategy):
    """The status repeats the limits."""

    def __init__(self) -> None:
        super().__init__("V1ResourceQuota", has_status=True)

    def prepare_create(self, obj: Object) -> None:
        """Nothing is counted yet."""
        hard = (obj.get("spec") or {}).get("hard") or {}
        obj["status"] = {"hard": hard, "used": {}}

    def validate(self, new: Object, old: Object | None, subresource: str) -> list[FieldError]:  # noqa: ARG002
        """Limits are counts."""
        return [
            FieldError(f"spec.hard[{key}]", f'Invalid value: "{value}": must be an integer')
            for key, value in ((new.get("spec") or {}).get("hard") or {}).items()
            if ("count/" in key or key in {"pods", "secrets", "configmaps"}) and not str(value).isdigit()
        ]


def immutable_data(new: Object, old: Object | None) -> list[FieldError]:
    """The faults of a change to what says `immutable: true`."""
    if not old or not old.get("immutable"):
        return []
    return [
        FieldError(key, "Forbidden: field is immutable when `immutable` is set", "FieldValueForbidden")
        for key in ("data", "binaryData", "immutable")
        if new.get(key) != old.get(key)
    ]


def _encode(obj: Object) -> None:
    texts = obj.pop("stringData", None) or {}
    if texts:
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in texts.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def _is_base64(value: object) -> bool:
    try:
        base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
