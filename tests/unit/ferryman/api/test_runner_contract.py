from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.api import checked
from ferryman.api import runner_contract as contract
from ferryman.api.hooks import HooksReport
from ferryman.api.reasons import Reason

OTHER = "5f0c1a2e-0000-4000-8000-000000000002"

digests = st.text("0123456789abcdef", min_size=64, max_size=64)
words = st.text(st.characters(exclude_categories=("C",)), max_size=40)
names = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=40)
printable = st.text("aZ9 .-_äß✓\n\t", max_size=40)
sizes = st.integers(min_value=0, max_value=2**42)
moments = st.floats(min_value=0, max_value=checked.MAX_MOMENT)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
blobs = st.builds(contract.BlobRef, digests, sizes, sizes, digests | st.just(""))
assignments = st.builds(
    contract.Assignment,
    namespace=names,
    run=names,
    uid=names,
    attempt=st.integers(1, 201),
    job=names,
    task=names,
    code=st.none() | blobs,
    arguments=st.none() | blobs,
    values=st.none() | st.dictionaries(words, json_values, max_size=3),
    timeout=st.none() | moments,
    not_after=st.none() | moments,
    retries_left=st.booleans(),
    earlier=st.lists(st.builds(contract.EarlierAttempt, st.integers(1, 201), words), max_size=3).map(tuple),
    cache_key=st.none() | names,
    cache_scope=words,
    cache_expiration=st.none() | moments,
    refresh_cache=st.booleans(),
    hooks=st.lists(st.sampled_from(["Completion", "Failure"]), max_size=2).map(tuple),
    infrastructure_retries_left=st.booleans(),
    mode=st.sampled_from(contract.Mode),
    ending=st.none()
    | st.builds(
        contract.RunEnding,
        st.sampled_from(Reason),
        words,
        st.none() | st.builds(contract.ResultRef, digests, sizes, words, words, st.integers(0, 201)),
    ),
)
upstreams = st.builds(
    contract.Upstream, words, words, st.integers(1, 201), digests | st.just(""), sizes, st.booleans(), words
)
codecs = st.sampled_from(["json", "pickle"])
results = st.builds(contract.ResultRef, digests, sizes, codecs)
cached_results = st.builds(
    contract.ResultRef, digests, sizes, codecs, st.uuids().map(str), st.integers(1, 201)
)
reports = st.builds(
    contract.Report,
    uid=names,
    attempt=st.integers(1, 201),
    reason=st.sampled_from(Reason),
    message=printable,
    exception=printable,
    result=st.none() | st.one_of(results, cached_results),
    started=st.none() | moments,
    finished=st.none() | moments,
    timings=st.dictionaries(printable, moments, max_size=4),
    peak_memory=st.none() | sizes,
    hooks=st.none() | st.builds(HooksReport, st.booleans(), printable),
)


@given(assignments)
def test_an_assignment_survives_the_environment(assignment):
    assert contract.decode_assignment(contract.encode_assignment(assignment)) == assignment


def test_an_older_runner_meets_no_field_that_the_run_does_not_use():
    least = contract.Assignment("ns", "run", "uid", 1, "job", "task")
    assert set(json.loads(contract.encode_assignment(least))) == {
        "namespace", "run", "uid", "attempt", "job", "task",
    }  # fmt: skip


def test_values_that_are_no_json_are_refused():
    given_nan = contract.Assignment("ns", "run", "uid", 1, "job", "task", values={"x": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        contract.encode_assignment(given_nan)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"code": 3}', '{"earlier": [1]}', '{"earlier": 1}']
)
def test_what_is_no_assignment_is_a_value_error(text):
    with pytest.raises(ValueError):
        contract.decode_assignment(text)


@given(st.lists(upstreams, max_size=5).map(tuple))
def test_upstreams_survive_the_environment(given_upstreams):
    assert contract.decode_upstreams(contract.encode_upstreams(given_upstreams)) == given_upstreams


