"""The small parts of the runner: channel, exit codes, output, execution, context, endpoints."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman import Task, task
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import ExitCode, ResultRef
from ferryman.exceptions import ConfigurationError, InvalidBlob
from ferryman.runner import execution
from ferryman.runner.channel import Entered, Receiver, Sender
from ferryman.runner.ending import Ending, exit_code
from ferryman.runner.output import PrefixedStream
from ferryman.runner.phases import Step
from ferryman.wire import endpoint


@pytest.fixture
def channel():
    readable, writable = os.pipe()
    yield Receiver(readable), Sender(writable), writable
    for descriptor in (readable, writable):
        try:
            os.close(descriptor)
        except OSError:
            continue


# Channel


def test_a_step_arrives(channel):
    receiver, sender, _ = channel
    sender.enter(Step.EXECUTE)
    (message,) = receiver.receive()
    assert isinstance(message, Entered)
    assert message.step is Step.EXECUTE


@pytest.mark.parametrize("result", [None, ResultRef("0" * 64, 3, "json")])
def test_an_ending_arrives_as_it_was_sent(channel, result):
    receiver, sender, _ = channel
    ending = Ending(Reason.USER_EXCEPTION, "é\nline", "ValueError", result)
    sender.end(ending)
    assert receiver.receive() == [ending]


def test_a_message_too_long_for_the_pipe_is_cut(channel):
    receiver, sender, _ = channel
    sender.end(Ending(Reason.USER_EXCEPTION, "x" * 10_000_000))
    assert len(receiver.receive()[0].message) == 2048


@pytest.mark.parametrize(
    "junk", [b"\n", b"null\n", b"{}\n", b"\xff\xfe\n", b'{"step":"dance","at":1}\n', b"[1]\n"]
)
def test_a_line_that_is_not_ours_is_dropped(channel, junk):
    receiver, sender, writable = channel
    os.write(writable, junk)
    sender.enter(Step.CLAIM)
    assert [message.step for message in receiver.receive()] == [Step.CLAIM]


def test_a_line_in_two_pieces_is_one_message(channel):
    receiver, _, writable = channel
    os.write(writable, b'{"step":"claim",')
    assert receiver.receive() == []
    os.write(writable, b'"at":1.0}\n')
    assert receiver.receive() == [Entered(Step.CLAIM, 1.0)]


def test_the_receiver_notices_the_end(channel):
    receiver, _, writable = channel
    os.close(writable)
    receiver.receive()
    assert receiver.is_open is False


def test_a_sender_whose_descriptor_was_closed_is_silent(channel):
    _, sender, writable = channel
    os.close(writable)
    sender.enter(Step.CLAIM)


# Exit codes


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_an_exit_code_and_only_success_is_zero(reason):
    assert (exit_code(reason) == 0) is (reason in (Reason.COMPLETED, Reason.CACHED))


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.USER_EXCEPTION, ExitCode.USER_FAILURE),
        (Reason.INVALID_PAYLOAD, ExitCode.PERMANENT_FAILURE),
        (Reason.CLAIM_LOST, ExitCode.INFRASTRUCTURE),
        (Reason.RUNNER_KILLED, ExitCode.TERMINATED),
        (Reason.TIMEOUT, ExitCode.TIMED_OUT),
        (Reason.PROCESS_EXITED, ExitCode.CRASHED),
    ],
)
def test_exit_codes_tell_what_may_be_tried_again(reason, code):
    assert exit_code(reason) is code


# Output


@given(pieces=st.lists(st.text(alphabet="ab\n", max_size=5), max_size=6))
def test_every_line_is_prefixed_once_however_it_is_written(pieces):
    target = io.StringIO()
    stream = PrefixedStream(target, "> ")
    for piece in pieces:
        stream.write(piece)
    lines = "".join(pieces).splitlines(keepends=True)
    assert target.getvalue() == "".join("> " + line for line in lines)


# Execution


@task(retries=3)
def called():
    return "called"


class Callable:
    def __call__(self):
        return "called"


def test_an_entrypoint_may_be_an_attribute_of_an_attribute():
    assert execution.load_entrypoint("os:path.join") is os.path.join


def test_a_task_is_used_with_its_options():
    assert execution.as_task(called) is called


@pytest.mark.parametrize("function", [lambda: "called", Callable()])
def test_what_is_no_task_becomes_one(function):
    assert execution.as_task(function).fn() == "called"


@pytest.mark.parametrize("path", ["os", "os:", ":join", "", "os:nothing", "os:environ", "os:path"])
def test_an_entrypoint_that_names_no_function_is_invalid(path):
    with pytest.raises(InvalidBlob):
        execution.as_task(execution.load_entrypoint(path))


def test_builtins_without_a_signature_are_called_unchecked():
    assert execution.bound(Task(dict), (), {"a": 1}).kwargs == {"a": 1}


def test_a_missing_argument_is_found_before_the_call():
    with pytest.raises(InvalidBlob, match="missing a required argument: 'b'"):
        execution.bound(Task(lambda a, b: None), (1,), {})


# Endpoints


@pytest.mark.parametrize(
    "url",
    [
        None,
        "https://s3.example.com",
        "http://127.0.0.1:9000",
        "http://localhost:9000/",
        "http://[::1]:9",
        "http://127.9.9.9",
    ],
)
def test_encrypted_and_loopback_endpoints_are_safe(url):
    endpoint.require_safe(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://127.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1:x@example.com",
        "http://example.com/127.0.0.1",
        "HTTP://example.com",
        "http://127.0.0.1\n.example.com",
        "http://localhost#@example.com",
        "http://[::2]",
        "",
    ],
)
def test_everything_else_is_refused(url):
    with pytest.raises(ConfigurationError):
        endpoint.require_safe(url)
