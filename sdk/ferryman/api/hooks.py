"""What the runner and the operator tell each other of a task's hooks. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ferryman.api.checked import clean, of_type

HOOKS_SECONDS: Final = 300.0
"""What all the hooks of a run may take together; then their process is killed. The outcome stands by then."""

MAX_HOOKS_MESSAGE_CHARACTERS: Final = 512


@dataclass(frozen=True, slots=True)
class HooksReport:
    """What became of the hooks. `called` is False where, by rule, none is for such an ending."""

    called: bool
    message: str = ""


def hooks_of(fields: dict[str, Any]) -> HooksReport:
    """The report in a JSON object. Raises KeyError and TypeError on anything else."""
    message = clean(of_type(str, fields.get("message", "")), MAX_HOOKS_MESSAGE_CHARACTERS)
    return HooksReport(of_type(bool, fields["called"]), message)
