"""Hooks of submitted runs without Kubernetes, as users' own tests see them."""

from __future__ import annotations

import sys

import pytest

from ferryman import task


@pytest.fixture
def notes(tmp_path):
    return tmp_path / "notes"


def noting(notes):
    path = str(notes)

    def note(task, task_run, state):
        with open(path, "a") as file:
            file.write(f"{task_run.run_count} {state.name} {state.result(raise_on_failure=False)!r}\n")

    return note


def test_completion_hooks_are_called_once_with_the_value(ferryman_local, notes):
    @task(on_completion=[noting(notes)], on_failure=[noting(notes)])
    def add(x, y):
        return x + y

    assert add.submit(1, 2).result(10) == 3
    assert notes.read_text() == "1 Completed 3\n"


def test_failure_hooks_are_called_once_after_the_last_attempt(ferryman_local, notes):
    @task(retries=2, on_failure=[noting(notes)])
    def refuse():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        refuse.submit().result(10)
    assert notes.read_text() == "3 Failed ValueError('no')\n"


def test_a_hook_that_raises_changes_nothing(ferryman_local, notes, capsys):
    def refuse_too(task, task_run, state):
        raise KeyError("lost")

    add = task(on_completion=[refuse_too, noting(notes)])(lambda x: x + 1)
    assert add.submit(1).result(10) == 2
    assert notes.exists()
    assert "KeyError: 'lost'" in capsys.readouterr().err


def test_after_sys_exit_none_is_called(ferryman_local, notes):
    @task(on_failure=[noting(notes)])
    def leave():
        sys.exit("bye")

    assert leave.submit().exception(10) is not None
    assert not notes.exists()


@pytest.mark.parametrize(
    ("options", "hooks"),
    [({}, None), ({"on_failure": [print]}, ["Failure"]), ({"on_completion": [print]}, ["Completion"])],
)
def test_a_run_says_which_kinds_of_hooks_its_task_has(ferryman_local, options, hooks):
    run = task(**options)(len).submit("four")
    run.result(10)
    assert ferryman_local.cluster.get_run(run.run.namespace, run.name)["spec"].get("hooks") == hooks
