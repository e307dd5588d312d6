"""Patches: JSON merge patch (RFC 7386), JSON patch (RFC 6902), and strategic merge for built-in kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from ferryman.dev.apiserver.errors import BadRequest, FieldError, Invalid, Subject, UnsupportedMedia

Object = dict[str, Any]


class PatchKind(StrEnum):
    """The media types of patches."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


MERGE_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "ports": ("containerPort", "port"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "hostAliases": ("ip",),
    "taints": ("key",),
    "addresses": ("type",),
}
"""Lists that strategic merge joins by a key; others are replaced."""

MERGED_SETS: Final = frozenset({"finalizers"})


def apply_patch(kind: PatchKind, target: Object, patch: Any, subject: Subject) -> Object:
    """The patched object; `target` may be changed. Raises BadRequest, Invalid, UnsupportedMedia."""
    if kind is PatchKind.JSON:
        return _json_patch(target, patch, subject)
    if not isinstance(patch, dict):
        raise BadRequest("a merge patch must be an object", subject)
    if kind is PatchKind.MERGE:
        return _merged(target, patch)
    if kind is PatchKind.STRATEGIC:
        return _strategic(target, patch)
    raise UnsupportedMedia(f"the patch type {kind} is not supported", subject)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null deletes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    return _merged(target if isinstance(target, dict) else {}, patch)


def _merged(target: Object, patch: Object) -> Object:
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _strategic(target: Object, patch: Object) -> Object:
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = dict(target)
    for key, value in patch.items():
        if key == "$retainKeys" or key.startswith("$setElementOrder/"):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [item for item in result.get(name) or () if item not in value]
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _strategic_value(key, result.get(key), value)
    return _retained(result, patch)


def _retained(result: Object, patch: Object) -> Object:
    keep = patch.get("$retainKeys")
    return result if keep is None else {key: value for key, value in result.items() if key in keep}


def _strategic_value(key: str, old: Any, new: Any) -> Any:
    if isinstance(new, dict):
        return _strategic(old if isinstance(old, dict) else {}, new)
    if not isinstance(new, list):
        return new
    if key in MERGED_SETS:
        return [*(old or ()), *(item for item in new if item not in (old or ()))]
    if key in MERGE_KEYS and all(isinstance(item, dict) for item in new):
        return _strategic_list(MERGE_KEYS[key], list(old or ()), new)
    return new


def _strategic_list(keys: tuple[str, ...], old: list[Object], new: list[Object]) -> list[Object]:
    if any(item.get("$patch") == "replace" for item in new):
        return [item for item in new if "$patch" not in item]
    name = next((key for key in keys if any(key in item for item in new)), keys[0])
    result = list(old)
    for item in new:
        index = next((i for i, known in enumerate(result) if known.get(name) == item.get(name)), None)
        if item.get("$patch") == "delete":
            result = [known for known in result if known.get(name) != item.get(name)]
        elif index is None:
            result.append(_strategic({}, item))
        else:
            result[index] = _strategic(result[index], item)
    return result


class _PathError(Exception):
    """A JSON patch names what is not there."""


def _json_patch(target: Any, patch: Any, subject: Subject) -> Object:
    if not isinstance(patch, list):
        raise BadRequest("a JSON patch must be a list of operations", subject)
    for operation in patch:
        try:
            target = _OPERATIONS[operation["op"]](target, operation)
        except KeyError as error:
            raise BadRequest(
                f"invalid JSON patch operation: {json.dumps(operation)}: {error}", subject
            ) from None
        except (_PathError, IndexError, ValueError, TypeError) as error:
            text = f"the server rejected our request due to an error in our request: {error}"
            raise Invalid(text, subject, [FieldError(operation.get("path", ""), str(error))]) from None
    if not isinstance(target, dict):
        raise Invalid("the patched document is not an object", subject)
    return target


def _tokens(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise _PathError(f"path {path!r} must start with a slash")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _lookup(node: Any, path: str) -> Any:
    for token in _tokens(path):
        if isinstance(node, list):
            node = node[_index(node, token)]
        elif isinstance(node, dict) and token in node:
            node = node[token]
        else:
            raise _PathError(f"path {path!r} does not exist")
    return node


def _index(node: list[Any], token: str) -> int:
    index = int(token)
    if not 0 <= index < len(node):
        raise _PathError(f"index {token} is out of bounds")
    return index


def _add(target: Any, operation: Object) -> Any:
    return _put(target, operation["path"], operation["value"], insert=True)


def _put(target: Any, path: str, value: Any, *, insert: bool) -> Any:
    tokens = _tokens(path)
    if not tokens:
        return value
    parent = _lookup(target, path.rpartition("/")[0])
    token = tokens[-1]
    if isinstance(parent, dict):
        if not insert and token not in parent:
            raise _PathError(f"path {path!r} does not exist")
        parent[token] = value
    elif isinstance(parent, list):
        _put_item(parent, token, value, insert=insert)
    else:
        raise _PathError(f"path {path!r} does not exist")
    return target


def _put_item(parent: list[Any], token: str, value: Any, *, insert: bool) -> None:
    if not insert:
        parent[_index(parent, token)] = value
        return
    # "-" is the place after the last item.
    index = len(parent) if token == "-" else int(token)  # noqa: S105
    if not 0 <= index <= len(parent):
        raise _PathError(f"index {token} is out of bounds")
    parent.insert(index, value)


def _remove(target: Any, operation: Object) -> Any:
    path = operation["path"]
    _lookup(target, path)
    parent, token = _lookup(target, path.rpartition("/")[0]), _tokens(path)[-1]
    del parent[_index(parent, token) if isinstance(parent, list) else token]
    return target


def _replace(target: Any, operation: Object) -> Any:
    return _put(target, operation["path"], operation["value"], insert=False)


def _copy(target: Any, operation: Object) -> Any:
    value = json.loads(json.dumps(_lookup(target, operation["from"])))
    return _put(target, operation["path"], value, insert=True)


def _move(target: Any, operation: Object) -> Any:
    value = _lookup(target, operation["from"])
    return _put(_remove(target, {"path": operation["from"]}), operation["path"], value, insert=True)


def _test(target: Any, operation: Object) -> Any:
    try:
        actual = _lookup(target, operation["path"])
    except _PathError:
        actual = None
    if actual != operation["value"]:
        raise _PathError(f"testing path {operation['path']} value failed")
    return target


_OPERATIONS: Final[dict[str, Callable[[Any, Object], Any]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "copy": _copy,
    "move": _move,
    "test": _test,
}
