"""Every way an attempt can end ends in a report that says so. The real runner, a real S3 server.

Functions are nested in the tests so that they travel by value, as a user's script's do.
"""

import dataclasses
import itertools
import json
import os
import sys
import time
import types

import pytest

from builders.attempt import JOB_UID, NAMESPACE, RunnerLab, reference_of, terminate, wait_for
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import EarlierAttempt, Env, ExitCode, Upstream
from ferryman.exceptions import UpstreamTaskError
from ferryman.wire import codecs, conditional, envelope, failures, keys
from ferryman.wire.codecs import UpstreamValue


@pytest.fixture
def lab(object_store, bucket, tmp_path):
    return RunnerLab(object_store, bucket, tmp_path)


def assert_ended(outcome, reason, exit_code):
    assert outcome.report is not None, outcome.errors
    assert (outcome.report.reason, outcome.exit_code) == (reason, exit_code), (outcome.report, outcome.errors)


# Returning


def test_a_function_that_returns_leaves_its_result(lab):
    def add(a, b):
        return a + b

    outcome = lab.run(add, 1, 2)
    assert_ended(outcome, Reason.COMPLETED, ExitCode.SUCCEEDED)
    assert lab.value(outcome) == 3


def test_the_report_holds_the_digest_of_the_result(lab):
    outcome = lab.run(lambda: [1, 2])
    result = outcome.report.result
    envelope.verify(lab.blob(outcome), result.sha256, result.size)
    assert result.serializer == "json"


def test_a_small_task_is_two_gets_and_two_puts(lab):
    lab.run(lambda a: a, 1, uid=a_uid(sampled=False))
    seeded = 2
    *downloads, claim, result = lab.requests()[seeded:]
    assert (sorted(downloads), claim, result) == (["GET args", "GET code"], "PUT claim", "PUT result")


def test_one_attempt_in_many_proves_the_store_with_one_put_more(lab):
    lab.run(lambda a: a, 1, uid=a_uid(sampled=True))
    assert lab.requests().count("PUT claim") == 2


def test_a_run_without_blobs_proves_the_store(lab):
    lab.run_assignment(lab.assignment(entrypoint="os:getpid", uid=a_uid(sampled=False)))
    assert lab.requests() == ["PUT claim", "PUT claim", "PUT result"]


def test_the_report_times_every_phase_and_measures_memory(lab):
    report = lab.run(lambda: None).report
    phases = ["boot", "download", "verify", "claim", "unpickle", "execute", "serialise", "upload", "report"]
    assert list(report.timings) == phases
    assert report.started <= report.finished
    assert report.peak_memory > 1_000_000


def test_the_runner_loads_nothing_but_cloudpickle_and_obstore(lab):
    def loaded():
        import sys

        return sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names))

    outcome = lab.run(loaded, impatient=False)
    startup = {"__main__", "__mp_main__", "_distutils_hack", "sitecustomize"}
    found = {name for name in lab.value(outcome) if not name.startswith(("_editable", "__editable"))}
    assert found - startup == {"cloudpickle", "ferryman", "obstore"}


def test_the_runner_does_not_load_asyncio_or_the_kubernetes_side(lab):
    def loaded():
        import sys

        return [
            name for name in sys.modules if name in ("asyncio", "pydantic", "boto3", "ferryman.api.taskrun")
        ]

    assert lab.value(lab.run(loaded)) == []


def test_an_async_function_is_run(lab):
    async def double(n):
        import asyncio

        await asyncio.sleep(0)
        return 2 * n

    assert lab.value(lab.run(double, 4)) == 8


def test_a_generator_becomes_a_list(lab):
    def count(n):
        yield from range(n)

    assert lab.value(lab.run(count, 3)) == [0, 1, 2]


def test_an_async_generator_becomes_a_list(lab):
    async def count(n):
        for i in range(n):
            yield i

    assert lab.value(lab.run(count, 3)) == [0, 1, 2]


def test_the_function_knows_its_run(lab):
    def whoami():
        from ferryman.context import current_run

        run = current_run()
        return [run.namespace, run.name, run.attempt, run.task]

    assert lab.value(lab.run(whoami)) == [NAMESPACE, "a-run", 1, "a-task"]


