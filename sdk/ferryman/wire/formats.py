"""The names of the ways to write a result. Standard library only; it loads nothing."""

from __future__ import annotations

from typing import Final

AUTO: Final = "auto"
JSON: Final = "json"
PICKLE: Final = "pickle"
COMPRESSED: Final = "compressed/"
CUSTOM: Final = "custom"
NAMES: Final = (AUTO, JSON, PICKLE, COMPRESSED + JSON, COMPRESSED + PICKLE)
"""What `result_serializer` takes by name."""
