"""`ferryman logs`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import typer

from ferryman.api import names
from ferryman.cli import target
from ferryman.cluster import Cluster
from ferryman.exceptions import FerrymanError, RunNotFound
from ferryman.runs import Run, view

_POLL_SECONDS: Final = 0.3


class LogGone(FerrymanError):
    """The pod is gone, and its log with it."""


def logs(
    name: Annotated[str, typer.Argument(metavar="RUN", help="The name of a run.")],
    follow: Annotated[
        bool,
        typer.Option("-f", "--follow", help="Stay until the run is over, through every further attempt."),
    ] = False,
    attempt: Annotated[
        int | None, typer.Option("--attempt", metavar="N", min=1, help="Default: the last one.")
    ] = None,
    namespace: target.Namespace = None,
    context: target.Context = None,
) -> None:
    """Show what a run printed."""
    settings, cluster = target.connect(context, namespace)
    reader = _Reader(cluster, settings.namespace.value, name)
    try:
        if follow:
            reader.follow(attempt)
        else:
            reader.show(attempt)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


class _Reader:
    """The logs of one run's attempts, to stdout."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name

    def show(self, attempt: int | None) -> None:
        """What there is now."""
        run = self._run()
        pods = self._pods(run)
        number = attempt or max([*pods, *(row.number for row in run.attempts)], default=0)
        if number not in pods:
            raise LogGone(_nothing(run, number))
        if _has_started(pods[number]):
            self._print(pods[number], follow=False)

    def follow(self, attempt: int | None) -> None:
        """Until the run, or the one attempt that was asked for, is over."""
        shown: set[int] = set()
        while True:
            run = self._run()
            waiting = [
                (n, pod)
                for n, pod in sorted(self._pods(run).items())
                if n not in shown and attempt in (None, n)
            ]
            for number, pod in waiting:
                if _has_started(pod):
                    self._announce(number, pod, is_first=not shown)
                    self._print(pod, follow=True)
                    shown.add(number)
            if attempt in shown or (run.is_over and not any(_has_started(pod) for _, pod in waiting)):
                return
            time.sleep(_POLL_SECONDS)

    def _run(self) -> Run:
        return view(self._cluster.get_run(self._namespace, self._name))

    def _pods(self, run: Run) -> dict[int, dict[str, Any]]:
        """The run's pods by attempt."""
        found = self._cluster.list_pods(self._namespace, f"{names.RUN_UID_LABEL}={run.uid}")
        return dict(_numbered(found))

    def _print(self, pod: dict[str, Any], *, follow: bool) -> None:
        try:
            for line in self._cluster.read_log(self._namespace, pod["metadata"]["name"], follow=follow):
                print(line, flush=follow)
        except RunNotFound:
            raise LogGone(f"pod {pod['metadata']['name']} is gone, and its log with it") from None

    @staticmethod
    def _announce(number: int, pod: dict[str, Any], *, is_first: bool) -> None:
        if not is_first or number > 1:
            print(f"--- attempt {number}, pod {pod['metadata']['name']}", file=sys.stderr)


def _numbered(pods: Sequence[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    for pod in pods:
        label = pod["metadata"].get("labels", {}).get(names.ATTEMPT_LABEL, "")
        if label.isdigit():
            yield int(label), pod


def _has_started(pod: dict[str, Any]) -> bool:
    """Whether the container that runs the function has, so that there is a log to read."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return any(
        one.get("name") == names.RUNNER_CONTAINER and "waiting" not in (one.get("state") or {})
        for one in statuses
    )


def _nothing(run: Run, number: int) -> str:
    if not run.attempts:
        why = f" ({run.reason})" if run.reason else ""
        return f"run {run.name} has not started: it is {run.phase}{why}"
    if number not in [row.number for row in run.attempts]:
        return f"run {run.name} has no attempt {number}; its last one is {run.attempts[-1].number}"
    return f"the pod of attempt {number} of run {run.name} is gone, and its log with it"
