"""Names of runs and keys of tasks. Pure, but for randomness that callers pass in."""

from __future__ import annotations

import base64
import hashlib
import inspect
import os  # Of `secrets` the runner would load `random`, too, which costs a pod 4 ms.
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from ferryman.api import names
from ferryman.exceptions import NotServable

_SUFFIX: Final = 8
_STEM: Final = 63 - _SUFFIX - 1
"""A run's name is a DNS label, so that it is a label value and a Job's name can hold it."""


def random_suffix() -> str:
    """Eight base32 characters: 40 bits, so that names of one task do not meet."""
    return base64.b32encode(os.urandom(_SUFFIX * 5 // 8)).decode().lower()


def token() -> str:
    """What one submit call is recognised by."""
    return os.urandom(16).hex()


def task_name(function: Callable[..., Any]) -> str:
    """The function's name, or its type's where it has none."""
    return getattr(function, "__name__", None) or type(function).__name__


def run_name(stem: str, suffix: str) -> str:
    """`<stem>-<suffix>` as a DNS label of at most 63 characters."""
    return f"{names.dns_label(stem, limit=_STEM)}-{suffix}"


def rendered(template: str | Callable[..., str] | None, parameters: Mapping[str, Any]) -> str:
    """What `task_run_name` says for these parameters; "" if there is none.

    Raises KeyError for a placeholder that is no parameter, TypeError if a function returns no string.
    """
    if template is None:
        return ""
    if isinstance(template, str):
        return template.format(**parameters)
    takes = inspect.signature(template).parameters
    found: Any = template(parameters=dict(parameters)) if "parameters" in takes else template()
    if not isinstance(found, str):
        raise TypeError(f"task_run_name returned {type(found).__name__}, not a string")
    return found


def task_key(function: Callable[..., Any]) -> str:
    """Module, qualified name and a hash of the source: the same in every process, on every machine."""
    kind = type(function)
    module = getattr(function, "__module__", None) or kind.__module__
    qualified = getattr(function, "__qualname__", None) or kind.__qualname__
    return f"{module}.{qualified}"[:480] + f"-{hashlib.sha256(_source(function)).hexdigest()[:16]}"


def entrypoint(function: Callable[..., Any]) -> str:
    """`module:qualified.name`: what workers and callers know a served task by, whatever its source.

    The main module counts as what it is imported as elsewhere: the name given to `python -m`, or the
    script's file name; in a REPL or notebook it stays `__main__`. Raises NotServable.
    """
    inner = inspect.unwrap(function)
    module = getattr(inner, "__module__", None) or ""
    qualified = getattr(inner, "__qualname__", None) or type(inner).__qualname__
    found = f"{main_module() if module == '__main__' else module}:{qualified}"
    if re.fullmatch(names.ENTRYPOINT, found) is None:
        raise NotServable(
            f"the task {qualified!r} of module {module!r} cannot be found by its name, so no worker could "
            "serve it: define it at the top level of a module, or submit it"
        )
    return found


def main_module() -> str:
    """The name under which other processes import what is `__main__` here."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    stem = os.path.splitext(os.path.basename(getattr(main, "__file__", None) or ""))[0]  # noqa: PTH119, PTH122
    return stem if stem.isidentifier() else "__main__"


def _source(function: Callable[..., Any]) -> bytes:
    try:
        return inspect.getsource(inspect.unwrap(function)).encode()
    except (OSError, TypeError, IndentationError):
        # No file to read from (a REPL, a callable object): its compiled code, without paths and lines.
        code = getattr(inspect.unwrap(function), "__code__", None)
        return b"" if code is None else code.co_code + repr(code.co_names).encode()
