"""A pod that cannot start: the run says why while it waits, and ends with a reason instead of hanging."""

from __future__ import annotations

from builders.places import why

SOON = {"startTimeout": "10s", "retry": {"infrastructureRetries": 0}}


def test_an_image_that_does_not_exist(place):
    name = place.run("no-image", pod={"image": "ferryman.test/absent:1"}, **SOON)
    waiting = place.reached(name, "Pending", "PodPending")
    assert "ferryman.test/absent:1" in why(waiting)[1]
    status = place.ended(name)
    assert (status["phase"], why(status)[0]) == ("Crashed", "ImagePullFailed")
    assert "ferryman.test/absent:1" in why(status)[1]


def test_an_image_that_does_not_exist_spends_the_infrastructures_budget(place):
    retry = {"retries": 2, "infrastructureRetries": 1, "delays": ["100ms"]}
    name = place.run("no-image", pod={"image": "ferryman.test/absent:1"}, startTimeout="5s", retry=retry)
    status = place.ended(name)
    assert [row["reason"] for row in status["attempts"]] == ["ImagePullFailed"] * 2
    assert (status.get("retriesUsed", 0), status["infrastructureRetriesUsed"]) == (0, 1)


def test_a_pod_that_no_node_can_take(place):
    name = place.run("nowhere", pod={"nodeSelector": {"kind": "of-no-node"}}, **SOON)
    waiting = place.reached(name, "Pending", "PodPending")
    assert "Unschedulable" in why(waiting)[1]
    status = place.ended(name)
    assert (status["phase"], why(status)[0]) == ("Crashed", "Unschedulable")
    assert "nodes are available" in why(status)[1]


def test_a_service_account_that_does_not_exist(place):
    name = place.run("nobody", pod={"serviceAccountName": "absent"}, **SOON)
    waiting = place.reached(name, "Pending", "PodPending")
    (job,) = place.all("jobs")
    assert f"kubectl describe job {job['metadata']['name']}" in why(waiting)[1]
    assert 'serviceaccount "absent" not found' in place.kubectl("describe", "job", job["metadata"]["name"])
    status = place.ended(name)
    assert (status["phase"], why(status)[0]) == ("Crashed", "StartTimeout")


def test_a_service_account_that_comes_later(place):
    name = place.run("early", pod={"serviceAccountName": "late"})
    place.reached(name, "Pending", "PodPending")
    place.kubectl("create", "serviceaccount", "late")
    assert place.ended(name)["phase"] == "Completed"
