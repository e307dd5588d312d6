"""Reading the API server's audit log."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import audit
from benchmarks.audit import AuditLog


def line(
    name="a",
    verb="create",
    resource="jobs",
    subresource="",
    namespace="load",
    code=201,
    received="2026-11-22T11:00:00.000000Z",
    answered="2026-11-22T11:00:00.250000Z",
) -> str:
    about = {"resource": resource, "namespace": namespace, "name": name}
    if subresource:
        about["subresource"] = subresource
    event = {
        "verb": verb,
        "user": {"username": "somebody"},
        "objectRef": about,
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": received,
        "stageTimestamp": answered,
    }
    return json.dumps(event) + "\n"


def status(name: str, second: int, code: int = 200) -> str:
    moment = f"2026-11-22T11:00:{second:02}.000000Z"
    return line(name, "update", subresource="status", code=code, answered=moment)


def test_a_line_is_a_request_with_times_in_microseconds():
    (found,) = audit.parse([line(received="2026-11-22T11:00:00.000125Z")])
    assert round(found.answered - found.received, 6) == 0.249875


def test_a_subresource_is_a_part_of_the_resource():
    (found,) = audit.parse([line(subresource="status")])
    assert found.resource == "jobs/status"


def test_reads_are_no_writes():
    assert [one.is_write for one in audit.parse([line(verb="get"), line(verb="patch")])] == [False, True]


def test_a_request_about_no_object_is_left_out():
    event = {"verb": "get", "requestURI": "/readyz", "user": {}}
    assert list(audit.parse([json.dumps(event) + "\n"])) == []


def test_a_line_that_is_being_written_is_left_out():
    assert list(audit.parse([line()[:-20]])) == []


def test_an_object_ends_with_the_last_status_that_was_written_to_it():
    requests = list(audit.parse([status("a", 1), status("b", 2), status("a", 3)]))
    ended = audit.finished(requests, "jobs")
    assert ended["a"] - ended["b"] == 1


def test_a_status_that_was_refused_ends_nothing():
    requests = list(audit.parse([status("a", 1), status("a", 3, code=409)]))
    assert audit.finished(requests, "jobs") == audit.finished(requests[:1], "jobs")


def test_an_object_begins_when_its_creation_was_received():
    requests = list(audit.parse([line("a"), line("b", code=403)]))
    assert audit.created(requests, "jobs") == {"a": requests[0].received}


def test_only_what_came_after_the_mark_is_read(tmp_path: Path):
    file = tmp_path / "audit.log"
    file.write_text(line("before"))
    mark = AuditLog(file).mark()
    file.write_text(line("before") + line("after"))
    assert [one.name for one in AuditLog(file).since(mark)] == ["after"]


def test_a_mark_outlives_the_rotation_of_the_file(tmp_path: Path):
    file = tmp_path / "audit.log"
    file.write_text(line("before"))
    log = AuditLog(file)
    mark = log.mark()
    with file.open("a") as stream:
        stream.write(line("after"))
    file.rename(tmp_path / "audit-2026-11-22T11-00-00.000.log")
    file.write_text(line("anew"))
    assert [one.name for one in log.since(mark)] == ["after", "anew"]
