"""What the life of a run asks for, and is told: the words between `life` and those who carry it out."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ferryman.binding import Call
from ferryman.context import Context
from ferryman.engine.boundary import Boundary
from ferryman.states import State


@dataclass(frozen=True)
class Execute:
    """Call the function once, within its timeout in seconds."""

    here: Context
    function: Callable[..., Any]
    call: Call
    timeout: float | None = None
    boundary: Boundary | None = None


@dataclass(frozen=True)
class Ask:
    """Call `function` inside of the run, and wait for what it returns, if that is an awaitable."""

    here: Context
    function: Callable[[], Any]


@dataclass(frozen=True)
class Block:
    """The same for what waits for other runs: it must not hold up an event loop."""

    here: Context
    function: Callable[[], Any]


@dataclass(frozen=True)
class Sleep:
    """Do nothing for so many seconds."""

    seconds: float


Step = Execute | Ask | Block | Sleep


@dataclass(frozen=True)
class Ended:
    """How a run ended: its final state, and what its call returns or else raises."""

    state: State
    value: Any = None
    error: BaseException | None = None
    may_retry: bool = True
    """Whether another attempt could help."""

    def outcome(self, *, return_state: bool) -> Any:
        """The state, or the value. Raises the error."""
        if return_state:
            return self.state
        if self.error is not None:
            raise self.error
        return self.value


Steps = Generator[Step, Any, Ended]


class Script:
    """A life, step by step: do `step`, say what came of it, until `step` is None and `ended` is there."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.step: Step | None = None
        self.ended: Ended
        self._advance(partial(next, steps))

    def done(self, reply: Any) -> None:
        """The step returned `reply`."""
        self._advance(partial(self._steps.send, reply))

    def failed(self, error: BaseException) -> None:
        """The step raised. Raises it again if it is no `Exception`: the run has crashed."""
        self._advance(partial(self._steps.throw, error))

    def _advance(self, proceed: Callable[[], Step]) -> None:
        try:
            self.step = proceed()
        except StopIteration as end:
            self.step, self.ended = None, end.value
