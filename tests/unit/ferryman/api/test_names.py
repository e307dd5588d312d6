from __future__ import annotations

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from ferryman.api import names

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?")

uids = st.uuids().map(str)
attempts = st.integers(min_value=1, max_value=201)


@given(st.text(max_size=300), uids, attempts)
def test_a_job_name_is_a_dns_label_whatever_the_run_is_called(run, uid, attempt):
    name = names.job_name(run, uid, attempt)
    assert DNS_LABEL.fullmatch(name)
    assert len(name) <= 63


@given(st.text(max_size=300), uids, attempts)
def test_a_job_name_is_the_same_every_time(run, uid, attempt):
    assert names.job_name(run, uid, attempt) == names.job_name(run, uid, attempt)


@given(st.text(max_size=300), uids, attempts, attempts)
def test_attempts_of_one_run_have_distinct_job_names(run, uid, one, other):
    assert (names.job_name(run, uid, one) == names.job_name(run, uid, other)) == (one == other)


def test_runs_whose_names_are_equal_after_the_cut_have_distinct_job_names():
    long = "a" * 253
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    assert names.job_name(long, one, 1) != names.job_name(long, other, 1)


def test_a_job_name_starts_with_the_name_of_its_run():
    assert (
        names.job_name("daily-report", "0123abcd-0000-4000-8000-000000000000", 2) == "daily-report-0123abcd-2"
    )


@given(st.text(max_size=300))
def test_any_text_becomes_a_label_value(text):
    value = names.label_value(text)
    assert LABEL_VALUE.fullmatch(value)
    assert len(value) <= 63


@given(st.text(max_size=300), st.integers(min_value=3, max_value=63))
def test_any_text_becomes_a_dns_label_of_the_length_asked_for(text, limit):
    label = names.dns_label(text, limit=limit)
    assert DNS_LABEL.fullmatch(label)
    assert len(label) <= limit
