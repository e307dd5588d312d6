"""`ferryman cancel`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ferryman.cli import target
from ferryman.cluster import Cluster
from ferryman.exceptions import ClusterError
from ferryman.runs import view


def cancel(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Names of runs.")],
    namespace: target.Namespace = None,
    context: target.Context = None,
) -> None:
    """Cancel runs; what has not started never will."""
    settings, cluster = target.connect(context, namespace)
    results = [_cancel(cluster, settings.namespace.value, name) for name in names]
    if not all(results):
        raise typer.Exit(1)


def _cancel(cluster: Cluster, namespace: str, name: str) -> bool:
    try:
        run = view(cluster.get_run(namespace, name))
        if run.is_over:
            print(f"{name}: over already ({run.phase})")
            return True
        cluster.request_cancel(namespace, name)
    except ClusterError as error:
        print(f"ferryman: {error}", file=sys.stderr)
        return False
    print(f"{name}: cancel requested")
    return True