def test_an_entrypoint_is_called_with_values(lab):
    assignment = lab.assignment(entrypoint="textwrap:shorten", values={"text": "hello world", "width": 8})
    outcome = lab.run_assignment(assignment)
    assert lab.value(outcome) == "[...]"


def test_prints_reach_the_log_prefixed_where_asked(lab):
    def talk():
        print("one\ntwo")
        print("three", end="")

    outcome = lab.run(talk, log_prints=True)
    assert outcome.output == "a-run/1 | one\na-run/1 | two\na-run/1 | three"


def test_exit_functions_run_and_threads_that_never_end_do_not_hold_the_pod(lab):
    def leave_things():
        import atexit
        import threading

        atexit.register(print, "flushed")
        threading.Thread(target=threading.Event().wait).start()

    outcome = lab.run(leave_things)
    assert_ended(outcome, Reason.COMPLETED, ExitCode.SUCCEEDED)
    assert outcome.output == "flushed\n"


def test_a_function_that_forks_and_returns_twice_is_one_run(lab):
    def fork():
        import os

        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return "once"

    outcome = lab.run(fork)
    assert_ended(outcome, Reason.COMPLETED, ExitCode.SUCCEEDED)
    assert lab.requests().count("PUT result") == 1


# Raising


def test_an_exception_comes_back_as_itself(lab):
    def fail():
        raise LookupError("no such thing")

    outcome = lab.run(fail)
    assert_ended(outcome, Reason.USER_EXCEPTION, ExitCode.USER_FAILURE)
    assert (outcome.report.exception, outcome.report.message) == ("LookupError", "LookupError: no such thing")
    rebuilt = failures.rebuild(failures.open_failure(lab.blob(outcome)), trust_pickle=True)
    assert isinstance(rebuilt, LookupError)
    assert "in fail" in str(rebuilt.__cause__)


def test_the_traceback_is_in_the_log(lab):
    outcome = lab.run(lambda: 1 / 0)
    assert "ZeroDivisionError: division by zero" in outcome.errors
    assert "ferryman/runner" not in outcome.errors


def test_an_exception_that_cannot_be_pickled_is_told_as_text(lab):
    def fail():
        import threading

        raise RuntimeError("with a lock", threading.Lock())

    outcome = lab.run(fail)
    assert_ended(outcome, Reason.USER_EXCEPTION, ExitCode.USER_FAILURE)
    failure = failures.open_failure(lab.blob(outcome))
    assert failure.pickled is None
    assert "with a lock" in failure.message


def test_an_exception_whose_str_raises_is_told_all_the_same(lab):
    def fail():
        class Broken(Exception):
            def __str__(self):
                raise ValueError

        raise Broken

    outcome = lab.run(fail)
    assert_ended(outcome, Reason.USER_EXCEPTION, ExitCode.USER_FAILURE)
    assert "unprintable" in outcome.report.message


def test_a_base_exception_is_a_failure_of_the_function(lab):
    def fail():
        raise GeneratorExit("odd")

    assert_ended(lab.run(fail), Reason.USER_EXCEPTION, ExitCode.USER_FAILURE)


def test_running_out_of_memory_within_a_limit_is_an_exception(lab):
    def allocate():
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
        return bytearray(2**31)

    outcome = lab.run(allocate)
    assert_ended(outcome, Reason.USER_EXCEPTION, ExitCode.USER_FAILURE)
    assert outcome.report.exception == "MemoryError"


def test_a_retry_condition_that_says_no_declines(lab):
    def condition(task, run, state):
        return "never" in str(state.data)

    outcome = lab.run(lambda: 1 / 0, retry_condition=condition, retries_left=True)
    assert_ended(outcome, Reason.RETRY_CONDITION_DECLINED, ExitCode.PERMANENT_FAILURE)


def test_a_retry_condition_that_says_yes_leaves_the_exception(lab):
    async def condition(task, run, state):
        return isinstance(state.data, ZeroDivisionError)

    outcome = lab.run(lambda: 1 / 0, retry_condition=condition, retries_left=True)
    assert_ended(outcome, Reason.USER_EXCEPTION, ExitCode.USER_FAILURE)


