"""What to do about fields that a kind does not have: `fieldValidation` Strict, Warn or Ignore."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.dev.apiserver.errors import BadRequest
from ferryman.dev.apiserver.resources import Object, WriteOptions


def report_unknown(paths: Sequence[str], obj: Object, options: WriteOptions) -> None:
    """Refuse them, or warn of them. Raises BadRequest."""
    if not paths or options.field_validation == "Ignore":
        return
    told = [f'unknown field "{path}"' for path in paths]
    if options.field_validation == "Warn":
        options.warnings.extend(told)
        return
    kind, version = obj.get("kind", ""), str(obj.get("apiVersion", "")).rpartition("/")[2]
    text = f"strict decoding error: {', '.join(told)}"
    raise BadRequest(f'{kind} in version "{version}" cannot be handled as a {kind}: {text}')
