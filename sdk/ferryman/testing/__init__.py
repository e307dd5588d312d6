"""Tests of code that submits tasks, without Kubernetes and without S3.

    pytest_plugins = ["ferryman.testing"]

    def test_the_report_adds_up(ferryman_local):
        assert add.submit(1, 2).result() == 3

`local_client` does the same without pytest. `InMemoryCluster` and `InMemoryStore` are the twins
of the real adapters, held to the same contract by Ferryman's own tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from ferryman.client import Client
from ferryman.testing.cluster import InMemoryCluster
from ferryman.testing.execution import LocalExecution
from ferryman.wire.memory import MemoryStore as InMemoryStore

__all__ = ["InMemoryCluster", "InMemoryStore", "LocalExecution", "local_client"]


@contextmanager
def local_client(namespace: str = "default") -> Iterator[Client]:
    """A client, current within the block, whose runs are executed in this process."""
    cluster, store = InMemoryCluster(), InMemoryStore()
    execution = LocalExecution(cluster, store)
    try:
        with Client(cluster, store, namespace=namespace) as client:
            yield client
    finally:
        execution.close()


if find_spec("pytest") is not None:
    import pytest

    @pytest.fixture
    def ferryman_local() -> Iterator[Client]:
        """A client whose runs are executed in the test's own process."""
        with local_client() as client:
            yield client
