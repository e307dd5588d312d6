"""What Kubernetes refuses in a pod spec: names, variables, quantities, limits, volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ferryman.dev.apiserver.errors import FieldError
from ferryman.dev.apiserver.metadata import check_name
from ferryman.dev.apiserver.quantities import InvalidQuantity, parse_quantity
from ferryman.dev.apiserver.resources import Object

_VARIABLE: Final = re.compile(r"^[ -<>-~]+$")
_VARIABLE_MESSAGE: Final = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_POLICIES: Final = ("Always", "OnFailure", "Never")


def check_pod(spec: Object, path: str) -> Iterator[FieldError]:
    """The faults of a pod spec, after defaults."""
    containers = spec.get("containers") or []
    if not containers:
        yield _required(f"{path}.containers")
    yield from _check_volumes(spec.get("volumes") or [], f"{path}.volumes")
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            where = f"{path}.{field}[{index}]"
            yield from _check_container(container, where, volumes)
            if container.get("name") in seen:
                yield _duplicate(f"{where}.name", container.get("name"))
            seen.add(str(container.get("name")))
    if spec.get("restartPolicy") not in _POLICIES:
        yield _unsupported(f"{path}.restartPolicy", spec.get("restartPolicy"), _POLICIES)
    for key in ("terminationGracePeriodSeconds", "activeDeadlineSeconds"):
        yield from check_not_negative(spec, key, path)
    if spec.get("serviceAccountName"):
        yield from check_name(f"{path}.serviceAccountName", spec["serviceAccountName"])


def duplicate_variables(spec: Object, path: str) -> list[str]:
    """Warnings about variables that are set twice."""
    found = []
    for index, container in enumerate(spec.get("containers") or ()):
        seen = set()
        for place, variable in enumerate(container.get("env") or ()):
            name = variable.get("name")
            if name in seen:
                where = f"{path}.containers[{index}].env[{place}]"
                found.append(
                    f'{where}: hides previous definition of "{name}", which may be dropped when using apply'
                )
            seen.add(name)
    return found


def check_not_negative(obj: Object, key: str, path: str) -> Iterator[FieldError]:
    """A number that may not be negative."""
    value = obj.get(key)
    if isinstance(value, int) and value < 0:
        yield FieldError(f"{path}.{key}", f"Invalid value: {value}: must be greater than or equal to 0")


def _check_container(container: Object, path: str, volumes: set[Any]) -> Iterator[FieldError]:
    if not container.get("name"):
        yield _required(f"{path}.name")
    else:
        yield from check_name(f"{path}.name", container["name"], label=True)
    if not container.get("image"):
        yield _required(f"{path}.image")
    elif str(container["image"]).strip() != container["image"]:
        text = f'Invalid value: "{container["image"]}": must not have leading or trailing whitespace'
        yield FieldError(f"{path}.image", text)
    for index, variable in enumerate(container.get("env") or ()):
        yield from _check_variable(variable, f"{path}.env[{index}]")
    yield from _check_resources(container.get("resources") or {}, f"{path}.resources")
    yield from _check_mounts(container.get("volumeMounts") or [], f"{path}.volumeMounts", volumes)


def _check_variable(variable: Object, path: str) -> Iterator[FieldError]:
    name = variable.get("name")
    if not name:
        yield _required(f"{path}.name")
    elif not _VARIABLE.match(name):
        yield FieldError(f"{path}.name", f'Invalid value: "{name}": {_VARIABLE_MESSAGE}')
    source = variable.get("valueFrom")
    if source is None:
        return
    if variable.get("value"):
        yield FieldError(
            f"{path}.valueFrom", 'Invalid value: "": may not be specified when `value` is not empty'
        )
    given = [key for key in _SOURCES if source.get(key) is not None]
    if len(given) != 1:
        wrong = (
            "may not have more than one field specified at a time"
            if given
            else "must specify one of: " + ", ".join(f"`{key}`" for key in _SOURCES[:4])
        )
        yield FieldError(f"{path}.valueFrom", f'Invalid value: "": {wrong}')


def _check_resources(resources: Object, path: str) -> Iterator[FieldError]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for field, quantities in (("limits", limits), ("requests", requests)):
        for name, text in quantities.items():
            if parse_quantity(text) < 0:
                where = f"{path}.{field}[{name}]" if "." in name else f"{path}.{field}.{name}"
                yield FieldError(where, f'Invalid value: "{text}": must be greater than or equal to 0')
    for name, text in requests.items():
        if name in limits and parse_quantity(text) > parse_quantity(limits[name]):
            wrong = f'Invalid value: "{text}": must be less than or equal to {name} limit of {limits[name]}'
            yield FieldError(f"{path}.requests", wrong)


def undecodable_quantity(spec: Object) -> str | None:
    """Why a decoder would refuse a quantity in a pod spec; None if it would not."""
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        resources = container.get("resources") or {}
        for field in ("limits", "requests"):
            for text in (resources.get(field) or {}).values():
                try:
                    parse_quantity(text)
                except InvalidQuantity as error:
                    return str(error)
    return None


def _check_volumes(volumes: list[Object], path: str) -> Iterator[FieldError]:
    seen: set[Any] = set()
    for index, volume in enumerate(volumes):
        where = f"{path}[{index}]"
        if not volume.get("name"):
            yield _required(f"{where}.name")
        else:
            yield from check_name(f"{where}.name", volume["name"], label=True)
        if volume.get("name") in seen:
            yield _duplicate(f"{where}.name", volume.get("name"))
        seen.add(volume.get("name"))
        if len(volume) > 2:
            yield FieldError(
                where, "Forbidden: may not specify more than 1 volume type", "FieldValueForbidden"
            )


def _check_mounts(mounts: list[Object], path: str, volumes: set[Any]) -> Iterator[FieldError]:
    paths: set[str] = set()
    for index, mount in enumerate(mounts):
        where = f"{path}[{index}]"
        if mount.get("name") not in volumes:
            yield FieldError(f"{where}.name", f'Not found: "{mount.get("name", "")}"', "FieldValueNotFound")
        target = mount.get("mountPath")
        if not target:
            yield _required(f"{where}.mountPath")
        elif target in paths:
            yield FieldError(f"{where}.mountPath", f'Invalid value: "{target}": must be unique')
        paths.add(str(target))


def _required(path: str) -> FieldError:
    return FieldError(path, "Required value", "FieldValueRequired")


def _duplicate(path: str, value: object) -> FieldError:
    return FieldError(path, f'Duplicate value: "{value}"', "FieldValueDuplicate")


def _unsupported(path: str, value: object, allowed: tuple[str, ...]) -> FieldError:
    listed = ", ".join(f'"{each}"' for each in sorted(allowed))
    return FieldError(
        path, f'Unsupported value: "{value}": supported values: {listed}', "FieldValueNotSupported"
    )
