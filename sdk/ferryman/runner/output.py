"""Where `print` goes: straight into the pod's log. Standard library only."""

from __future__ import annotations

import io
import sys
from typing import TextIO


def unbuffer() -> None:
    """Every line reaches the log when it is written, and bytes that are no text are replaced."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=True, errors="backslashreplace")


def prefix_lines(prefix: str) -> None:
    """From now on every line that is printed begins with `prefix`."""
    sys.stdout = PrefixedStream(sys.stdout, prefix)


def complain(text: str) -> None:
    """Lines for the pod's log; lost where the function closed or replaced stderr. Never raises."""
    try:
        sys.stderr.write(text)
    except Exception:  # noqa: BLE001 - whatever stands in the place of stderr.
        return


def flush() -> None:
    """Write out what a function left in the buffers, if it left the streams open."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue


class PrefixedStream(io.TextIOBase):
    """Text with a prefix before every line, written to another stream."""

    def __init__(self, stream: TextIO, prefix: str) -> None:
        super().__init__()
        self._stream = stream
        self._prefix = prefix
        self._at_start = True

    def write(self, text: str) -> int:
        lines = text.splitlines(keepends=True)
        starts = [self._at_start] + [True] * (len(lines) - 1)
        self._stream.write("".join(self._prefix * at + line for at, line in zip(starts, lines, strict=False)))
        if lines:
            self._at_start = lines[-1].endswith("\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding
