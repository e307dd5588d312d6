"""Which modules travel by value: those that no image can be expected to have.

A module is local when its file lies neither in the standard library nor in a site-packages
folder. Its whole top-level package travels, because cloudpickle decides by package.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePath
from types import ModuleType
from typing import Final

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_NEVER: Final = frozenset({"ferryman", "ferryman_operator", "__main__", "__mp_main__"})
"""Ferryman is in every image, also if it runs from a checkout here; `__main__` travels by value anyway."""


def local_modules(modules: Mapping[str, ModuleType] | None = None) -> tuple[ModuleType, ...]:
    """The top-level local packages and modules among those loaded, sorted by name."""
    loaded = dict(sys.modules if modules is None else modules)
    found = {
        name: module
        for name, module in loaded.items()
        if isinstance(module, ModuleType)
        and name.split(".", 1)[0] not in _NEVER
        and is_local_module(getattr(module, "__file__", None), getattr(module, "__path__", None))
    }
    tops = {name: module for name, module in found.items() if name.rpartition(".")[0] not in found}
    return tuple(tops[name] for name in sorted(tops))


def is_local_module(file: object, folders: object = None) -> bool:
    """Whether a module of this file, or a namespace package of these folders, is the user's own."""
    if isinstance(file, str):
        return is_local_file(file)
    try:
        return any(isinstance(one, str) and is_local_file(one) for one in folders or ())  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - modules that compute their attributes raise what they like
        return False


@lru_cache(maxsize=8192)
def is_local_file(path: str) -> bool:
    """Whether code in this file is the user's own."""
    pure = PurePath(path)
    if not pure.is_absolute() or _INSTALLED & set(pure.parts):
        return False
    return not any(pure.is_relative_to(place) for place in _standard_library())


@lru_cache(maxsize=1)
def _standard_library() -> tuple[PurePath, ...]:
    paths = sysconfig.get_paths()
    return tuple(PurePath(paths[name]) for name in ("stdlib", "platstdlib"))
