"""Functions, arguments and results as blobs, and back.

Code and arguments are pickles (protocol 5, large buffers out of band), because a function is
nothing else; results are JSON where that loses nothing. Opening code or arguments executes
what the submitter wrote: verify the digest first. Every `open_` function raises InvalidBlob
where the bytes cannot be decoded and UnsupportedFormat where a newer ferryman wrote them;
an error that the pickled objects themselves raise (ModuleNotFoundError, say) passes through.

Loads the standard library and cloudpickle only.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from ferryman.exceptions import InvalidBlob, SerializationError, UntrustedResult, VersionMismatch
from ferryman.wire import envelope, pickling
from ferryman.wire.envelope import Bytes, Header, Kind
from ferryman.wire.formats import AUTO, COMPRESSED, CUSTOM, JSON, NAMES, PICKLE

RESULT_CODECS: Final = (*NAMES[1:], CUSTOM)
"""What a blob of a result says how it is written."""

MAX_JSON_DEPTH: Final = 64
"""A deeper result is pickled: JSON readers elsewhere give up, too."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A blob and what names it. `codec` is "failure", "custom" or what NAMES has, but for "auto"."""

    body: bytes
    sha256: str
    size: int
    codec: str


@dataclass(frozen=True, slots=True)
class Code:
    """What a code blob holds: a `ferryman.Task` with all its options, or a plain function."""

    task: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class UpstreamValue:
    """Stands in an argument blob for the result of the run at `index` of `dependsOn`.

    With `allow_failure` it stands for the exception, if the run has failed.
    """

    index: int
    allow_failure: bool = False


def sealed(kind: Kind, codec: str, parts: Sequence[Bytes], meta: Mapping[str, Any] | None = None) -> Sealed:
    """A blob of these parts together with its digest."""
    body = envelope.seal(kind, codec, parts, meta)
    return Sealed(body, envelope.digest(body), len(body), codec)


def seal_code(code: Code, *, by_value: Sequence[ModuleType] = ()) -> Sealed:
    """The blob of a task. What `by_value` modules define travels in it; other modules by name.

    Raises SerializationError, which names what cannot be pickled.
    """
    fields = {"task": code.task}
    meta = {"function": getattr(code.task, "__qualname__", type(code.task).__qualname__)}
    return sealed(Kind.CODE, PICKLE, pickling.dump(fields, by_value=by_value, describe=_name_of_code), meta)


def size_of(value: Any, by_value: Sequence[ModuleType] = ()) -> int:
    """How many bytes `value` has in a blob; 0 if it cannot be pickled."""
    try:
        parts = pickling.dump(value, by_value=by_value, describe=_name_of_code)
    except SerializationError:
        return 0
    return sum(len(part) if isinstance(part, bytes) else part.nbytes for part in parts)


def open_code(blob: Bytes) -> Code:
    """The task of a code blob. Raises VersionMismatch before it unpickles, if another Python pickled it.

    Bytecode differs between minor versions of Python, and running another's can crash the process.
    """
    header, parts = _unseal(blob, Kind.CODE)
    here = "{}.{}".format(*sys.version_info)
    if header.python.split(".")[:2] != here.split("."):
        raise VersionMismatch(
            f"the function was pickled by Python {header.python}, the image has Python {here}"
        )
    fields = pickling.load(parts)
    if not isinstance(fields, dict) or not callable(fields.get("task")):
        raise InvalidBlob("the code blob holds no task")
    return Code(fields["task"])


def seal_arguments(
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    reference: Callable[[object], UpstreamValue | None] = lambda _: None,
    by_value: Sequence[ModuleType] = (),
    flow_run: str | None = None,
) -> Sealed:
    """The blob of a call; its header says of which flow run it is.

    Objects for which `reference` has an answer are replaced by it, at any depth. Raises SerializationError,
    which names the argument and the path in it that cannot be pickled.
    """
    parts = pickling.dump(
        (tuple(args), dict(kwargs)),
        by_value=by_value,
        describe=_name_of_argument,
        persistent=_as_tuple(reference),
    )
    return sealed(Kind.ARGUMENTS, PICKLE, parts, {"flowRun": flow_run} if flow_run else None)


def flow_run_of(blob: Bytes) -> str | None:
    """The ID of the flow run that the call in an argument blob is part of. Raises InvalidBlob."""
    found = envelope.peek(blob).meta.get("flowRun")
    return found if isinstance(found, str) else None


