"""Served tasks on a real operator, with real worker processes that are killed, paused and drained."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys

import pytest

from builders.workers import MODULE, PATIENCE, Worker, until
from ferryman import allow_failure, client, task
from ferryman.api.phases import Phase
from ferryman.exceptions import CancelledRun, DeadlineExceeded, NotServable, RunCrashed, TaskRunTimeoutError

FAST = ("--lease", "3s")


@pytest.fixture
def served(in_cluster, tmp_path, monkeypatch):
    """The module of served tasks, as a caller imports it."""
    (tmp_path / "served.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "served", raising=False)
    yield importlib.import_module("served")
    sys.modules.pop("served", None)


@pytest.fixture
def environ(in_cluster, namespace):
    """Of a worker, which has no rights but a worker's where the cluster knows rights."""
    if not hasattr(in_cluster, "kubeconfig_of_workers"):
        return dict(os.environ)
    return {**os.environ, "KUBECONFIG": str(in_cluster.kubeconfig_of_workers(namespace))}


@pytest.fixture
def start(served, tmp_path, environ):
    """Starts workers of this namespace; all are killed at the end."""
    workers = []

    def start(*names, options=FAST):
        tasks = [name if ":" in name else f"served:{name}" for name in names]
        worker = Worker(tmp_path, *options, tasks=tasks, environ=environ)
        workers.append(worker)
        return worker.__enter__()

    yield start
    for worker in workers:
        worker.__exit__()


class Gate:
    """Where a held task tells that it runs, and waits."""

    def __init__(self, directory):
        self.started, self.released = directory / "started", directory / "released"

    @property
    def arguments(self):
        return str(self.started), str(self.released)

    @property
    def begun(self):
        return len(self.started.read_text().splitlines()) if self.started.exists() else 0

    def open(self):
        self.released.touch()


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path)


@pytest.fixture
def notes(tmp_path):
    """What the hooks of `served.noted` have told."""
    where = tmp_path / "notes"
    return lambda: where.read_text().splitlines() if where.exists() else []


def settled_hooks(future):
    """What the status says of the hooks, once they are called or given up."""
    cluster, run = client.current().cluster, future.run
    return until(lambda: is_settled(cluster.get_run(run.namespace, run.name)))


def is_settled(run):
    hooks = run["status"].get("hooks") or {}
    return hooks if hooks.get("state") in ("Called", "NotCalled") else None


def outcomes(future):
    return [(row.outcome, row.reason) for row in future.run.attempts]


def test_a_warm_worker_executes_what_is_delayed(served, start):
    worker = start("double", "refuse", "raises", "where")
    assert served.double.delay(4).result(PATIENCE) == 8
    assert served.double.map([1, 2, 3], deferred=True).result(PATIENCE) == [2, 4, 6]
    first, second = (served.where.delay().result(PATIENCE) for _ in range(2))
    assert first["pid"] != second["pid"] != worker.process.pid
    retried = served.refuse.delay("not yet")
    assert retried.result(PATIENCE) == 3
    assert [row.reason for row in retried.run.attempts] == ["UserException", "UserException", "Completed"]
    with pytest.raises(served.Refused, match="for good"):
        served.raises.delay("for good").result(PATIENCE)
    assert worker.drain() == 0
    assert "doubling 4" in worker.output
    assert {line.count("/1 | ") for line in worker.output.splitlines() if "doubling" in line} == {1}


def test_futures_and_dependencies_are_resolved_by_the_worker(served, start):
    start("double", "raises")
    first = served.double.delay(1)
    second = served.double.apply_async((first,), wait_for=[first])
    failed = served.raises.delay("no")
    third = served.double.apply_async(kwargs={"x": [allow_failure(failed)]}, dependencies={"x": [second]})
    assert second.result(PATIENCE) == 4
    assert [repr(one) for one in third.result(PATIENCE)] == ["Refused('no')"] * 2


