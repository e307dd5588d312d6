"""The little protobuf that kubectl speaks: `kubectl create namespace|configmap|secret|quota|serviceaccount`.

kubectl sends built-in kinds that it makes itself in Kubernetes' protobuf envelope; everything that comes
from a file is JSON. Answers are always JSON, which it accepts. Only the fields below are read.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any, Final

from ferryman.dev.apiserver.errors import BadRequest, UnsupportedMedia

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\x00"

_Reader = Callable[[Any], Any]


def decode(body: bytes) -> dict[str, Any]:
    """The object in an envelope. Raises BadRequest, UnsupportedMedia for a kind that is not known here."""
    if not body.startswith(_MAGIC):
        raise BadRequest("the body is no Kubernetes protobuf")
    try:
        envelope = dict(_fields(body[len(_MAGIC) :]))
        told = _message({1: ("apiVersion", _text), 2: ("kind", _text)})(envelope[1])
        if told.get("kind") not in _KINDS:
            raise UnsupportedMedia(
                f"the body of the request was in an unknown format: send {told.get('kind')} as JSON"
            )
        return {**told, **_KINDS[told["kind"]](envelope.get(2, b""))}
    except (IndexError, KeyError, UnicodeDecodeError, TypeError) as error:
        raise BadRequest(f"the protobuf body cannot be read: {error!r}") from None


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
                yield tag >> 3, value
            case 2:
                size, position = _varint(data, position)
                yield tag >> 3, data[position : position + size]
                position += size
            case 1:
                position += 8
            case 5:
                position += 4
            case _:
                raise KeyError(f"wire type {tag & 7}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _text(data: bytes) -> str:
    return data.decode()


def _bytes(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _flag(value: Any) -> bool:
    return bool(value)


def _message(known: dict[int, tuple[str, _Reader]]) -> _Reader:
    def read(data: bytes) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for number, value in _fields(data):
            if number not in known:
                continue
            name, reader = known[number]
            item = reader(value)
            if isinstance(item, _Entry):
                found.setdefault(name, {})[item.key] = item.value
            elif item not in ("", {}):
                found[name] = item
        return found

    return read


class _Entry:
    """One entry of a map."""

    def __init__(self, key: str, value: Any) -> None:
        self.key = key
        self.value = value


def _map(reader: _Reader) -> _Reader:
    def read(data: bytes) -> _Entry:
        found = dict(_fields(data))
        return _Entry(_text(found.get(1, b"")), reader(found.get(2, b"")))

    return read


def _quantity(data: bytes) -> str:
    return _text(dict(_fields(data)).get(1, b""))


_METADATA: Final = _message(
    {
        1: ("name", _text),
        2: ("generateName", _text),
        3: ("namespace", _text),
        11: ("labels", _map(_text)),
        12: ("annotations", _map(_text)),
    }
)
_KINDS: Final[dict[str, _Reader]] = {
    "Namespace": _message({1: ("metadata", _METADATA)}),
    "ServiceAccount": _message({1: ("metadata", _METADATA)}),
    "ConfigMap": _message(
        {
            1: ("metadata", _METADATA),
            2: ("data", _map(_text)),
            3: ("binaryData", _map(_bytes)),
            4: ("immutable", _flag),
        }
    ),
    "Secret": _message(
        {
            1: ("metadata", _METADATA),
            2: ("data", _map(_bytes)),
            3: ("type", _text),
            4: ("stringData", _map(_text)),
            5: ("immutable", _flag),
        }
    ),
    "ResourceQuota": _message(
        {1: ("metadata", _METADATA), 2: ("spec", _message({1: ("hard", _map(_quantity))}))}
    ),
}
