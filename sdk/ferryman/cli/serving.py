"""`ferryman serve`."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from ferryman.api import durations
from ferryman.cli import target
from ferryman.exceptions import ConfigurationError
from ferryman.tasks import Task


def serve(  # noqa: PLR0917 - as many as there are options.
    tasks: Annotated[
        list[str], typer.Argument(metavar="MODULE:TASK...", help="Such as reports.daily:build.")
    ],
    limit: Annotated[int, typer.Option(help="Runs at a time; 0 is no limit.", min=0)] = 10,
    grace: Annotated[
        str, typer.Option(metavar="DURATION", help="How long runs may go on after SIGTERM.")
    ] = "30s",
    lease: Annotated[
        str,
        typer.Option(metavar="DURATION", help="How long without a sign of it until others get its runs."),
    ] = "15s",
    store: Annotated[
        str, typer.Option(metavar="NAME", help="What the operator calls the store that is configured here.")
    ] = "default",
    namespace: target.Namespace = None,
    context: target.Context = None,
) -> None:
    """Be a worker: execute what `task.delay(...)` leaves.

    Until SIGTERM or Ctrl-C. The code is this process's own: modules are imported once, and each run is
    executed in a fork. Start as many workers as you like; they share the runs.
    """
    # Deferred: it loads what a worker needs, which the other commands do not.
    from ferryman.worker import Options, serve  # noqa: PLC0415

    logging.basicConfig(format="ferryman: %(message)s")
    logging.getLogger("ferryman").setLevel(logging.INFO)
    # What `python -m` would find.
    if "" not in sys.path:
        sys.path.insert(0, "")
    found = [_task(path) for path in tasks]
    try:
        options = Options(
            limit=limit or None, grace=_seconds(grace), lease=round(_seconds(lease)), store=store
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    serve(*found, options=options, namespace=namespace, context=context)


def _task(path: str) -> Task[..., Any]:
    module, _, attributes = path.partition(":")
    if not module or not attributes:
        raise ConfigurationError(f"{path!r} is not of the form module:task")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{path}: {error}; run this where `python -c 'import {module}'` works"
        ) from None
    for name in attributes.split("."):
        if not hasattr(found, name):
            raise ConfigurationError(f"{path}: {found!r} has no {name!r}")
        found = getattr(found, name)
    if not isinstance(found, Task):
        raise ConfigurationError(f"{path} is no task: decorate it with @task")
    return found


def _seconds(text: str) -> float:
    try:
        return durations.parse(text).total_seconds()
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