def test_a_retry_condition_that_raises_declines(lab):
    outcome = lab.run(
        lambda: 1 / 0, retry_condition=lambda task, run, state: state.nothing, retries_left=True
    )
    assert_ended(outcome, Reason.RETRY_CONDITION_DECLINED, ExitCode.PERMANENT_FAILURE)


def test_a_retry_condition_is_told_of_the_task_and_the_run(lab):
    def condition(task, run, state):
        print("asked", task.name, run.name, run.run_count, state.name, type(state.data).__name__)

    outcome = lab.run(lambda: 1 / 0, retry_condition=condition, retries_left=True)
    assert "asked <lambda> a-run 1 Failed ZeroDivisionError" in outcome.output


def test_the_function_finds_its_task_and_its_arguments_in_the_context(lab):
    def look(number, scale=2):
        from ferryman import current_run, get_run_context

        here = get_run_context()
        print("found", here.task.name, here.task_run.id == current_run().uid, dict(here.parameters))

    outcome = lab.run(look, 1)
    assert "found look True {'number': 1, 'scale': 2}" in outcome.output


# Results that cannot be used


def test_a_result_that_cannot_be_pickled_says_so(lab):
    def lock():
        import threading

        return {"locks": [threading.Lock()]}

    outcome = lab.run(lock)
    assert_ended(outcome, Reason.RESULT_NOT_SERIALIZABLE, ExitCode.PERMANENT_FAILURE)
    assert "at ['locks'][0] (lock)" in outcome.report.message


def test_a_result_above_the_limit_is_too_large(lab):
    outcome = lab.run(lambda: "x" * 5000, max_result_bytes=1000)
    assert_ended(outcome, Reason.RESULT_TOO_LARGE, ExitCode.PERMANENT_FAILURE)
    assert "PUT result" not in lab.requests()


# Leaving the process


def test_sys_exit_is_an_exit_of_the_process(lab):
    def leave():
        import sys

        sys.exit(0)

    assert_ended(lab.run(leave), Reason.PROCESS_EXITED, ExitCode.CRASHED)


def test_keyboard_interrupt_is_an_exit_of_the_process(lab):
    def leave():
        raise KeyboardInterrupt

    assert_ended(lab.run(leave), Reason.PROCESS_EXITED, ExitCode.CRASHED)


def test_os_exit_is_an_exit_of_the_process(lab):
    def leave():
        import os

        os._exit(0)

    outcome = lab.run(leave)
    assert_ended(outcome, Reason.PROCESS_EXITED, ExitCode.CRASHED)
    assert "exit code 0 in phase execute" in outcome.report.message


def test_closing_every_descriptor_still_ends_in_a_report(lab):
    def close():
        import os

        os.closerange(0, 200)

    assert_ended(lab.run(close), Reason.PROCESS_EXITED, ExitCode.CRASHED)


def test_a_segmentation_fault_names_its_signal(lab):
    def crash():
        import ctypes

        ctypes.string_at(0)

    outcome = lab.run(crash)
    assert_ended(outcome, Reason.PROCESS_KILLED, ExitCode.CRASHED)
    assert "SIGSEGV" in outcome.report.message


def test_a_sigkill_of_the_child_is_reported(lab):
    def die():
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    outcome = lab.run(die)
    assert_ended(outcome, Reason.PROCESS_KILLED, ExitCode.CRASHED)
    assert "SIGKILL" in outcome.report.message


def test_a_child_that_dies_leaves_no_process_behind(lab):
    def leave_a_child():
        import os
        import subprocess

        child = subprocess.Popen(["sleep", "600"])
        print(child.pid, flush=True)
        os._exit(3)

    outcome = lab.run(leave_a_child)
    # Its pipe ends were closed, or `finish` would have waited for them.
    wait_for(lambda: not is_alive(int(outcome.output)))


# Time


