"""Specs parsed with their equal parts held once: the runs of a map differ in their arguments alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ferryman.api.fields import Model
from ferryman.api.taskrun import TaskRunSpec

_MAX_SHARED: Final = 4096

_MAX_KEY: Final = 4096
"""Characters; what is larger than this is hardly ever shared, and would be held twice."""

_SHARED_PARTS: Final = ("task", "function", "retry", "result", "pod")

_shared: dict[str, Model] = {}

_ALL_SET: Final = set(TaskRunSpec.model_fields)


def parse(raw: Any) -> TaskRunSpec:
    """The spec in a JSON object. Raises pydantic.ValidationError, RecursionError."""
    if not isinstance(raw, Mapping):
        return TaskRunSpec.model_validate(raw)
    keys = {name: f"{name} {raw[name]!r}" for name in _SHARED_PARTS if name in raw}
    # Parts that were parsed before are taken as they are, which spares their memory and the time.
    known = {name: _shared[key] for name, key in keys.items() if key in _shared}
    spec = TaskRunSpec.model_validate({**raw, **known})
    for name, key in keys.items():
        if name not in known:
            _remember(key, getattr(spec, name))
    # Which fields were given explicitly is read by nobody, and costs as much as the fields themselves.
    object.__setattr__(spec, "__pydantic_fields_set__", _ALL_SET)
    return spec


def _remember(key: str, part: Model) -> None:
    if len(key) > _MAX_KEY:
        return
    if len(_shared) >= _MAX_SHARED:
        _shared.clear()
    _shared[key] = part
