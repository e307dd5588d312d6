"""Equal parts of specs held once: the runs of a map differ in their arguments alone."""

from __future__ import annotations

from typing import Final

from ferryman.api.taskrun import Model, TaskRunSpec

_MAX_SHARED: Final = 4096

_SHARED_PARTS: Final = ("task", "function", "retry", "result", "pod")

_shared: dict[str, Model] = {}

_ALL_SET: Final = set(TaskRunSpec.model_fields)


def share(spec: TaskRunSpec) -> TaskRunSpec:
    """The same spec, of which the parts that equal those of earlier specs are theirs."""
    parts = {name: _one_of(name, getattr(spec, name)) for name in _SHARED_PARTS}
    shared = spec.model_copy(update=parts)
    # Which fields were given explicitly is read by nobody, and costs as much as the fields themselves.
    object.__setattr__(shared, "__pydantic_fields_set__", _ALL_SET)
    return shared


def _one_of(name: str, part: Model) -> Model:
    key = f"{name} {part!r}"
    if (known := _shared.get(key)) is not None:
        return known
    if len(_shared) >= _MAX_SHARED:
        _shared.clear()
    _shared[key] = part
    return part
