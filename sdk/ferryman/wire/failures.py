"""Exceptions as data: what a run raised, told to whoever reads the result.

A failure is readable without unpickling anything (type, message, traceback); the pickled
exception comes along where there is one, for a reader who trusts the run.
Loads the standard library and cloudpickle only.
"""

from __future__ import annotations

import json
import linecache
import pickle
import re
import traceback
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import cloudpickle

from ferryman.exceptions import InvalidBlob, TaskFailed
from ferryman.wire import envelope, pickling
from ferryman.wire.codecs import Sealed, sealed
from ferryman.wire.envelope import Bytes, Kind

CODEC: Final = "failure"

_FRAME: Final = re.compile(r'  File "(?P<file>[^"]+)", line (?P<line>\d+), in ')

MAX_TEXT: Final = 64 * 1024
"""Characters of a message or a traceback that are kept."""

MAX_PICKLED: Final = 8 * 1024 * 1024
"""A larger exception is told as text only."""


class RemoteTraceback(Exception):
    """The traceback of an exception where it was raised, as its `__cause__` here."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception as data. `type` is its qualified name, `traceback` the text Python prints, with causes."""

    type: str
    message: str
    traceback: str
    pickled: bytes | None = None


def capture(exc: BaseException) -> Failure:
    """The failure of an exception. Never raises, whatever the exception's own methods do."""
    return Failure(type_name(exc), message(exc), _cut(_traceback(exc)), _pickled(exc))


def seal_failure(failure: Failure) -> Sealed:
    """The blob of a failure."""
    fields = {"type": failure.type, "message": failure.message, "traceback": failure.traceback}
    # ASCII, because a message may hold lone surrogates, which UTF-8 cannot write.
    parts: list[Bytes] = [json.dumps(fields, separators=(",", ":")).encode("ascii")]
    if failure.pickled is not None:
        parts.append(failure.pickled)
    return sealed(Kind.FAILURE, CODEC, parts)


def open_failure(blob: Bytes) -> Failure:
    """The failure in a blob. Unpickles nothing. Raises InvalidBlob."""
    header, parts = envelope.unseal(blob)
    if header.kind is not Kind.FAILURE or not parts:
        raise InvalidBlob(f"a blob of kind {Kind.FAILURE} was expected, this one is of kind {header.kind}")
    try:
        fields = json.loads(bytes(parts[0]))
        kind, text, trace = (fields[name] for name in ("type", "message", "traceback"))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidBlob(f"the failure cannot be read: {type(error).__name__}: {error}") from None
    if not all(isinstance(text, str) for text in (kind, text, trace)):
        raise InvalidBlob("the failure cannot be read: its texts are not strings")
    return Failure(kind, text, trace, bytes(parts[1]) if len(parts) > 1 else None)


def rebuild(failure: Failure, *, trust_pickle: bool) -> BaseException:
    """The exception to raise: the original, with the remote traceback as its cause, or else TaskFailed.

    It is a TaskFailed, whose message holds the traceback, where the exception could not be
    pickled, cannot be unpickled here, or `trust_pickle` is False.
    """
    original = _unpickled(failure.pickled) if trust_pickle and failure.pickled is not None else None
    # It names the files that are read here, and where an untrusted one points nobody knows.
    trace = _with_source_lines(failure.traceback) if trust_pickle else failure.traceback
    if original is None:
        text = f"{failure.type}: {failure.message}" if failure.message else failure.type
        original = TaskFailed(f"{text}\n\n{trace}".rstrip(), reason="UserException")
    else:
        original.__cause__ = RemoteTraceback(trace)
    return original


def _with_source_lines(trace: str) -> str:
    """`trace` with the source lines that it lacks, as far as this machine has the files.

    A pod has none of the files of what travelled by value; who submitted it has.
    """
    lines = trace.splitlines(keepends=True)
    filled = []
    for line, following in pairwise([*lines, ""]):
        filled.append(line)
        frame = _FRAME.match(line)
        if frame and not following.startswith("    "):
            source = linecache.getline(frame["file"], int(frame["line"])).strip()
            filled.append(f"    {source}\n" * bool(source))
    return "".join(filled)


def type_name(exc: BaseException) -> str:
    """`builtins` classes by their name, others with their module in front."""
    kind = type(exc)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def message(exc: BaseException) -> str:
    """`str(exc)`, cut; a text that says so if that raises."""
    try:
        return _cut(str(exc))
    except Exception as error:  # noqa: BLE001 - whatever a user's __str__ raises.
        return f"<unprintable {type(exc).__name__}: its __str__ raised {type(error).__name__}>"


def _traceback(exc: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(exc))
    except Exception:  # noqa: BLE001 - a cause whose __str__ or __repr__ raises.
        frames = "".join(traceback.format_tb(exc.__traceback__))
        return f"Traceback (most recent call last):\n{frames}{type_name(exc)}: {message(exc)}\n"


def _pickled(exc: BaseException) -> bytes | None:
    # Many exceptions with an __init__ of their own pickle well and cannot be unpickled, or are changed by it.
    return _faithful(exc, exc) or _faithful(_Parts.of(exc), exc)


def _faithful(form: Any, exc: BaseException) -> bytes | None:
    try:
        body = cloudpickle.dumps(form, protocol=pickling.PROTOCOL)
        back = pickle.loads(body) if len(body) <= MAX_PICKLED else None
        same = type(back) is type(exc) and message(back) == message(exc)
    except Exception:  # noqa: BLE001 - whatever a user's __reduce__ or __init__ raises.
        return None
    return body if same else None


@dataclass(frozen=True, slots=True)
class _Parts:
    """An exception that is put together again without its `__init__`. What cannot be pickled is left out."""

    kind: type[BaseException]
    args: tuple[Any, ...]
    attributes: dict[str, Any]

    @classmethod
    def of(cls, exc: BaseException) -> _Parts:
        kept = {name: value for name, value in vars(exc).items() if _can_be_pickled(value)}
        lost = sorted(vars(exc).keys() - kept.keys())
        if lost:
            told = f"It came without its {', '.join(lost)}, which cannot be pickled."
            kept["__notes__"] = [*kept.get("__notes__", []), told]
        return cls(type(exc), exc.args, kept)

    def __reduce__(self) -> tuple[Any, ...]:
        return put_together, (self.kind, self.args, self.attributes)


def put_together(
    kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]
) -> BaseException:
    """The exception of these parts; its `__init__` is not called. Pickled exceptions name this function."""
    made = kind.__new__(kind, *args)
    made.args = args
    vars(made).update(attributes)
    return made


def _can_be_pickled(value: Any) -> bool:
    try:
        pickle.loads(cloudpickle.dumps(value, protocol=pickling.PROTOCOL))
    except Exception:  # noqa: BLE001 - whatever a user's __reduce__ raises.
        return False
    return True


def _unpickled(body: bytes) -> BaseException | None:
    try:
        value: Any = pickle.loads(body)
    except Exception:  # noqa: BLE001 - a module that is missing here, another Python, anything.
        return None
    return value if isinstance(value, BaseException) else None


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    # Both ends matter: where it was called from, and what was raised.
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