def test_a_function_past_its_timeout_is_stopped_and_cleans_up(lab):
    def sleep():
        try:
            import time

            time.sleep(600)
        finally:
            print("cleaned up")

    outcome = lab.run(sleep, timeout=1.0)
    assert_ended(outcome, Reason.TIMEOUT, ExitCode.TIMED_OUT)
    assert outcome.output == "cleaned up\n"


def test_the_log_shows_where_a_function_was_when_it_was_stopped(lab):
    def deeper():
        time.sleep(60)

    told = lab.run(deeper, timeout=0.5).errors.partition("The function was stopped here")[2]
    assert ("in deeper" in told, "_terminate" in told) == (True, False)


def test_a_hang_in_c_with_signals_blocked_ends_at_the_timeout(lab):
    def hang():
        import ctypes
        import signal

        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        ctypes.PyDLL(None).sleep(600)  # PyDLL keeps the interpreter's lock.

    assert_ended(lab.run(hang, timeout=0.2), Reason.TIMEOUT, ExitCode.TIMED_OUT)


def test_a_catastrophic_regular_expression_ends_at_the_timeout(lab):
    def match():
        import re

        re.match("(a+)+$", "a" * 60 + "b")

    assert_ended(lab.run(match, timeout=0.2), Reason.TIMEOUT, ExitCode.TIMED_OUT)


def test_a_function_that_swallows_the_stop_ends_at_the_timeout(lab):
    def stubborn():
        import time

        while True:
            try:
                time.sleep(600)
            except BaseException:
                continue

    assert_ended(lab.run(stubborn, timeout=0.2), Reason.TIMEOUT, ExitCode.TIMED_OUT)


def test_past_not_after_nothing_is_executed_and_nothing_claimed(lab):
    outcome = lab.run(lambda: None, not_after=time.time() - 1)
    assert_ended(outcome, Reason.START_TIMEOUT, ExitCode.INFRASTRUCTURE)
    assert "PUT claim" not in lab.requests()


def test_sigterm_stops_the_function_and_is_reported(lab):
    def wait(path):
        import pathlib
        import time

        try:
            pathlib.Path(path).touch()
            time.sleep(600)
        finally:
            print("cleaned up")

    marker = lab.folder / "started"
    process = lab.start(lab.assignment(**lab.seal(wait, str(marker))), impatient=False)
    wait_for(marker.exists)
    terminate(process)
    outcome = lab.finish(process)
    assert_ended(outcome, Reason.RUNNER_KILLED, ExitCode.TERMINATED)
    assert outcome.output == "cleaned up\n"


def test_sigterm_ends_a_function_that_ignores_it(lab):
    def wait(path):
        import pathlib
        import signal
        import time

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path(path).touch()
        time.sleep(600)

    marker = lab.folder / "started"
    process = lab.start(lab.assignment(**lab.seal(wait, str(marker))))
    wait_for(marker.exists)
    terminate(process)
    assert_ended(lab.finish(process), Reason.RUNNER_KILLED, ExitCode.TERMINATED)


def test_sigterm_after_the_function_has_returned_does_not_lose_the_result(lab):
    def slow_to_pickle(reached, go):
        class Slow:
            def __reduce__(self):
                import pathlib
                import time

                pathlib.Path(reached).touch()
                while not pathlib.Path(go).exists():
                    time.sleep(0.01)
                return str, ("result",)

        return Slow()

    reached, go = lab.folder / "reached", lab.folder / "go"
    process = lab.start(lab.assignment(**lab.seal(slow_to_pickle, str(reached), str(go))), impatient=False)
    wait_for(reached.exists)
    terminate(process)
    go.touch()
    outcome = lab.finish(process)
    assert_ended(outcome, Reason.COMPLETED, ExitCode.SUCCEEDED)
    assert lab.value(outcome) == "result"


def test_a_supervisor_that_is_killed_takes_the_function_along(lab):
    def wait(path):
        import os
        import pathlib
        import time

        pathlib.Path(path + ".new").write_text(str(os.getpid()))
        os.rename(path + ".new", path)
        time.sleep(600)

    marker = lab.folder / "pid"
    process = lab.start(lab.assignment(**lab.seal(wait, str(marker))))
    wait_for(marker.exists)
    process.kill()
    lab.finish(process)
    wait_for(lambda: not is_alive(int(marker.read_text())))


