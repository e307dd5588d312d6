"""Which cluster and namespace a command is for."""

from __future__ import annotations

import os
from typing import Annotated, TypeAlias

import typer

from ferryman.cluster import Cluster
from ferryman.connection import open_cluster
from ferryman.settings import Settings

Namespace: TypeAlias = Annotated[
    str | None, typer.Option("-n", "--namespace", metavar="NS", help="Default: the context's namespace.")
]
Context: TypeAlias = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="Default: the kubeconfig's current context.")
]


def connect(context: str | None, namespace: str | None) -> tuple[Settings, Cluster]:
    """The settings and the cluster. Raises ConfigurationError."""
    return open_cluster(os.environ, context=context, namespace=namespace)
