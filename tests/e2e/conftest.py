"""Every test here runs against the operator that the chart installed, and is judged by the history that it left.

A test that takes the fixture `place` has a namespace of its own. When its function has returned, the invariants
are checked; when it has failed, the report has what the cluster says about it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import ferryman
from builders.installations import Installation
from builders.places import Place
from builders.releases import VARIABLE
from builders.stores import StoreOfCluster
from history import audit_log

BOUND_SECONDS = 400


def pytest_collection_modifyitems(items):
    for item in items:
        marked = item.get_closest_marker("timeout")
        seconds = marked.args[0] if marked else BOUND_SECONDS
        # Of the function alone: a report on a test that hung has to be written in peace.
        item.add_marker(pytest.mark.timeout(seconds, func_only=True), append=False)


@pytest.fixture(scope="session")
def installation() -> Installation:
    """The operator of this checkout, installed by helm; it stays."""
    if VARIABLE not in os.environ:
        pytest.skip(f"{VARIABLE} is not set: these tests need a real cluster")
    found = Installation(StoreOfCluster.of(Path(os.environ[VARIABLE])))
    found.install()
    return found


@pytest.fixture
def place(installation, monkeypatch):
    """A namespace of the test's own, of which this process is a client."""
    for name in ("STORE_BUCKET", "STORE_PREFIX", "STORE_ENDPOINT", "STORE_REGION", "CONTEXT", "IMAGE"):
        monkeypatch.delenv(f"FERRYMAN_{name}", raising=False)
    made = Place.make(installation, audit_log.find())
    monkeypatch.setenv("KUBECONFIG", str(Path(os.environ[VARIABLE]).resolve()))
    monkeypatch.setenv("FERRYMAN_NAMESPACE", made.namespace)
    try:
        with ferryman.connect():
            yield made
    finally:
        made.remove()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """What a test did is judged as a part of it, so that it fails, and not its clean-up."""
    outcome = yield
    if used := place_of(item):
        used.judge()
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    used = place_of(item)
    if used and report.when == "call" and report.failed:
        report.sections.append((f"the cluster, namespace {used.namespace}", used.diagnosis()))
    return report


def place_of(item) -> Place | None:
    return getattr(item, "funcargs", {}).get("place")
