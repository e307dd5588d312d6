"""Exceptions as data, whatever their own methods do."""

import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.exceptions import InvalidBlob, TaskFailed
from ferryman.wire import envelope, failures
from ferryman.wire.envelope import Kind


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no")


class Demanding(Exception):
    """Pickles well and cannot be unpickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class Repeating(Exception):
    """Unpickles to an exception of another message."""

    def __init__(self, code):
        super().__init__(f"code {code}")


class Demanded(Exception):
    def __init__(self, *, code):
        super().__init__(f"code {code}")
        self.code = code


def raised(exc):
    try:
        raise exc
    except BaseException as caught:
        return caught


def trip(exc, *, trust_pickle=True):
    blob = failures.seal_failure(failures.capture(exc)).body
    return failures.rebuild(failures.open_failure(blob), trust_pickle=trust_pickle)


@given(text=st.text(st.characters(), max_size=200))
def test_any_message_comes_back(text):
    assert trip(ValueError(text)).args == (text,)


def test_the_remote_traceback_is_shown_as_the_cause():
    back = trip(raised(ValueError("x")))
    assert "in raised" in str(back.__cause__)


def test_source_lines_that_the_pod_did_not_have_are_filled_in(tmp_path):
    source = tmp_path / "mine.py"
    captured = failures.capture(raised_in(source, "1 / 0"))
    assert "1 / 0" not in captured.traceback
    source.write_text("1 / 0\n")
    rebuilt = failures.rebuild(captured, trust_pickle=True)
    assert f'File "{source}", line 1, in <module>\n    1 / 0\n' in str(rebuilt.__cause__)


def test_no_file_is_read_for_an_untrusted_traceback(tmp_path):
    source = tmp_path / "secret.py"
    captured = failures.capture(raised_in(source, "1 / 0"))
    source.write_text("1 / 0\n")
    assert "1 / 0" not in str(failures.rebuild(captured, trust_pickle=False))


def raised_in(path, code):
    """What `code`, compiled as the contents of a file that is not there, raises."""
    try:
        exec(compile(code, str(path), "exec"))
    except Exception as error:
        return error


def test_notes_come_along():
    error = ValueError("x")
    error.add_note("look here")
    assert trip(error).__notes__ == ["look here"]


def test_the_cause_is_in_the_traceback():
    error = ValueError("x")
    error.__cause__ = KeyError("the cause")
    assert "the cause" in failures.capture(error).traceback


def test_without_trust_nothing_is_unpickled():
    back = trip(raised(ValueError("x")), trust_pickle=False)
    assert isinstance(back, TaskFailed)
    assert "ValueError: x" in str(back)
    assert "in raised" in str(back)


@pytest.mark.parametrize(
    "error", [Demanding(1, 2), Repeating(1), Demanded(code=3)], ids=["demanding", "repeating", "keyword"]
)
def test_an_exception_whose_init_does_not_take_its_args_comes_back_as_it_was(error):
    back = trip(error)
    assert (type(back), str(back), back.args) == (type(error), str(error), error.args)
    assert {**vars(back), "__notes__": None} == {**vars(error), "__notes__": None}


def test_an_exception_comes_back_without_those_attributes_that_cannot_be_pickled():
    error = Demanding(1, 2)
    error.code, error.lock = 42, threading.Lock()
    back = trip(error)
    assert (type(back), back.code, hasattr(back, "lock")) == (Demanding, 42, False)
    assert back.__notes__ == ["It came without its lock, which cannot be pickled."]


def test_what_cannot_be_rebuilt_becomes_task_failed():
    assert isinstance(trip(ValueError(threading.Lock())), TaskFailed)


def test_an_exception_whose_str_raises_is_captured():
    assert "unprintable Unprintable" in failures.capture(raised(Unprintable())).message


def test_an_exception_whose_cause_cannot_be_printed_is_captured():
    error = ValueError("x")
    error.__cause__ = Unprintable()
    assert "ValueError: x" in failures.capture(error).traceback


def test_a_long_message_keeps_both_ends():
    message = failures.capture(ValueError("a" * 100_000 + "z")).message
    assert (message[0], message[-1]) == ("a", "z")
    assert len(message) < failures.MAX_TEXT + 100


def test_a_huge_exception_is_told_as_text():
    assert failures.capture(ValueError(b"x" * (failures.MAX_PICKLED + 1))).pickled is None


def test_builtin_types_go_by_their_name_and_others_by_their_module():
    assert (failures.type_name(ValueError()), failures.type_name(InvalidBlob())) == (
        "ValueError",
        "ferryman.exceptions.InvalidBlob",
    )


def test_what_unpickles_to_no_exception_becomes_task_failed():
    failure = failures.Failure("ValueError", "x", "", pickle.dumps(3))
    assert isinstance(failures.rebuild(failure, trust_pickle=True), TaskFailed)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"type":1,"message":"","traceback":""}', b"\xff"], ids=repr
)
def test_a_failure_that_cannot_be_read_is_an_invalid_blob(text):
    with pytest.raises(InvalidBlob):
        failures.open_failure(envelope.seal(Kind.FAILURE, "failure", [text]))


def test_a_result_is_no_failure():
    with pytest.raises(InvalidBlob, match="kind failure was expected"):
        failures.open_failure(envelope.seal(Kind.RESULT, "json", [b"1"]))