def test_a_thousand_upstreams_fit_variables_that_linux_allows():
    many = tuple(
        contract.Upstream(f"run-{i:0>240}", "u" * 36, 1, "a" * 64, 10**12, True) for i in range(1000)
    )
    variables = contract.encode_upstreams(many)
    assert max(map(len, variables.values())) < 128 * 1024
    assert contract.decode_upstreams(variables) == many


@pytest.mark.parametrize("text", ["{", "3", "[3]", '["abc"]', "[[1, 2]]"])
def test_what_are_no_upstreams_is_a_value_error(text):
    with pytest.raises(ValueError):
        contract.decode_upstreams({f"{contract.Env.UPSTREAMS}_0": text})


@given(words, words, st.none() | words)
def test_a_store_survives_the_environment(bucket, prefix, endpoint):
    location = contract.StoreLocation(bucket, prefix, endpoint)
    assert contract.decode_store(contract.encode_store(location)) == location


@given(reports)
def test_a_report_survives_the_termination_message(report):
    assert contract.decode_report(contract.encode_report(report).decode()) == report


@given(st.text(), st.text())
def test_a_report_fits_the_termination_message_whatever_the_exception_says(message, exception):
    report = contract.Report("uid", 1, Reason.USER_EXCEPTION, message * 400, exception * 400)
    written = contract.encode_report(report)
    assert len(written) <= contract.MAX_REPORT_BYTES
    assert contract.decode_report(written.decode()).reason is Reason.USER_EXCEPTION


def a_report(**changed) -> str:
    return json.dumps({"version": 1, "uid": "u", "attempt": 1, "reason": "Completed", **changed})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "not json",
        "[" * 100_000,
        '{"a":' * 100_000,
        "{}",
        "9" * 5000,
        a_report(version=2),
        a_report(uid=7),
        a_report(attempt="1"),
        a_report(attempt=True),
        a_report(reason="Fine"),
        a_report(reason={}),
        a_report(reason=[]),
        a_report(message=3),
        a_report(timings=[]),
        a_report(timings={"boot": "soon"}),
        a_report(timings={"boot": 10**400}),
        a_report(started=float("nan")),
        a_report(started=-1),
        a_report(finished=1e300),
        a_report(peak_memory="much"),
        a_report(result=[]),
        a_report(result={"sha256": "ab", "size": 1, "serializer": "json"}),
        a_report(result={"sha256": "a" * 64, "size": -1, "serializer": "json"}),
        a_report(result={"sha256": "a" * 64, "size": 2**63, "serializer": "json"}),
        a_report(result={"sha256": "a" * 64, "size": 1, "serializer": "json", "uid": "../x", "attempt": 1}),
        a_report(result={"sha256": "a" * 64, "size": 1, "serializer": "json", "uid": OTHER, "attempt": 0}),
    ],
)
def test_what_is_no_report_is_an_invalid_report(text):
    with pytest.raises(contract.InvalidReport):
        contract.decode_report(text)


@given(st.text() | json_values.map(json.dumps) | st.dictionaries(words, json_values).map(json.dumps))
def test_decoding_a_report_never_fails_otherwise(text):
    with contextlib.suppress(contract.InvalidReport):
        contract.decode_report(text)


@given(
    st.fixed_dictionaries(
        {"version": st.just(1), "uid": st.just("u"), "attempt": st.just(1), "reason": st.just("Completed")},
        optional=dict.fromkeys(
            ("message", "result", "started", "finished", "timings", "peak_memory"), json_values
        ),
    )
)
def test_a_report_with_one_bad_fact_is_refused_or_sound(fields):
    try:
        report = contract.decode_report(json.dumps(fields))
    except contract.InvalidReport:
        return
    assert len(report.message) <= contract.MAX_MESSAGE_CHARACTERS


def test_what_a_report_says_is_cleaned_of_control_characters():
    report = contract.decode_report(a_report(message="\x1b[31mred\x00 \ud800"))
    assert (
        report.message
        == "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"
    )
