"""Faults of the whole cluster: these tests run last and alone, and leave the cluster as they found it."""

from __future__ import annotations

import pytest

from builders import outages


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if "e2e/faults" in item.path.as_posix():
            item.add_marker(pytest.mark.disturbing)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(autouse=True)
def whole_cluster(installation):
    """Every part of the cluster runs before and after."""
    if not outages.are_possible():
        pytest.skip("this cluster is not that of `make cluster`: its parts cannot be stopped")
    outages.make_whole(installation)
    yield
    outages.make_whole(installation)
