"""Functions, arguments and results survive the trip; errors name what does not."""

import math
import pickle
import sys
import threading
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman import Task
from ferryman.exceptions import InvalidBlob, SerializationError, UntrustedResult, VersionMismatch
from ferryman.portable import Portable
from ferryman.wire import codecs, envelope
from ferryman.wire.codecs import Code, UpstreamValue
from ferryman.wire.envelope import Kind

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=15,
)


class Future:
    """Stands for a future in arguments."""

    def __init__(self, index, *, allow_failure=False):
        self.upstream = UpstreamValue(index, allow_failure)

    def __reduce__(self):
        raise TypeError("futures cannot be pickled")


def reference(value):
    return value.upstream if isinstance(value, Future) else None


# Results


@given(value=plain)
def test_a_result_comes_back_equal_and_of_the_same_types(value):
    back = codecs.open_result(codecs.seal_result(value).body, trust_pickle=True)
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: "a"},
        b"x",
        math.nan,
        math.inf,
        {1, 2},
        "\ud800",
        10**5000,
        type("D", (dict,), {})(),
        [(1,)],
    ],
    ids=lambda value: repr(value)[:12] if not isinstance(value, int) else "a huge integer",
)
def test_what_json_would_change_is_pickled(value):
    assert codecs.seal_result(value).codec == "pickle"


@pytest.mark.parametrize("value", [None, True, 1, -0.0, "é", [1, [2.5]], {"a": {"b": None}}], ids=repr)
def test_what_json_keeps_is_json(value):
    assert codecs.seal_result(value).codec == "json"


def test_a_deep_result_is_pickled():
    value = []
    for _ in range(200):
        value = [value]
    assert codecs.seal_result(value).codec == "pickle"


def test_a_result_that_contains_itself_comes_back():
    value = []
    value.append(value)
    back = codecs.open_result(codecs.seal_result(value).body, trust_pickle=True)
    assert back[0] is back


def test_a_pickled_result_is_not_loaded_without_trust():
    with pytest.raises(UntrustedResult):
        codecs.open_result(codecs.seal_result((1,)).body, trust_pickle=False)


def test_a_json_result_needs_no_trust():
    assert codecs.open_result(codecs.seal_result([1]).body, trust_pickle=False) == [1]


def test_the_json_serializer_takes_tuples_as_lists():
    assert codecs.open_result(codecs.seal_result((1, 2), "json").body, trust_pickle=False) == [1, 2]


@pytest.mark.parametrize("value", [{1, 2}, math.nan, object()], ids=["set", "nan", "object"])
def test_the_json_serializer_refuses_what_is_not_json(value):
    with pytest.raises(SerializationError, match="is not JSON"):
        codecs.seal_result(value, "json")


def test_the_pickle_serializer_pickles_always():
    assert codecs.seal_result(1, "pickle").codec == "pickle"


def test_an_unknown_serializer_is_refused():
    with pytest.raises(SerializationError, match="no serializer 'yaml'"):
        codecs.seal_result(1, "yaml")


def test_a_sealed_blob_knows_its_digest_and_size():
    sealed = codecs.seal_result(1)
    envelope.verify(sealed.body, sealed.sha256, sealed.size)


def test_large_buffers_lie_outside_of_the_pickle():
    sealed = codecs.seal_result(OutOfBand(b"x" * 1000), "pickle")
    assert [size for size in envelope.peek(sealed.body).sizes if size >= 1000] == [1000]


def test_what_was_a_buffer_can_be_written_to():
    back = codecs.open_result(codecs.seal_result(OutOfBand(b"x" * 8), "pickle").body, trust_pickle=True)
    back.data[0] = 0
    assert bytes(back.data) == b"\0xxxxxxx"


