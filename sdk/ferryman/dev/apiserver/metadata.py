"""Object metadata: what a server fills in, what it keeps, what it refuses."""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import datetime
from typing import Any, Final

from ferryman.dev.apiserver import moments
from ferryman.dev.apiserver.errors import FieldError

Object = dict[str, Any]

_SUBDOMAIN: Final = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_NAME_PART: Final = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
_LABEL: Final = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_GENERATED: Final = "bcdfghjklmnpqrstvwxz2456789"
_MAX_ANNOTATIONS: Final = 256 * 1024

SUBDOMAIN_MESSAGE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_MESSAGE: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_VALUE_MESSAGE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex "
    "used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def initialise(metadata: Object, now: datetime) -> None:
    """Give a new object its identity."""
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"][:58] + "".join(
            secrets.choice(_GENERATED) for _ in range(5)
        )
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields", "generation"):
        metadata.pop(key, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = moments.render(now)


def carry_over(metadata: Object, old: Object) -> None:
    """Keep what no update may change."""
    kept = (
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
    )
    for key in ("selfLink", "managedFields", *kept):
        metadata.pop(key, None)
    metadata.update({key: old[key] for key in kept if key in old})


def check(metadata: Object, *, label_name: bool = False) -> list[FieldError]:
    """The faults of the metadata of a new object."""
    name = metadata.get("name")
    if not name:
        return [
            FieldError(
                "metadata.name", "Required value: name or generateName is required", "FieldValueRequired"
            )
        ]
    return [
        *check_name("metadata.name", name, label=label_name),
        *check_maps(metadata),
        *_check_owners(metadata),
    ]


def check_name(path: str, name: object, *, label: bool = False) -> list[FieldError]:
    """The faults of an object's name: a DNS subdomain, or a DNS label."""
    pattern, message, limit = (_LABEL, LABEL_MESSAGE, 63) if label else (_SUBDOMAIN, SUBDOMAIN_MESSAGE, 253)
    if not isinstance(name, str) or not pattern.match(name):
        return [FieldError(path, f'Invalid value: "{name}": {message}')]
    if len(name) > limit:
        return [FieldError(path, f'Invalid value: "{name}": must be no more than {limit} characters')]
    return []


def check_maps(metadata: Object, path: str = "metadata") -> list[FieldError]:
    """The faults of labels and annotations."""
    found = []
    for key, value in (metadata.get("labels") or {}).items():
        found += _check_key(f"{path}.labels", key)
        found += check_label_value(f"{path}.labels", value)
    annotations = metadata.get("annotations") or {}
    for key, value in annotations.items():
        found += _check_key(f"{path}.annotations", key.lower())
        if not isinstance(value, str):
            found.append(FieldError(f"{path}.annotations", f"Invalid value: {value!r}: must be a string"))
    if sum(len(key) + len(str(value)) for key, value in annotations.items()) > _MAX_ANNOTATIONS:
        found.append(
            FieldError(
                f"{path}.annotations", "Too long: may not be more than 262144 bytes", "FieldValueTooLong"
            )
        )
    return found


def _check_key(path: str, key: str) -> list[FieldError]:
    prefix, slash, name = key.rpartition("/")
    fine = (
        len(name) <= 63
        and _NAME_PART.match(name)
        and (not slash or (len(prefix) <= 253 and _SUBDOMAIN.match(prefix)))
    )
    if fine:
        return []
    return [
        FieldError(
            path,
            f'Invalid value: "{key}": name part must consist of alphanumeric characters, '
            "'-', '_' or '.', and must start and end with an alphanumeric character",
        )
    ]


def check_label_value(path: str, value: object) -> list[FieldError]:
    """The faults of a label's value."""
    if isinstance(value, str) and len(value) > 63:
        return [FieldError(path, f'Invalid value: "{value}": must be no more than 63 bytes')]
    if not isinstance(value, str) or (value and not _NAME_PART.match(value)):
        return [FieldError(path, f'Invalid value: "{value}": {_VALUE_MESSAGE}')]
    return []


def _check_owners(metadata: Object) -> list[FieldError]:
    found = []
    for index, owner in enumerate(metadata.get("ownerReferences") or ()):
        for key in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(key):
                path = f"metadata.ownerReferences[{index}].{key}"
                found.append(FieldError(path, 'Invalid value: "": must not be empty'))
    controllers = [owner for owner in metadata.get("ownerReferences") or () if owner.get("controller")]
    if len(controllers) > 1:
        found.append(
            FieldError(
                "metadata.ownerReferences",
                "Invalid value: Only one reference can have Controller set to true",
            )
        )
    return found


def check_finalizers(metadata: Object, old: Object) -> list[FieldError]:
    """No finalizer may be added to an object that is being deleted."""
    added = set(metadata.get("finalizers") or ()) - set(old.get("finalizers") or ())
    if not old.get("deletionTimestamp") or not added:
        return []
    shown = ", ".join(f'"{name}"' for name in sorted(added))
    message = (
        "Forbidden: no new finalizers can be added if the object is being deleted, "
        f"found new finalizers []string{{{shown}}}"
    )
    return [FieldError("metadata.finalizers", message, "FieldValueForbidden")]