def test_every_end_of_a_job_is_one_of_a_served_run(served, start):
    start("hang_in_c", "declines", "exits")
    hung, declined, gone = served.hang_in_c.delay(), served.declines.delay(), served.exits.delay()
    with pytest.raises(TaskRunTimeoutError):
        hung.result(PATIENCE)
    with pytest.raises(served.Refused):
        declined.result(PATIENCE)
    with pytest.raises(RunCrashed):
        gone.result(PATIENCE)
    reasons = [one.run.reason for one in (hung, declined, gone)]
    assert reasons == ["Timeout", "RetryConditionDeclined", "ProcessExited"]
    phases = [one.run.phase for one in (hung, declined, gone)]
    assert phases == [Phase.TIMED_OUT, Phase.FAILED, Phase.CRASHED]


def test_a_killed_workers_run_goes_to_another(served, start, gate):
    victim = start("hold")
    held = served.hold.delay(*gate.arguments)
    until(lambda: gate.begun == 1)
    supervisor = int(gate.started.read_text().split()[1])
    start("hold")
    victim.send(signal.SIGKILL)
    until(lambda: not is_alive(supervisor))
    until(lambda: gate.begun == 2)
    gate.open()
    assert held.result(PATIENCE) == 2
    assert outcomes(held) == [("Lost", "WorkerLost"), ("Succeeded", "Completed")]


def test_a_paused_worker_commits_nothing(served, start, gate):
    paused = start("hold")
    held = served.hold.delay(*gate.arguments)
    until(lambda: gate.begun == 1)
    supervisor = int(gate.started.read_text().split()[1])
    paused.send(signal.SIGSTOP)
    until(lambda: not is_alive(supervisor))
    start("hold")
    until(lambda: gate.begun == 2)
    gate.open()
    assert held.result(PATIENCE) == 2
    paused.send(signal.SIGCONT)
    until(lambda: "is refused" in paused.output)
    assert outcomes(held) == [("Lost", "WorkerLost"), ("Succeeded", "Completed")]


def test_a_worker_that_is_told_to_stop_lets_its_runs_finish(served, start, gate):
    worker = start("hold")
    held = served.hold.delay(*gate.arguments)
    until(lambda: gate.begun == 1)
    worker.send(signal.SIGTERM)
    until(lambda: "stopping" in worker.output)
    late = served.hold.delay(*gate.arguments)
    gate.open()
    assert held.result(PATIENCE) == 1
    assert worker.process.wait(PATIENCE) == 0
    assert late.state.is_scheduled() or not late.done()


def test_what_does_not_end_within_the_grace_is_given_back(served, start, gate):
    worker = start("hold", options=(*FAST, "--grace", "100ms"))
    held = served.hold.delay(*gate.arguments)
    until(lambda: gate.begun == 1)
    assert worker.drain() == 0
    start("hold")
    until(lambda: gate.begun == 2)
    gate.open()
    assert held.result(PATIENCE) == 2
    assert outcomes(held) == [("Lost", "RunnerKilled"), ("Succeeded", "Completed")]


def test_hooks_of_a_run_whose_worker_was_killed_are_called_once_by_another(served, start, gate, notes):
    victim = start("noted")
    held = served.noted.with_options(infrastructure_retries=0).delay(*gate.arguments)
    until(lambda: gate.begun == 1)
    start("noted")
    victim.send(signal.SIGKILL)
    with pytest.raises(RunCrashed):
        held.result(PATIENCE)
    assert settled_hooks(held)["state"] == "Called"
    assert notes() == ["noted 1 Crashed WorkerLost AttemptsExhausted"]


