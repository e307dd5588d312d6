"""Functions that Kubernetes' CEL has and the CEL library lacks: strings, lists, regular expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

Values = list[Any]


def _find(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    return match[0] if match else ""


def _index_of(whole: Any, part: Any) -> int:
    if isinstance(whole, str):
        return whole.find(part)
    return whole.index(part) if part in whole else -1


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _join(parts: list[str], separator: str = "") -> str:
    return separator.join(parts)


def _is_sorted(values: Values) -> bool:
    return all(left <= right for left, right in pairwise(values))


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "find": _find,
    "findAll": lambda text, pattern: [match[0] for match in re.finditer(pattern, text)],
    "split": _split,
    "join": _join,
    "lowerAscii": lambda text: text.lower(),
    "upperAscii": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "replace": lambda text, old, new: text.replace(old, new),
    "substring": lambda text, start, end=None: text[start:end],
    "charAt": lambda text, index: text[index : index + 1],
    "indexOf": _index_of,
    "isSorted": _is_sorted,
    "sum": sum,
}
