"""What a person who waits gets, and a program that nobody watches does not."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator

import pytest

from ferryman import interactive
from ferryman.api.phases import Phase
from ferryman.exceptions import ConfigurationError, RunGone
from ferryman.log_stream import LogStream
from ferryman.runs import Attempt, Run


class ARun(concurrent.futures.Future[None]):
    """A future that ends when it is cancelled."""

    def __init__(self, *, on_cancel: BaseException | None = None) -> None:
        super().__init__()
        self._on_cancel = on_cancel

    def cancel(self) -> bool:
        if self._on_cancel is not None:
            raise self._on_cancel
        # Its cancellation is done at once, as that of a run is when the cluster has said so.
        return super().cancel() and not self.set_running_or_notify_cancel()


@pytest.mark.parametrize(
    ("environ", "is_terminal", "in_notebook", "expected"),
    [
        ({}, True, False, True),
        ({}, False, True, True),
        ({}, False, False, False),
        ({"CI": "true"}, True, False, False),
        ({"CI": "true", "FERRYMAN_PROGRESS": "on"}, False, False, True),
        ({"FERRYMAN_PROGRESS": "off"}, True, True, False),
    ],
)
def test_progress_is_shown_where_somebody_sees_it(environ, is_terminal, in_notebook, expected):
    watched = interactive.is_watched(environ, is_terminal=is_terminal, in_notebook=in_notebook)
    assert watched is expected


def test_a_setting_that_is_none_is_named():
    with pytest.raises(ConfigurationError, match="FERRYMAN_PROGRESS is 'yes'; it can be on, off or auto"):
        interactive.is_watched({"FERRYMAN_PROGRESS": "yes"}, is_terminal=True, in_notebook=False)


def test_ctrl_c_cancels_the_runs_that_have_not_ended(capsys):
    ended, live = ARun(), ARun()
    ended.set_result(None)
    with pytest.raises(KeyboardInterrupt) as caught, interactive.cancelling([ended, live]):
        raise KeyboardInterrupt
    assert live.cancelled()
    assert caught.value.__notes__ == ["1 of 2 runs were cancelled"]
    assert "cancelling 1 runs; Ctrl-C again lets them go on" in capsys.readouterr().err


def test_a_second_ctrl_c_lets_the_runs_go_on():
    stubborn = ARun(on_cancel=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt) as caught, interactive.cancelling([stubborn]):
        raise KeyboardInterrupt
    assert not stubborn.done()
    assert caught.value.__notes__ == ["1 of 1 runs may go on"]


def test_another_error_cancels_nothing():
    live = ARun()
    with pytest.raises(TimeoutError), interactive.cancelling([live]):
        raise TimeoutError
    assert not live.done()


class Watch:
    """A clock that goes on only while somebody waits for runs, which never end."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def all_done(self, futures, timeout: float) -> bool:
        self.now += timeout
        return False


@pytest.mark.parametrize("stream_logs", [False, True])
@pytest.mark.parametrize("timeout", [0.0, 0.5, 1.0, 5.0])
def test_what_is_waited_is_the_timeout(timeout, stream_logs):
    watch = Watch()
    ended = interactive.wait([], timeout, stream_logs=stream_logs, clock=watch.clock, all_done=watch.all_done)
    assert not ended
    assert watch.now - 1000.0 == timeout


class ALoggedRun:
    """A run with two attempts, the log of the second of which is gone."""

    name = "load-x"
    run = Run("default", "load-x", "uid", "1", "load", Phase.RUNNING, attempts=(Attempt(1), Attempt(2)))

    def logs(self, *, follow: bool = False, attempt: int | None = None) -> Iterator[str]:
        assert follow
        if attempt == 2:
            raise RunGone("run load-x has no pod of attempt 2", run=self.name)
        yield "one"
        yield "load-x/1 | two"


def test_the_logs_of_all_attempts_are_streamed_each_line_with_its_run():
    lines: list[str] = []
    with LogStream([ALoggedRun()], lines.append):
        pass
    assert sorted(lines) == [
        "load-x/1 | one",
        "load-x/1 | two",
        "load-x/2 | (its log cannot be read: run load-x has no pod of attempt 2)",
    ]
