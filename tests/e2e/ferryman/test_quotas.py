"""A ResourceQuota holds a run back without spending an attempt."""

from __future__ import annotations

import json

from builders.places import why


def change(place, hard) -> None:
    patch = json.dumps({"spec": {"hard": hard}})
    place.kubectl("patch", "resourcequota", "few", "--type=merge", "-p", patch)


def is_in_force(place) -> bool:
    return "hard" in (place.get("resourcequota", "few") or {}).get("status", {})


def test_a_run_waits_for_a_quota_of_jobs_and_then_starts(place):
    place.kubectl("create", "quota", "few", "--hard=count/jobs.batch=0")
    place.until("a quota that is in force", lambda: is_in_force(place))
    name = place.run("patient")
    waiting = place.reached(name, "Waiting", "QuotaExceeded")
    assert "exceeded quota: few" in why(waiting)[1]
    change(place, {"count/jobs.batch": "9"})
    status = place.ended(name)
    assert (status["phase"], len(status["attempts"])) == ("Completed", 1)


def test_a_run_waits_for_a_quota_of_pods_and_then_starts(place):
    place.kubectl("create", "quota", "few", "--hard=pods=0")
    place.until("a quota that is in force", lambda: is_in_force(place))
    name = place.run("patient")
    place.reached(name, "Pending", "PodPending")
    change(place, {"pods": "9"})
    status = place.ended(name)
    assert (status["phase"], len(status["attempts"])) == ("Completed", 1)
