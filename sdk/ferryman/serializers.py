"""How results are written: the serializers that `result_serializer` takes.

By name, "auto", "json", "pickle", "compressed/json", "compressed/pickle"; as one of the objects here; or as
an object of your own with `dumps` and `loads`, which travels with the task and with each result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ferryman.wire.formats import COMPRESSED, JSON, NAMES, PICKLE


@runtime_checkable
class Serializer(Protocol):
    """A serializer of your own. It has to be picklable, and to be importable, or local, like a task."""

    def dumps(self, obj: Any) -> bytes:
        """The bytes of a result."""
        ...

    def loads(self, blob: bytes) -> Any:
        """The result of these bytes."""
        ...


@dataclass(frozen=True)
class PickleSerializer:
    """Results as pickles (cloudpickle, protocol 5)."""

    type: str = field(default=PICKLE, init=False)


@dataclass(frozen=True)
class JSONSerializer:
    """Results as JSON: tuples become lists, keys strings; reading one never executes anything."""

    type: str = field(default=JSON, init=False)


@dataclass(frozen=True)
class CompressedSerializer:
    """Results of another serializer, compressed with zlib."""

    serializer: PickleSerializer | JSONSerializer | str = PICKLE

    @property
    def type(self) -> str:
        """Its name."""
        inner = self.serializer if isinstance(self.serializer, str) else self.serializer.type
        return COMPRESSED + inner


def checked(name: str, value: Any) -> Any:
    """The name of a serializer that has one, or one of the user's own. Raises ValueError otherwise."""
    known = value if isinstance(value, str) else getattr(value, "type", None)
    if known in NAMES:
        return known
    if not isinstance(value, str) and callable(getattr(value, "dumps", None)) and hasattr(value, "loads"):
        return value
    raise ValueError(
        f"{name} must be one of {', '.join(NAMES)}, or have the methods dumps and loads, not {value!r}"
    )