def open_arguments(
    blob: Bytes, *, resolve: Callable[[UpstreamValue], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call in an argument blob, with what `resolve` returns in place of every reference.

    `resolve` is called for each occurrence; what it raises passes through.
    """
    _, parts = _unseal(blob, Kind.ARGUMENTS)
    call = pickling.load(parts, lambda reference: resolve(UpstreamValue(*reference)))
    if not (
        isinstance(call, tuple)
        and len(call) == 2
        and isinstance(call[0], tuple)
        and isinstance(call[1], dict)
    ):
        raise InvalidBlob("the argument blob holds no call")
    return call


def seal_result(value: Any, serializer: Any = AUTO) -> Sealed:
    """The blob of what a function returned.

    "auto" writes JSON where reading it gives an equal value of the same types, else a pickle.
    "json" takes what the json module takes: tuples become lists, keys strings. "compressed/json" and
    "compressed/pickle" are smaller. An object with `dumps` and `loads` travels in the blob. Raises
    SerializationError if the value cannot be written so, or there is no such serializer.
    """
    if not isinstance(serializer, str):
        return _seal_by(serializer, value)
    if serializer not in NAMES:
        raise SerializationError(f"there is no serializer {serializer!r}; there are {', '.join(NAMES)}")
    if serializer.startswith(COMPRESSED):
        from ferryman.wire import compression  # noqa: PLC0415 - few results are compressed.

        _, parts = envelope.unseal(seal_result(value, serializer.removeprefix(COMPRESSED)).body)
        sizes = {"inflated": [len(part) for part in parts]}
        return sealed(Kind.RESULT, serializer, compression.deflated(parts), sizes)
    if serializer == JSON or (serializer == AUTO and _is_json(value, MAX_JSON_DEPTH)):
        text = _json(value)
        if text is not None:
            return sealed(Kind.RESULT, JSON, [text])
        if serializer == JSON:
            raise SerializationError(f"the result ({type(value).__name__}) is not JSON")
    return sealed(Kind.RESULT, PICKLE, pickling.dump(value, describe=_name_of_result))


def open_result(blob: Bytes, *, trust_pickle: bool) -> Any:
    """What the function returned. Raises UntrustedResult for a pickle unless `trust_pickle`."""
    header, sealed_parts = _unseal(blob, Kind.RESULT, RESULT_CODECS)
    codec, parts = header.codec.removeprefix(COMPRESSED), sealed_parts
    if codec != JSON and not trust_pickle:
        raise UntrustedResult
    if header.codec.startswith(COMPRESSED):
        from ferryman.wire import compression  # noqa: PLC0415 - few results are compressed.

        parts = tuple(compression.inflated(sealed_parts, header.meta.get("inflated")))
    if codec == JSON:
        return _from_json(parts[0])
    if codec == CUSTOM:
        return pickling.load(parts[1:]).loads(bytes(parts[0]))
    return pickling.load(parts)


def _seal_by(serializer: Any, value: Any) -> Sealed:
    try:
        body = serializer.dumps(value)
    except Exception as error:
        raise SerializationError(
            f"the result ({type(value).__name__}) cannot be written by {type(serializer).__name__}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(body, bytes):
        raise SerializationError(
            f"{type(serializer).__name__}.dumps returned {type(body).__name__}, not bytes"
        )
    reader = pickling.dump(serializer, describe=lambda _: ("the serializer", 0))
    return sealed(Kind.RESULT, CUSTOM, [body, *reader])


def _unseal(
    blob: Bytes, kind: Kind, codecs: Sequence[str] = (PICKLE, JSON)
) -> tuple[Header, tuple[memoryview, ...]]:
    header, parts = envelope.unseal(blob)
    if header.kind is not kind:
        raise InvalidBlob(f"a blob of kind {kind} was expected, this one is of kind {header.kind}")
    if not parts or header.codec not in codecs or (header.codec == CUSTOM and len(parts) < 2):
        raise InvalidBlob(f"the blob has {len(parts)} parts of codec {header.codec!r}")
    return header, parts


def _as_tuple(reference: Callable[[object], UpstreamValue | None]) -> Callable[[object], Any]:
    # A tuple, not an UpstreamValue: a pickle should not depend on where that class is defined.
    def persistent(value: object) -> tuple[int, bool] | None:
        found = reference(value)
        return None if found is None else (found.index, found.allow_failure)

    return persistent


def _name_of_code(path: Sequence[Any]) -> tuple[str, int]:
    # Into the attributes of a Task: its function, or one of its options.
    if path[1:2] == ("options",) and len(path) > 2:
        return f"the option {path[2]!r} of the task", 3
    return "the function", 2 if path[1:2] in (("fn",), ("__wrapped__",)) else len(path[:1])


def _name_of_argument(path: Sequence[Any]) -> tuple[str, int]:
    if len(path) < 2:
        return "the arguments", len(path)
    return f"argument {path[1] + 1}" if path[0] == 0 else f"argument {path[1]!r}", 2


def _name_of_result(_: Sequence[Any]) -> tuple[str, int]:
    return "the result", 0


def _json(value: Any) -> bytes | None:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        return None


def _from_json(part: memoryview) -> Any:
    try:
        return json.loads(bytes(part))
    except (ValueError, RecursionError) as error:
        raise InvalidBlob(f"the result is not JSON: {error}") from None


def _is_json(value: Any, depth: int) -> bool:
    kind = type(value)
    if value is None or kind is str or kind is bool or kind is int:
        return True
    if kind is float:
        return math.isfinite(value)
    if depth == 0:
        return False
    if kind is list:
        return all(_is_json(item, depth - 1) for item in value)
    return kind is dict and all(type(k) is str and _is_json(v, depth - 1) for k, v in value.items())
