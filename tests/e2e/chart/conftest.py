"""One release for all tests that only look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from builders.releases import Release, a_release


@pytest.fixture(scope="session", autouse=True)
def _crd(installation):
    """As this checkout has it: the chart refuses to install beside an older one."""


@pytest.fixture(scope="session")
def release() -> Iterator[Release]:
    with a_release() as one:
        yield one
