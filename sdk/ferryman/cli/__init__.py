"""The `ferryman` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ferryman.cli.app import app
from ferryman.exceptions import FerrymanError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command. What goes wrong is one line on stderr and exit code 1, never a traceback."""
    try:
        app(arguments, prog_name="ferryman")
    except FerrymanError as error:
        print(f"ferryman: {error}", file=sys.stderr)
        sys.exit(1)