def test_a_truncated_pickle_is_an_invalid_blob():
    stream = pickle.dumps({"a": list(range(100))})
    blob = envelope.seal(Kind.RESULT, "pickle", [stream[: len(stream) // 2]])
    with pytest.raises(InvalidBlob):
        codecs.open_result(blob, trust_pickle=True)


def test_broken_json_is_an_invalid_blob():
    with pytest.raises(InvalidBlob, match="not JSON"):
        codecs.open_result(envelope.seal(Kind.RESULT, "json", [b"{"]), trust_pickle=False)


@pytest.mark.parametrize(
    "blob",
    [
        envelope.seal(Kind.RESULT, "marshal", [b"x"]),
        envelope.seal(Kind.RESULT, "pickle", []),
        envelope.seal(Kind.ARGUMENTS, "pickle", [pickle.dumps(1)]),
    ],
    ids=["unknown codec", "no parts", "another kind"],
)
def test_a_blob_that_is_no_result_is_invalid(blob):
    with pytest.raises(InvalidBlob):
        codecs.open_result(blob, trust_pickle=True)


# Arguments


@given(args=st.lists(plain, max_size=3), kwargs=st.dictionaries(st.text(max_size=5), plain, max_size=3))
def test_a_call_comes_back(args, kwargs):
    sealed = codecs.seal_arguments(args, kwargs, reference=reference)
    assert repr(codecs.open_arguments(sealed.body, resolve=str)) == repr((tuple(args), kwargs))


def test_references_are_resolved_at_any_depth():
    future = Future(1, allow_failure=True)
    sealed = codecs.seal_arguments([{"a": [Future(0), (future,)]}], {"k": {future}}, reference=reference)
    found = codecs.open_arguments(sealed.body, resolve=lambda value: value)
    failing = UpstreamValue(1, allow_failure=True)
    assert found == (({"a": [UpstreamValue(0), (failing,)]},), {"k": {failing}})


def test_references_in_attributes_are_resolved():
    holder = types.SimpleNamespace(value=Future(3))
    sealed = codecs.seal_arguments([holder], {}, reference=reference)
    (back,), _ = codecs.open_arguments(sealed.body, resolve=lambda value: value.index)
    assert back.value == 3


def test_what_resolving_raises_passes_through():
    def resolve(_):
        raise LookupError("gone")

    sealed = codecs.seal_arguments([Future(0)], {}, reference=reference)
    with pytest.raises(LookupError, match="gone"):
        codecs.open_arguments(sealed.body, resolve=resolve)


def test_a_blob_that_holds_no_call_is_invalid():
    with pytest.raises(InvalidBlob, match="no call"):
        codecs.open_arguments(envelope.seal(Kind.ARGUMENTS, "pickle", [pickle.dumps([1])]), resolve=str)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ([1, threading.Lock()], {}, r"^argument 2 \(lock\) cannot be pickled"),
        ([], {"conn": threading.Lock()}, r"^argument 'conn' \(lock\) cannot"),
        ([], {"c": {"db": [1, threading.Lock()]}}, r"^argument 'c', at \['db'\]\[1\] \(lock\) cannot"),
        (
            [types.SimpleNamespace(a=types.SimpleNamespace(b=threading.Lock()))],
            {},
            r"^argument 1, at a.b \(lock\)",
        ),
        ([(n for n in ())], {}, r"^argument 1 \(generator\)"),
    ],
    ids=["positional", "by name", "nested", "attributes", "generator"],
)
def test_the_error_names_the_path_to_what_cannot_be_pickled(args, kwargs, message):
    with pytest.raises(SerializationError, match=message):
        codecs.seal_arguments(args, kwargs)


def test_a_structure_too_deep_to_pickle_is_a_serialization_error():
    value = []
    for _ in range(200_000):
        value = [value]
    try:
        with pytest.raises(SerializationError, match="(?i)recursion"):
            codecs.seal_arguments([value], {})
    finally:
        while value:  # Freed piece by piece: its destructor would recurse, too.
            value = value.pop()


# Code


def test_a_closure_travels_by_value():
    factor = 3
    back = codecs.open_code(codecs.seal_code(Code(lambda n: n * factor)).body)
    assert back.task(2) == 6


def test_a_task_travels_with_its_options():
    sealed = codecs.seal_code(Code(Task(len, tags=["a"], retry_condition_fn=lambda *_: True)))
    back = codecs.open_code(sealed.body).task
    assert (back.fn, back.tags, back.options.retry_condition_fn()) == (len, {"a"}, True)


def test_a_task_with_local_modules_still_knows_its_parameters():
    def build(day, width=3): ...

    made = Task(build).carrying(Portable(build, {}))
    back = codecs.open_code(codecs.seal_code(Code(made)).body).task
    assert back.bind(("monday",), {}).parameters == {"day": "monday", "width": 3}
    assert (back.task_key, back.name) == (Task(build).task_key, "build")


def test_modules_by_value_need_not_exist_where_the_code_is_opened():
    module = types.ModuleType("travelling_module")
    exec("def double(n):\n    return 2 * n", module.__dict__)
    module.double.__module__ = module.__name__
    sys.modules[module.__name__] = module
    try:
        sealed = codecs.seal_code(Code(module.double), by_value=[module])
    finally:
        del sys.modules[module.__name__]
    assert codecs.open_code(sealed.body).task(4) == 8


def test_sealing_by_value_leaves_no_trace_in_the_registry():
    import cloudpickle

    codecs.seal_code(Code(len), by_value=[types])
    assert cloudpickle.list_registry_pickle_by_value() == set()


def test_the_error_names_the_variable_of_a_closure_that_cannot_be_pickled():
    lock = threading.Lock()
    with pytest.raises(
        SerializationError, match=r"the function, at the variable 'lock' \(lock\) cannot be pickled"
    ):
        codecs.seal_code(Code(lambda: lock))


def test_the_error_names_the_variable_of_a_tasks_function_that_cannot_be_pickled():
    lock = threading.Lock()
    with pytest.raises(SerializationError, match=r"^the function, at the variable 'lock' \(lock\)"):
        codecs.seal_code(Code(Task(lambda: lock)))


@pytest.mark.parametrize("option", ["retry_condition_fn", "task_run_name"])
def test_the_error_names_the_option_of_a_task(option):
    lock = threading.Lock()
    with pytest.raises(
        SerializationError, match=f"^the option '{option}' of the task, at the variable 'lock'"
    ):
        codecs.seal_code(Code(Task(len, **{option: lambda *_: lock})))


def test_code_of_another_python_is_refused():
    here = "{}.{}.{}".format(*sys.version_info)
    body = codecs.seal_code(Code(len)).body.replace(b'"%s"' % here.encode(), b'"3.8.1"'.ljust(len(here) + 2))
    with pytest.raises(VersionMismatch, match=r"pickled by Python 3\.8\.1, the image has Python 3\.\d+$"):
        codecs.open_code(body)


def test_a_code_blob_without_a_function_is_invalid():
    with pytest.raises(InvalidBlob, match="holds no task"):
        codecs.open_code(envelope.seal(Kind.CODE, "pickle", [pickle.dumps({"task": 3})]))


def test_a_module_that_is_missing_where_the_code_is_opened_is_named():
    blob = envelope.seal(Kind.CODE, "pickle", [b"cno_such_module\nfunction\n."])
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        codecs.open_code(blob)


class OutOfBand:
    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return OutOfBand, (pickle.PickleBuffer(bytearray(self.data)),)
