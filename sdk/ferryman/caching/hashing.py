"""One digest for equal values, the same in every process: what cache keys are made of.

A value is walked by type, so that `(1, 2)` and `[1, 2]`, or `1`, `1.0` and `True`, differ; the order
of dictionaries and sets does not count. Objects are walked as pickle would take them apart, but
without its memory of what it has met before, which makes two pickles of equal values differ.
Where that ends (a cycle, say) cloudpickle decides. Nothing is consumed: a generator has no digest.
"""

from __future__ import annotations

import copyreg
import hashlib
import io
import math
import types
from collections.abc import Callable, Iterable
from typing import Any, Final

Walk = Callable[[Any], bytes]

_DIRECT: Final = 64
"""Longer texts and bytes are represented by their digest."""

_UNREPEATABLE: Final = (
    types.GeneratorType,
    types.AsyncGeneratorType,
    types.CoroutineType,
    types.FrameType,
    io.IOBase,
)


class Unhashable(TypeError):
    """The value has no digest that another process would find again."""


def hash_objects(*values: object) -> str:
    """The SHA-256 of the values, as 64 lower-case hex characters. Raises Unhashable."""
    try:
        found = _Walker().token(values)
    except Unhashable:
        raise
    except Exception:  # noqa: BLE001 - a cycle, or whatever an object's own __reduce__ raises.
        found = _pickled(values)
    return hashlib.sha256(found).hexdigest()


def try_hash(*values: object) -> str | None:
    """`hash_objects`, or None where there is no digest."""
    try:
        return hash_objects(*values)
    except Unhashable:
        return None


class _Walker:
    """Digests of one value's parts. What was met twice is walked once."""

    def __init__(self) -> None:
        # The objects too, so that no id is used twice while we walk.
        self._known: dict[int, tuple[object, bytes]] = {}
        self._open: set[int] = set()

    def token(self, value: Any) -> bytes:
        """Bytes that stand for the value, and for no other."""
        kind = type(value)
        plain = _PLAIN.get(kind)
        if plain is not None:
            return plain(value)
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        if id(value) in self._open:
            raise RecursionError("the value contains itself")
        self._open.add(id(value))
        found = self._inside(kind, value)
        self._open.discard(id(value))
        self._known[id(value)] = (value, found)
        return found

    def _inside(self, kind: type, value: Any) -> bytes:
        if kind is list or kind is tuple:
            return _node(kind.__name__, map(self.token, value))
        if kind is dict:
            pairs = (_node("pair", (self.token(k), self.token(v))) for k, v in value.items())
            return _node("dict", sorted(pairs))
        if kind is set or kind is frozenset:
            return _node(kind.__name__, sorted(map(self.token, value)))
        if isinstance(value, _UNREPEATABLE):
            raise Unhashable(f"a {kind.__name__} cannot be hashed without being used up")
        if isinstance(value, type | types.BuiltinFunctionType | types.ModuleType):
            return _node("name", map(self.token, _named(value)))
        if kind is types.FunctionType:
            return self._function(value)
        return self._reduced(kind, value)

    def _function(self, value: types.FunctionType) -> bytes:
        code = value.__code__
        consts = [one.co_code if isinstance(one, types.CodeType) else one for one in code.co_consts]
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        parts = (*_named(value), code.co_code, consts, code.co_names, cells, value.__defaults__)
        return _node("function", map(self.token, parts))

    def _reduced(self, kind: type, value: Any) -> bytes:
        reduce = copyreg.dispatch_table.get(kind)
        found: Any = reduce(value) if reduce else value.__reduce_ex__(4)
        if isinstance(found, str):
            return _node("global", map(self.token, (kind.__module__, found)))
        make, args, state, items, pairs = (*found, None, None, None)[:5]
        parts: list[Any] = [make, args, state]
        # They are iterators made for us, of what the object holds: using them up takes nothing from it.
        parts += [None if items is None else list(items), None if pairs is None else list(pairs)]
        return _node("object", map(self.token, (*_named(kind), *parts)))


def _named(value: Any) -> tuple[str, str]:
    return getattr(value, "__module__", None) or "", getattr(value, "__qualname__", None) or value.__name__


def _node(kind: str, parts: Iterable[bytes]) -> bytes:
    whole = hashlib.sha256(kind.encode() + b"(")
    for part in parts:
        # Every token tells its own length, so that parts cannot be taken for other parts.
        whole.update(part)
    return b"#" + kind.encode() + b":" + whole.digest()


def _leaf(kind: bytes, body: bytes) -> bytes:
    if len(body) > _DIRECT:
        return kind + b"\xff" + hashlib.sha256(body).digest()
    return kind + len(body).to_bytes(1, "big") + body


def _float(value: float) -> bytes:
    return _leaf(b"f", b"nan" if math.isnan(value) else value.hex().encode())


# `hex` of an int, because its decimal form is refused beyond some thousand digits.
_PLAIN: Final[dict[type, Walk]] = {
    type(None): lambda _: b"n",
    type(...): lambda _: b".",
    type(NotImplemented): lambda _: b"!",
    bool: lambda value: b"T" if value else b"F",
    int: lambda value: _leaf(b"i", hex(value).encode()),
    float: _float,
    complex: lambda value: b"c" + _float(value.real) + _float(value.imag),
    str: lambda value: _leaf(b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: _leaf(b"b", value),
    bytearray: lambda value: _leaf(b"a", bytes(value)),
}


def _pickled(value: object) -> bytes:
    # Deferred: what is made of plain values does without it.
    import cloudpickle  # noqa: PLC0415

    try:
        return b"pickle:" + bytes(cloudpickle.dumps(value, protocol=4))
    except Exception as error:  # noqa: BLE001 - whatever an object's own __reduce__ raises.
        raise Unhashable(f"{type(error).__name__}: {error}") from None
