"""The store, as the child of a worker sees it: every request goes to the worker, whose connections are warm.

Both ends of one socket. A message is a header of JSON and a body of bytes, both with their lengths before
them; each request has one answer. So a child needs no credentials, no client and no start-up of one.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from typing import Any, Final, NamedTuple

from ferryman import exceptions
from ferryman.exceptions import InvalidBlob, StoreError, StoreUnavailable
from ferryman.wire.store import Store

_LENGTHS: Final = struct.Struct("!IQ")
_MAX_HEADER: Final = 4 * 1024**2


class Message(NamedTuple):
    """A header and a body."""

    header: dict[str, Any]
    body: bytes


def send(where: socket.socket, header: dict[str, Any], body: bytes = b"") -> None:
    """Send a message. Raises OSError."""
    text = json.dumps(header, separators=(",", ":")).encode()
    where.sendall(_LENGTHS.pack(len(text), len(body)) + text)
    if body:
        where.sendall(body)


def receive(where: socket.socket) -> Message | None:
    """The next message; None at the end, or after what is none. Raises OSError."""
    lengths = _exactly(where, _LENGTHS.size)
    if lengths is None:
        return None
    header_length, body_length = _LENGTHS.unpack(lengths)
    text = _exactly(where, header_length) if header_length <= _MAX_HEADER else None
    body = _exactly(where, body_length) if text is not None else None
    if text is None or body is None:
        return None
    try:
        header = json.loads(bytes(text))
    except ValueError:
        return None
    return Message(header, bytes(body)) if isinstance(header, dict) else None


class RelayedStore:
    """The child's end: a `ferryman.wire.store.Store`. Thread-safe, one request at a time."""

    def __init__(self, where: socket.socket) -> None:
        self._where = where
        self._lock = threading.Lock()

    def get(self, key: str, *, offset: int = 0, size: int | None = None, limit: int | None = None) -> bytes:
        return self._ask({"do": "get", "key": key, "offset": offset, "size": size, "limit": limit})

    def put(self, key: str, body: bytes) -> None:
        self._ask({"do": "put", "key": key}, body)

    def create(self, key: str, body: bytes) -> None:
        self._ask({"do": "create", "key": key}, body)

    def _ask(self, header: dict[str, Any], body: bytes = b"") -> bytes:
        try:
            with self._lock:
                send(self._where, header, body)
                answer = receive(self._where)
        except OSError as error:
            raise StoreUnavailable(f"cannot {header['do']} {header['key']}: {error}") from None
        if answer is None:
            raise StoreUnavailable(f"cannot {header['do']} {header['key']}: the worker has gone")
        if "error" in answer.header:
            raise _error(answer.header)
        return answer.body


def answer(where: socket.socket, request: Message, store: Store) -> None:
    """The worker's end: carry out one request, and send what came of it. Raises OSError."""
    try:
        body = _carry_out(request, store)
    except (StoreError, InvalidBlob) as error:
        send(where, {"error": type(error).__name__, "message": str(error)})
    except (KeyError, TypeError, ValueError) as error:
        send(where, {"error": "StoreError", "message": f"no request to a store: {error}"})
    else:
        send(where, {}, body)


def _carry_out(request: Message, store: Store) -> bytes:
    header = request.header
    match header["do"]:
        case "get":
            return store.get(
                header["key"], offset=header["offset"], size=header["size"], limit=header["limit"]
            )
        case "put":
            store.put(header["key"], request.body)
        case "create":
            store.create(header["key"], request.body)
        case other:
            raise ValueError(other)
    return b""


def _error(header: dict[str, Any]) -> Exception:
    kind = getattr(exceptions, str(header["error"]), None)
    if not (isinstance(kind, type) and issubclass(kind, StoreError | InvalidBlob)):
        kind = StoreError
    return kind(str(header.get("message", "")))


def _exactly(where: socket.socket, length: int) -> bytearray | None:
    found = bytearray(length)
    view = memoryview(found)
    while view:
        received = where.recv_into(view)
        if received == 0:
            return None
        view = view[received:]
    return found
