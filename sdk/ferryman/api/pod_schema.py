"""What a run may say of its pod, as structural schemas: the parts of `spec.pod` in Kubernetes' shapes.

`TaskRunSpec.pod` keeps them as plain JSON, because they go into the Job as they are. What is not
listed here does not exist for a TaskRun: no hostPath, no hostNetwork, no securityContext, no nodeName.
"""

from __future__ import annotations

from typing import Any, Final

from ferryman.api.names import QUANTITY

Schema = dict[str, Any]

MAX_ENV: Final = 200
MAX_ENV_VALUE: Final = 16 * 1024
MAX_LABELS: Final = 64
MAX_TOKEN_SOURCES: Final = 10

VOLUME_KINDS: Final = ("emptyDir", "configMap", "secret", "persistentVolumeClaim", "projected")
ENV_SOURCES: Final = ("secretKeyRef", "configMapKeyRef", "fieldRef")
ENV_FROM_SOURCES: Final = ("secretRef", "configMapRef")

OBJECT_NAME: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
DNS_LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
LABEL_VALUE: Final = r"^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$"


def string(longest: int, says: str = "", **more: Any) -> Schema:
    return {"type": "string", "maxLength": longest, **_described(says), **more}


def record(says: str = "", *, required: tuple[str, ...] = (), **fields: Schema) -> Schema:
    more: Schema = {"required": list(required)} if required else {}
    return {"type": "object", **_described(says), "properties": fields, **more}


def listing(items: Schema, most: int, says: str = "") -> Schema:
    return {"type": "array", "maxItems": most, **_described(says), "items": items}


def mapping(values: Schema, most: int, says: str = "") -> Schema:
    return {"type": "object", "maxProperties": most, **_described(says), "additionalProperties": values}


def anything(says: str = "", most: int = 64) -> Schema:
    """An object that only Kubernetes, or the function, understands."""
    return {
        "type": "object",
        "maxProperties": most,
        **_described(says),
        "x-kubernetes-preserve-unknown-fields": True,
    }


def _described(says: str) -> Schema:
    return {"description": says} if says else {}


def _quantity(says: str = "") -> Schema:
    bounds = {"x-kubernetes-int-or-string": True, "pattern": QUANTITY, "maxLength": 32, "minimum": 0}
    return {**bounds, **_described(says)}


def _name(says: str = "") -> Schema:
    return string(253, says, minLength=1, pattern=OBJECT_NAME)


def _flag(says: str = "") -> Schema:
    return {"type": "boolean", **_described(says)}


def _mode() -> Schema:
    return {"type": "integer", "format": "int32", "minimum": 0, "maximum": 0o777, "description": "File mode."}


def _key_ref(says: str) -> Schema:
    key = string(253, "The key in it.", minLength=1)
    return record(says, required=("name", "key"), name=_name(), key=key, optional=_flag())


def _items() -> Schema:
    key, path = string(253, minLength=1), string(1024, minLength=1)
    return listing(record(required=("key", "path"), key=key, path=path, mode=_mode()), 100, "Keys to mount.")


def _volume() -> Schema:
    config_map = record(
        "Of the namespace.", name=_name(), items=_items(), optional=_flag(), defaultMode=_mode()
    )
    secret = record(
        "Of the namespace.", secretName=_name(), items=_items(), optional=_flag(), defaultMode=_mode()
    )
    sources = listing(anything("As in a pod.", 8), MAX_TOKEN_SOURCES)
    return record(
        required=("name",),
        name=string(63, "For volumeMounts.", minLength=1, pattern=DNS_LABEL),
        emptyDir=record(
            "Scratch space.",
            medium=string(16, enum=["", "Memory"]),
            sizeLimit=_quantity("Bytes it may hold."),
        ),
        configMap=config_map,
        secret=secret,
        persistentVolumeClaim=record(
            "A claim in the namespace.", required=("claimName",), claimName=_name(), readOnly=_flag()
        ),
        projected=record("Several sources in one folder.", sources=sources, defaultMode=_mode()),
    )


def _env() -> Schema:
    field_ref = record(
        "A field of the pod.",
        required=("fieldPath",),
        fieldPath=string(256, minLength=1),
        apiVersion=string(16),
    )
    value_from = record(
        "Where the value is.",
        secretKeyRef=_key_ref("A key of a Secret."),
        configMapKeyRef=_key_ref("A key of a ConfigMap."),
        fieldRef=field_ref,
    )
    return record(
        required=("name",),
        name=string(256, "Of the variable.", minLength=1, pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"),
        value=string(MAX_ENV_VALUE, "Its value, as it is."),
        valueFrom=value_from,
    )


def _env_from() -> Schema:
    return record(
        prefix=string(64, "Put before every name."),
        secretRef=record("Every key of a Secret.", required=("name",), name=_name(), optional=_flag()),
        configMapRef=record("Every key of a ConfigMap.", required=("name",), name=_name(), optional=_flag()),
    )


def _toleration() -> Schema:
    return record(
        required=("key",),
        key=string(
            316, "The taint's; required, because a toleration of everything is not for tasks.", minLength=1
        ),
        operator=string(16, enum=["Exists", "Equal"]),
        value=string(63, pattern=LABEL_VALUE),
        effect=string(32, enum=["NoSchedule", "PreferNoSchedule", "NoExecute"]),
        tolerationSeconds={"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**53},
    )


def _mount() -> Schema:
    return record(
        required=("name", "mountPath"),
        name=string(63, "Of the volume.", minLength=1, pattern=DNS_LABEL),
        mountPath=string(1024, "An absolute path in the container.", minLength=1, pattern=r"^/[^:]*$"),
        subPath=string(1024, "A relative path in the volume."),
        readOnly=_flag(),
    )


def _resources() -> Schema:
    amounts = mapping(_quantity(), 16)
    return record(
        limits={**amounts, "description": "At most."}, requests={**amounts, "description": "At least."}
    )


def _affinity() -> Schema:
    return record(
        nodeAffinity=anything("As in a pod.", 8),
        podAffinity=anything("As in a pod.", 8),
        podAntiAffinity=anything("As in a pod.", 8),
    )


POD_PARTS: Final[dict[str, Schema]] = {
    "resources": _resources(),
    "env": listing(_env(), MAX_ENV),
    "envFrom": listing(_env_from(), 50),
    "nodeSelector": mapping(string(63, pattern=LABEL_VALUE), MAX_LABELS),
    "tolerations": listing(_toleration(), 50),
    "affinity": _affinity(),
    "imagePullSecrets": listing(record(required=("name",), name=_name()), 20),
    "volumes": listing(_volume(), 50),
    "volumeMounts": listing(_mount(), 50),
    "labels": mapping(string(63, pattern=LABEL_VALUE), MAX_LABELS),
    "annotations": mapping(string(4096), MAX_LABELS),
}
"""The schema of each such part of `spec.pod`, by its JSON name; without its description."""
