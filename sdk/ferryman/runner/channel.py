"""What the child tells the supervisor: a line of JSON per step, and one for the ending.

Standard library only.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import astuple
from typing import Any, Final, NamedTuple

from ferryman.api.checked import clean
from ferryman.api.hooks import MAX_HOOKS_MESSAGE_CHARACTERS, HooksReport, hooks_of
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import ResultRef
from ferryman.runner.ending import Ending
from ferryman.runner.phases import Step

MAX_TEXT: Final = 2048
"""Characters of a message that are sent; a report holds less."""


class Entered(NamedTuple):
    """A step began. `at` is time.monotonic(), which all processes of a machine share."""

    step: Step
    at: float


class Sender:
    """The child's end. Never raises: a function may have closed every descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def enter(self, step: Step) -> None:
        """Tell that a step begins now."""
        self._send({"step": step, "at": time.monotonic()})

    def end(self, ending: Ending) -> None:
        """Tell how the attempt ended."""
        fields = {
            "reason": ending.reason,
            "message": clean(ending.message, MAX_TEXT),
            "exception": clean(ending.exception, MAX_TEXT),
        }
        result = ending.result
        self._send(fields | ({"result": astuple(result)} if result else {}))

    def hooks(self, report: HooksReport) -> None:
        """Tell what became of the hooks; the last one counts."""
        said = clean(report.message, MAX_HOOKS_MESSAGE_CHARACTERS)
        self._send({"hooks": {"called": report.called, "message": said}})

    def _send(self, fields: dict[str, Any]) -> None:
        # A line of its own, whatever a function has written before it into a descriptor that it did not know.
        line = b"\n" + json.dumps(fields).encode("ascii") + b"\n"
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError:
            return


class Receiver:
    """The supervisor's end, which never blocks."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._rest = b""
        self.is_open = True

    def receive(self) -> list[Entered | Ending | HooksReport]:
        """What has arrived; lines that are not ours are dropped. `is_open` becomes False at the end."""
        while self.is_open:
            try:
                chunk = os.read(self._descriptor, 65536)
            except BlockingIOError:
                break
            self.is_open = bool(chunk)
            self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        return [message for line in lines if (message := _decode(line)) is not None]


def _decode(line: bytes) -> Entered | Ending | HooksReport | None:
    try:
        fields = json.loads(line)
        if "step" in fields:
            return Entered(Step(fields["step"]), float(fields["at"]))
        if "hooks" in fields:
            return hooks_of(fields["hooks"])
        result = ResultRef(*fields["result"]) if "result" in fields else None
        return Ending(Reason(fields["reason"]), fields["message"], fields["exception"], result)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
