"""Fixtures that every suite may use; each lives in tests/fixtures/<noun>.py."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# No test may fail because a machine was slow once.
settings.register_profile("ferryman", deadline=None)
settings.load_profile("ferryman")

pytest_plugins = ["ferryman.testing", "fixtures.embedded_cluster", "fixtures.object_store"]

NO_SKIPS = "FERRYMAN_NO_SKIPS"
"""Set where every program that a test could need is there: a test that is skipped then fails."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    if report.skipped and os.environ.get(NO_SKIPS) and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{NO_SKIPS} is set, and this would be skipped: {report.longreprtext}"
    return report