def test_hooks_of_a_cancelled_run_are_called_whether_it_had_begun_or_not(served, start, gate, notes):
    waiting = served.noted.delay(*gate.arguments)
    waiting.cancel()
    with pytest.raises(CancelledRun):
        waiting.result(PATIENCE)
    # Nobody was there: who comes later sees that they wait.
    start("noted")
    assert settled_hooks(waiting)["state"] == "Called"
    held = served.noted.delay(*gate.arguments)
    until(lambda: gate.begun == 1)
    held.cancel()
    assert settled_hooks(held)["state"] == "Called"
    assert notes() == ["noted 0 Cancelled Cancelled CancelledRun", "noted 1 Cancelled Cancelled CancelledRun"]


def test_a_cancelled_run_is_stopped_by_its_worker(served, start, gate):
    start("hold")
    held, waiting = served.hold.delay(*gate.arguments), served.double.delay(1)
    until(lambda: gate.begun == 1)
    supervisor = int(gate.started.read_text().split()[1])
    held.cancel()
    waiting.cancel()
    for one in (held, waiting):
        with pytest.raises(CancelledRun):
            one.result(PATIENCE)
    until(lambda: not is_alive(supervisor))
    assert [len(one.run.attempts) for one in (held, waiting)] == [1, 0]


def test_the_deadline_holds_for_what_runs(served, start, gate):
    start("hold")
    held = served.hold.with_options(deadline=4).delay(*gate.arguments)
    until(lambda: gate.begun == 1)
    with pytest.raises(DeadlineExceeded):
        held.result(PATIENCE)


def test_without_a_worker_the_run_says_how_to_start_one(served):
    waiting = served.double.delay(1)
    until(lambda: waiting.run.reason == "WaitingForWorker")
    assert "ferryman serve served:double" in waiting.run.message
    waiting.cancel()
    with pytest.raises(CancelledRun):
        waiting.result(PATIENCE)


def test_a_task_inside_of_a_function_cannot_be_served(in_cluster):
    @task
    def local():
        return 1

    with pytest.raises(NotServable, match="top level of a module"):
        local.delay()


def test_a_script_serves_its_own_tasks_under_its_name(environ, tmp_path, monkeypatch):
    (tmp_path / "script.py").write_text(
        "from ferryman import serve, task\n\n@task\ndef name():\n    return __name__\n\n"
        "if __name__ == '__main__':\n    serve(name, limit=2)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    script = importlib.import_module("script")
    command = (sys.executable, "script.py")
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.PIPE) as process:
        try:
            assert script.name.delay().result(PATIENCE) == "__main__"
        finally:
            process.terminate()
    sys.modules.pop("script")


def test_a_hundred_runs_survive_the_death_of_a_worker_and_of_the_operator(in_cluster, served, start):
    if not hasattr(in_cluster, "kill_operator"):
        pytest.skip("needs an operator that can be killed")
    first, _second = start("double"), start("double")
    futures = served.double.map(range(60), deferred=True)
    until(lambda: sum(one.done() for one in futures) > 10)
    first.send(signal.SIGKILL)
    in_cluster.kill_operator()
    more = [served.double.delay(n) for n in range(60, 70)]
    in_cluster.start_operator()
    assert futures.result(PATIENCE) == [2 * n for n in range(60)]
    assert [one.result(PATIENCE) for one in more] == [2 * n for n in range(60, 70)]
    rows = [row for one in (*futures, *more) for row in one.run.attempts]
    assert {row.reason for row in rows} <= {"Completed", "WorkerLost"}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that nobody waits for yet is dead all the same.
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"


CACHED = """
from ferryman import task
from ferryman.cache_policies import INPUTS

@task(cache_policy=INPUTS)
def stamp(x):
    import uuid

    return uuid.uuid4().hex
"""


def test_a_served_task_shares_its_results(served, start, tmp_path):
    (tmp_path / "cached.py").write_text(CACHED)
    stamp = importlib.import_module("cached").stamp
    start("cached:stamp")
    try:
        first = stamp.delay(1).result(PATIENCE)
        second = stamp.delay(1)
        assert second.result(PATIENCE) == first
    finally:
        sys.modules.pop("cached", None)
    assert (second.state.name, second.run.attempts) == ("Cached", ())
