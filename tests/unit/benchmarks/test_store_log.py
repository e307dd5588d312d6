"""Reading the access log of the cluster's store."""

from __future__ import annotations

from benchmarks import cold_start


def line(operation: str, key: str) -> str:
    return f"ferryman-test ferryman [22/November/2026:11:20:31 +0000] 10.88.0.1 who ID s3_{operation} {key} /path 200 -\n"


def test_requests_are_known_by_their_operation():
    lines = [line("GetObject", "bench-1/a/code/x"), line("PutObject", "bench-1/a/runs/y")]
    assert list(cold_start.operations(lines, "bench-1")) == ["GetObject", "PutObject"]


def test_requests_of_others_are_left_out():
    assert list(cold_start.operations([line("GetObject", "bench-12/a/code/x")], "bench-1")) == []


def test_a_listing_has_no_key_and_counts():
    assert list(cold_start.operations([line("ListObjectsV2", "-")], "bench-1")) == ["ListObjectsV2"]