# Payloads


def test_a_tampered_payload_is_not_unpickled(lab):
    canary = lab.folder / "canary"
    good = codecs.seal_code(codecs.Code(lambda: None))
    evil = codecs.seal_code(codecs.Code(_Canary(canary)))
    lab.store.put(keys.code(NAMESPACE, good.sha256), evil.body)
    outcome = lab.run_assignment(lab.assignment(code=reference_of(good.body)))
    assert_ended(outcome, Reason.PAYLOAD_DIGEST_MISMATCH, ExitCode.PERMANENT_FAILURE)
    assert not canary.exists()


def test_the_canary_would_have_sung(lab):
    canary = lab.folder / "canary"
    evil = codecs.seal_code(codecs.Code(_Canary(canary)))
    lab.run_assignment(lab.assignment(code=lab.put_code(evil.body)))
    assert canary.exists()


def test_a_missing_payload_is_not_found(lab):
    outcome = lab.run_assignment(lab.assignment(code=reference_of(b"never uploaded")))
    assert_ended(outcome, Reason.PAYLOAD_NOT_FOUND, ExitCode.PERMANENT_FAILURE)


@pytest.mark.parametrize("body", [b"", b"x", os.urandom(500)], ids=["empty", "one byte", "random"])
def test_bytes_that_are_no_blob_with_the_right_digest_are_an_invalid_payload(lab, body):
    outcome = lab.run_assignment(lab.assignment(code=lab.put_code(body)))
    assert_ended(outcome, Reason.INVALID_PAYLOAD, ExitCode.PERMANENT_FAILURE)


def test_a_truncated_pickle_with_the_right_digest_is_an_invalid_payload(lab):
    (pickle,) = envelope.unseal(codecs.seal_code(codecs.Code(lambda: None)).body)[1]
    blob = envelope.seal(envelope.Kind.CODE, "pickle", [pickle[:-20]])
    outcome = lab.run_assignment(lab.assignment(code=lab.put_code(blob)))
    assert_ended(outcome, Reason.INVALID_PAYLOAD, ExitCode.PERMANENT_FAILURE)


def test_a_call_that_does_not_fit_the_signature_is_an_invalid_payload(lab):
    outcome = lab.run(lambda a: a, 1, 2)
    assert_ended(outcome, Reason.INVALID_PAYLOAD, ExitCode.PERMANENT_FAILURE)
    assert "too many positional arguments" in outcome.report.message


def test_a_module_that_the_image_lacks_is_named(lab):
    outcome = lab.run_assignment(lab.assignment(entrypoint="no_such_package.daily:build"))
    assert_ended(outcome, Reason.MODULE_NOT_FOUND, ExitCode.PERMANENT_FAILURE)
    assert "'no_such_package': the function needs it" in outcome.report.message


def test_a_module_that_only_an_argument_needs_is_told_as_the_arguments(lab):
    gone = types.ModuleType("no_such_package")
    gone.Row = type("Row", (), {"__module__": "no_such_package"})
    sys.modules["no_such_package"] = gone
    try:
        outcome = lab.run(lambda row: row, gone.Row())
    finally:
        del sys.modules["no_such_package"]
    assert_ended(outcome, Reason.MODULE_NOT_FOUND, ExitCode.PERMANENT_FAILURE)
    assert "'no_such_package': an argument needs it" in outcome.report.message


def test_an_entrypoint_that_does_not_exist_is_an_invalid_payload(lab):
    outcome = lab.run_assignment(lab.assignment(entrypoint="textwrap:no_such_function"))
    assert_ended(outcome, Reason.INVALID_PAYLOAD, ExitCode.PERMANENT_FAILURE)


