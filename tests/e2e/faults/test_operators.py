"""Operators that die under a map, and more of them at once than there should be."""

from __future__ import annotations

from builders import operators
from builders.installations import NAMESPACE
from builders.maps import attempts_of, map_in_background, squares, values_of
from builders.outages import OperatorPods
from builders.releases import kubectl

COUNT = 20
DEATHS = 6


def test_a_map_survives_operators_that_are_killed_again_and_again(place):
    pods = OperatorPods(place.installation)
    mapping = map_in_background(COUNT, 2.0)
    killed = 0
    while killed < DEATHS:
        killed += place.until("an operator to kill", pods.kill)
    futures = mapping.result(120)
    assert values_of(futures) == squares(COUNT)
    assert attempts_of(futures) == {1}


def test_a_map_survives_the_loss_of_the_leaders_pod(place):
    pods = OperatorPods(place.installation)
    mapping = map_in_background(COUNT, 2.0)
    place.until("a first run", lambda: place.all("jobs"))
    before = place.until("a leader", pods.leader)
    kubectl("delete", "pod", before, "-n", NAMESPACE, "--force", "--grace-period=0")
    place.until("another leader", lambda: pods.leader() not in ("", before))
    futures = mapping.result(120)
    assert values_of(futures) == squares(COUNT)
    assert attempts_of(futures) == {1}


def test_three_operators_that_all_lead_start_nothing_twice(place, tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    one, two = (operators.beside(place.installation, folder, lease=False) for folder in folders)
    with one, two:
        futures = map_in_background(COUNT, 1.0).result(120)
        assert values_of(futures) == squares(COUNT)
    assert attempts_of(futures) == {1}
