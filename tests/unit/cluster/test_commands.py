"""What needs a network is tried again."""

from __future__ import annotations

import pytest

from cluster.commands import CommandFailed, persistently, run


class Flaky:
    """Fails some times, then succeeds."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            raise CommandFailed(f"no network at call {self.calls}")


def test_what_succeeds_is_done_once():
    act = Flaky(0)
    persistently(act, pauses=(0, 0))
    assert act.calls == 1


def test_what_fails_is_done_again_until_it_succeeds():
    act = Flaky(2)
    persistently(act, pauses=(0, 0))
    assert act.calls == 3


def test_the_last_failure_is_told():
    with pytest.raises(CommandFailed, match="no network at call 3"):
        persistently(Flaky(5), pauses=(0, 0))


def test_another_error_is_not_taken_for_a_network():
    def act() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        persistently(act, pauses=(0, 0))


def test_a_failed_command_says_what_it_said():
    with pytest.raises(CommandFailed, match="exit code 3\nno route to host"):
        run("sh", "-c", "echo no route to host >&2; exit 3")
