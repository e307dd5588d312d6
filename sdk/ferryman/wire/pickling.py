"""Pickles in parts: the stream first, then the large buffers that lie outside of it.

Loads the standard library and cloudpickle only.
"""

from __future__ import annotations

import io
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

import cloudpickle

from ferryman.exceptions import FerrymanError, InvalidBlob, SerializationError
from ferryman.wire import secretive

PROTOCOL: Final = 5

Persistent = Callable[[object], Any]
"""What to write instead of an object, or None to pickle the object."""

Describe = Callable[[Sequence[Any]], tuple[str, int]]
"""Words for the beginning of a path into a value, and how many of its keys they use up."""

Part = bytes | memoryview

_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None), tuple, dict, list})
# The registry of modules that travel by value is cloudpickle's, and one for the process.
_REGISTRY: Final = threading.RLock()


def dump(
    value: Any,
    *,
    describe: Describe,
    by_value: Sequence[ModuleType] = (),
    persistent: Persistent | None = None,
) -> list[Part]:
    """The pickle and its out-of-band buffers.

    Raises SerializationError with the path to what cannot be pickled; `describe` puts the
    beginning of that path, keys and indices into `value`, into words.
    """
    with _by_value(by_value):
        try:
            return _dump(value, persistent)
        except FerrymanError:
            raise
        except Exception as error:
            from ferryman.wire import culprit  # noqa: PLC0415 - a cold start does without it.

            where = culprit.find(value, lambda part: _can_dump(part, persistent))
            raise SerializationError(
                f"{where.render(describe)} cannot be pickled: {_brief(error)}"
            ) from error


def load(parts: Sequence[memoryview], resolve: Callable[[Any], Any] | None = None) -> Any:
    """The value of parts that `dump` wrote. Executes what the pickle says.

    Raises InvalidBlob if it is no pickle; what unpickling an object raises passes through.
    """
    # Buffers are copied: an array over the blob's own bytes could not be written to.
    buffers = [bytearray(part) for part in parts[1:]]
    unpickler = _Unpickler(io.BytesIO(parts[0]), buffers=buffers)
    unpickler.resolve = resolve
    try:
        return unpickler.load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise InvalidBlob(f"the pickle cannot be read: {_brief(error)}") from error


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Without credentials, whatever else is pickled."""

    def __init__(self, stream: io.BytesIO, buffers: list[pickle.PickleBuffer]) -> None:
        super().__init__(stream, protocol=PROTOCOL, buffer_callback=buffers.append)

    def reducer_override(self, value: Any) -> Any:
        # Not called for strings, numbers and the usual containers.
        secretive.refuse(value)
        return super().reducer_override(value)


class _ReferringPickler(_Pickler):
    def __init__(
        self, stream: io.BytesIO, buffers: list[pickle.PickleBuffer], persistent: Persistent
    ) -> None:
        super().__init__(stream, buffers)
        self._persistent = persistent

    def persistent_id(self, value: object) -> Any:
        # Called for every object in the graph, so the usual ones leave at once.
        return None if type(value) in _PLAIN else self._persistent(value)


class _Unpickler(pickle.Unpickler):
    resolve: Callable[[Any], Any] | None = None

    def persistent_load(self, reference: Any) -> Any:
        if self.resolve is None:
            raise InvalidBlob("the pickle refers to something outside of it")
        return self.resolve(reference)


def _dump(value: Any, persistent: Persistent | None) -> list[Part]:
    stream = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    if persistent is None:
        _Pickler(stream, buffers).dump(value)
    else:
        _ReferringPickler(stream, buffers, persistent).dump(value)
    return [stream.getvalue(), *(buffer.raw() for buffer in buffers)]


def _can_dump(value: Any, persistent: Persistent | None) -> bool:
    try:
        _dump(value, persistent)
    except Exception:  # noqa: BLE001 - whatever a __reduce__ raises means no.
        return False
    return True


def _brief(error: BaseException) -> str:
    if isinstance(error, secretive.Refused):
        return str(error)
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the error.
        text = "(unprintable)"
    return f"{type(error).__name__}: {text}"[:500]


@contextmanager
def _by_value(modules: Sequence[ModuleType]) -> Iterator[None]:
    with _REGISTRY:
        known = cloudpickle.list_registry_pickle_by_value()
        added = [module for module in modules if module.__name__ not in known]
        for module in added:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in added:
                cloudpickle.unregister_pickle_by_value(module)