def test_code_of_another_python_is_refused_before_it_is_unpickled(lab):
    canary = lab.folder / "canary"
    body = codecs.seal_code(codecs.Code(_Canary(canary))).body
    ours = json.dumps("{}.{}.{}".format(*__import__("sys").version_info)).encode()
    assert body.count(ours) == 1
    other = body.replace(ours, b'"3.9.1"'.ljust(len(ours)))
    outcome = lab.run_assignment(lab.assignment(code=lab.put_code(other)))
    assert_ended(outcome, Reason.PYTHON_VERSION_MISMATCH, ExitCode.PERMANENT_FAILURE)
    assert not canary.exists()


def test_an_exit_while_unpickling_is_an_exit_of_the_process(lab):
    outcome = lab.run_assignment(
        lab.assignment(code=lab.put_code(codecs.seal_code(codecs.Code(_Leaves())).body))
    )
    assert_ended(outcome, Reason.PROCESS_EXITED, ExitCode.CRASHED)


class _Hangs:
    def __reduce__(self):
        import time

        return time.sleep, (3600,)


@pytest.mark.parametrize("blob", ["code", "arguments"])
def test_a_hang_while_unpickling_ends_by_a_limit_of_its_own(lab, blob):
    blobs = lab.seal(_Hangs()) if blob == "code" else lab.seal(lambda value: value, _Hangs())
    outcome = lab.finish(lab.start(lab.assignment(**blobs, timeout=0.1), phase=0.5))
    assert_ended(outcome, Reason.TIMEOUT, ExitCode.TIMED_OUT)
    assert outcome.report.message == "phase unpickle took longer than 0.5 s"


# The store


def test_a_store_that_is_down_is_unavailable(lab, unused_endpoint):
    lab.location = dataclasses.replace(lab.location, endpoint=unused_endpoint)
    outcome = lab.run_assignment(lab.assignment(code=reference_of(b"x")))
    assert_ended(outcome, Reason.STORE_UNAVAILABLE, ExitCode.INFRASTRUCTURE)


def test_a_bucket_that_is_gone_before_the_upload_fails_the_upload(lab):
    def wait(started, go):
        import pathlib
        import time

        pathlib.Path(started).touch()
        while not pathlib.Path(go).exists():
            time.sleep(0.01)

    started, go = lab.folder / "started", lab.folder / "go"
    process = lab.start(lab.assignment(**lab.seal(wait, str(started), str(go))))
    wait_for(started.exists)
    lab.delete_bucket()
    go.touch()
    outcome = lab.finish(process)
    assert_ended(outcome, Reason.RESULT_UPLOAD_FAILED, ExitCode.INFRASTRUCTURE)
    assert "there is no such bucket" in outcome.report.message


def test_an_assignment_that_cannot_be_read_ends_in_a_report(lab):
    outcome = lab.finish(lab.start(lab.assignment(), {Env.ASSIGNMENT: '{"uid": "u", "attempt": 2}'}))
    assert_ended(outcome, Reason.INVALID_SPEC, ExitCode.PERMANENT_FAILURE)
    assert (outcome.report.uid, outcome.report.attempt) == ("u", 2)


def test_a_report_that_cannot_be_written_goes_to_stderr(lab):
    environment = {Env.TERMINATION_LOG: "/no/such/folder/log"}
    outcome = lab.finish(lab.start(lab.assignment(**lab.seal(lambda: 1)), environment))
    assert '"reason":"Completed"' in outcome.errors


# Claims


def test_an_attempt_that_another_pod_has_claimed_is_not_executed(lab):
    marker = lab.folder / "executed"
    assignment = lab.assignment(**lab.seal(lambda path: open(path, "w").close(), str(marker)))
    body = json.dumps({"job_uid": JOB_UID, "pod_uid": "pod-uid-2", "pod_name": "pod-2", "token": "theirs"})
    lab.store.put(keys.claim(NAMESPACE, assignment.uid, 1), body.encode())
    outcome = lab.run_assignment(assignment)
    assert_ended(outcome, Reason.CLAIM_LOST, ExitCode.INFRASTRUCTURE)
    assert "pod-2" in outcome.report.message
    assert not marker.exists()


