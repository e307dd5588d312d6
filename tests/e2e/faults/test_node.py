"""The node away for a while, and for good."""

from __future__ import annotations

import time

import pytest

import ferryman
from builders import operators
from builders.maps import square, values_of
from builders.outages import NODE, node_lost, stopped
from builders.places import why
from builders.releases import kubectl
from ferryman import Pod, task

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service=lost:NoExecute"
WAYS = {
    "its Node is deleted": (("delete", "node", NODE, "--wait=false"), ()),
    "it is tainted out of service": (
        ("taint", "node", NODE, OUT_OF_SERVICE),
        ("taint", "node", NODE, f"{OUT_OF_SERVICE}-"),
    ),
}
IMPATIENT = Pod(
    tolerations=[
        {
            "key": f"node.kubernetes.io/{key}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 2,
        }
        for key in ("unreachable", "not-ready")
    ]
)
"""Kubernetes' default is to tolerate a silent node for five minutes."""


@task(pod=IMPATIENT)
def second_time_lucky() -> int:
    """The first attempt would take ten minutes."""
    number = ferryman.current_run().attempt
    time.sleep(600 if number == 1 else 0)
    return number


def test_runs_go_on_and_end_while_the_kubelet_is_away(place):
    short, long = square.submit(2, 5.0), square.submit(3, 100.0)
    for future in (short, long):
        place.reached(future.name, "Running")
    with stopped("kubelet"):
        told = why(place.reached(long.name, "Running", "NodeUnreachable"))
        assert f"Node {NODE} does not answer" in told[1]
    assert values_of([short, long]) == [4, 9]
    assert [len(place.status(one.name)["attempts"]) for one in (short, long)] == [1, 1]


@pytest.mark.parametrize("way", WAYS)
def test_a_run_whose_node_is_lost_for_good_is_tried_again(place, tmp_path, way):
    give_up, take_back = WAYS[way]
    # The release's replicas are lost with the node; this one waits for their Lease.
    with operators.beside(place.installation, tmp_path):
        future = second_time_lucky.submit()
        place.reached(future.name, "Running")
        with node_lost():
            told = why(place.reached(future.name, "Running", "NodeUnreachable"))
            assert f"kubectl delete node {NODE}" in told[1]
            kubectl(*give_up)
            status = place.until("the end of attempt 1", lambda: has_ended_once(place.status(future.name)))
            assert status["attempts"][0]["reason"] == "NodeLost"
            assert (status["infrastructureRetriesUsed"], status.get("retriesUsed", 0)) == (1, 0)
        if take_back:
            kubectl(*take_back)
        assert values_of([future]) == [2]


def has_ended_once(status):
    rows = status.get("attempts", [])
    return status if rows and rows[0].get("outcome") else None
