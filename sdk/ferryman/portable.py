"""A function that brings along the local modules that it imports in its body.

Modules that a function refers to by its globals are pickled with it. An `import` inside of it is
not such a reference, so those modules travel beside it and are put where `import` finds them.
"""

from __future__ import annotations

import dis
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec, resolve_name
from types import CodeType, ModuleType
from typing import Any

from ferryman.local_modules import is_local_module


@dataclass(frozen=True)
class Portable:
    """Calls `function` where `modules` can be imported."""

    function: Callable[..., Any]
    modules: Mapping[str, ModuleType] = field(repr=False)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """Whose signature it has."""
        return self.function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for name, module in self.modules.items():
            # One that the image has wins: it is the one that other modules there have imported.
            sys.modules.setdefault(name, module)
        return self.function(*args, **kwargs)


def portable(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself, or with the local modules that its body imports.

    A local module that has not been imported here is imported now, as the function would.
    """
    modules = dict(_imported(function))
    return Portable(function, modules) if modules else function


def _imported(function: Callable[..., Any]) -> Iterator[tuple[str, ModuleType]]:
    inner = inspect.unwrap(function)
    code = getattr(inner, "__code__", None)
    package = getattr(inner, "__globals__", {}).get("__package__") or ""
    if not isinstance(code, CodeType):
        return
    for name in _names(code, package):
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            module = _local(".".join(parts[:depth]))
            if module is None:
                break
            yield module.__name__, module


def _names(code: CodeType, package: str) -> Iterator[str]:
    level: Any = 0
    recent: list[Any] = []
    name = ""
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            # The two constants before it: the level of a relative import, and what is imported from it.
            level = recent[-2] if len(recent) > 1 else 0
            name = resolve_name("." * level + step.argval, package) if level and package else step.argval
            yield name
        elif step.opname == "IMPORT_FROM":
            yield f"{name}.{step.argval}"
        recent = [*recent[-1:], step.argval]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant, package)


def _local(name: str) -> ModuleType | None:
    found = sys.modules.get(name)
    if found is None:
        try:
            spec = find_spec(name)
            if spec is None or not is_local_module(spec.origin, spec.submodule_search_locations):
                return None
            found = importlib.import_module(name)
        except Exception:  # noqa: BLE001 - what cannot be imported here may be there
            return None
    places = getattr(found, "__path__", None)
    return found if is_local_module(getattr(found, "__file__", None), places) and _travels(name) else None


def _travels(name: str) -> bool:
    return name.partition(".")[0] not in ("ferryman", "ferryman_operator", "__main__")