def test_of_two_runners_of_one_attempt_one_executes_it(lab):
    counter = lab.folder / "counter"
    assignment = lab.assignment(**lab.seal(lambda path: open(path, "a").write("x"), str(counter)))
    first, first_log = lab.start(assignment), lab.log
    second = lab.start(assignment)
    outcomes = [lab.finish(second)]
    lab.log = first_log
    outcomes.append(lab.finish(first))
    assert sorted(o.report.reason for o in outcomes) == [Reason.CLAIM_LOST, Reason.COMPLETED]
    assert counter.read_text() == "x"


def test_a_later_attempt_takes_what_earlier_ones_left_unclaimed(lab):
    blobs = lab.seal(lambda: 1)
    earlier = (EarlierAttempt(1, "job-uid-0"),)
    second = lab.assignment(**blobs, attempt=2, earlier=earlier)
    assert_ended(lab.run_assignment(second), Reason.COMPLETED, ExitCode.SUCCEEDED)
    first = dataclasses.replace(second, attempt=1, earlier=())
    assert_ended(lab.run_assignment(first), Reason.CLAIM_LOST, ExitCode.INFRASTRUCTURE)


def test_a_claim_by_a_job_that_the_ledger_does_not_name_stops_the_run(lab):
    assignment = lab.assignment(**lab.seal(lambda: 1), attempt=2, earlier=(EarlierAttempt(1, "job-uid-0"),))
    body = json.dumps({"job_uid": "job-uid-9", "token": "theirs"}).encode()
    lab.store.put(keys.claim(NAMESPACE, assignment.uid, 1), body)
    outcome = lab.run_assignment(assignment)
    assert_ended(outcome, Reason.LEDGER_INCONSISTENT, ExitCode.PERMANENT_FAILURE)


# Upstreams


def test_the_result_of_an_upstream_is_an_argument_at_any_depth(lab):
    upstream = lab.run(lambda: {"a": 1})
    future = object()
    outcome = lab.run(
        lambda deep: [deep["x"][0]["a"], deep["x"][0] is deep["y"]],
        {"x": [future], "y": future},
        upstreams=[upstream_of(upstream, completed=True)],
        reference=lambda value: UpstreamValue(0) if value is future else None,
    )
    assert lab.value(outcome) == [1, True]


def test_an_upstream_without_a_result_fails_the_run(lab):
    missing = Upstream("up", "uid-up", 1, "", 0, completed=False, reason="Unschedulable")
    future = object()
    outcome = lab.run(
        lambda value: value,
        future,
        upstreams=[missing],
        reference=lambda value: UpstreamValue(0) if value is future else None,
    )
    assert_ended(outcome, Reason.DEPENDENCY_FAILED, ExitCode.PERMANENT_FAILURE)


def test_allow_failure_passes_the_exception(lab):
    upstream = lab.run(lambda: 1 / 0)
    future = object()
    outcome = lab.run(
        lambda value: type(value).__name__,
        future,
        upstreams=[upstream_of(upstream, completed=False)],
        reference=lambda value: UpstreamValue(0, allow_failure=True) if value is future else None,
    )
    assert lab.value(outcome) == "ZeroDivisionError"


def test_allow_failure_of_an_upstream_that_left_nothing_passes_an_upstream_task_error(lab):
    missing = Upstream("up", "uid-up", 1, "", 0, completed=False, reason="Unschedulable")
    future = object()
    outcome = lab.run(
        lambda value: value,
        future,
        upstreams=[missing],
        reference=lambda value: UpstreamValue(0, allow_failure=True) if value is future else None,
    )
    value = lab.value(outcome)
    assert isinstance(value, UpstreamTaskError)
    assert value.run == "up"


def a_uid(*, sampled):
    """A UID whose first attempt proves the store, or does not."""
    return next(u for u in map(str, itertools.count()) if conditional.is_sampled(u, 1) is sampled)


class _Canary:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __call__(self):
        return None

    def __reduce__(self):
        return open, (self.path, "w")


class _Leaves:
    """Exits when it is unpickled."""

    def __call__(self):
        return None

    def __reduce__(self):
        import sys

        return sys.exit, (3,)


def upstream_of(outcome, *, completed):
    report = outcome.report
    return Upstream(
        "up", report.uid, report.attempt, report.result.sha256, report.result.size, completed=completed
    )


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
