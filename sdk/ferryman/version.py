"""The version of ferryman, without the cost of reading the installed metadata."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
