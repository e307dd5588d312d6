"""`ferryman dev`: the embedded cluster."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from rich.console import Console

from ferryman.exceptions import ConfigurationError

if TYPE_CHECKING:
    from ferryman.dev.cluster import EmbeddedCluster

app = typer.Typer(
    help="A cluster on this machine, without Docker: for laptops and tests.\n\n"
    "An API server, a Job controller, a node that runs pods as local processes, an S3 server and the real "
    "operator. It keeps nothing: when it stops, everything in it is gone.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_CHECK_SECONDS: Final = 0.5
_INTERRUPTED: Final = 130


@app.command()
def up(
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="Where to write it. Default: a temporary file."),
    ] = None,
    operator: Annotated[
        bool,
        typer.Option(
            "--operator/--no-operator", help="Without: run the operator yourself, under a debugger."
        ),
    ] = True,
) -> None:
    """Start a cluster and keep it until Ctrl-C."""
    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()
    with _interruptible(), _starting(kubeconfig, operator=operator) as cluster:
        # Ctrl-C may come as soon as it is told about, before the last of it is printed.
        with suppress(KeyboardInterrupt):
            console.print(_welcome(cluster, time.monotonic() - began, operator=operator))
            _stay(cluster, console)
        console.print("\nStopping ...")
    console.print("Stopped; nothing is left.")


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    }
)
def run(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python program that submits tasks.")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARG]...", help="Its arguments.")] = None,
) -> None:
    """Start a cluster, run a program in it, exit as it did."""
    if not script.is_file():
        raise ConfigurationError(f"there is no program {script}")
    with _interruptible(), _starting(None, operator=True) as cluster:
        code = _run_script(cluster, [sys.executable, str(script), *(arguments or ())])
    raise typer.Exit(code)


@contextmanager
def _starting(kubeconfig: Path | None, *, operator: bool) -> Iterator[EmbeddedCluster]:
    """The running cluster; Ctrl-C while it starts or stops is no error."""
    progress = Console(stderr=True, highlight=False).status("Starting the cluster ...")
    try:
        # Deferred: `ferryman runs` needs none of the servers, which cost seconds and an extra.
        from ferryman.dev.cluster import EmbeddedCluster, Options  # noqa: PLC0415

        where = kubeconfig.absolute() if kubeconfig else None
        cluster = EmbeddedCluster(Options(kubeconfig=where, operator=operator))
        with progress:
            cluster.start()
    except ModuleNotFoundError as error:
        needs = f"the embedded cluster needs {error.name}: pip install 'ferryman[dev-cluster]'"
        raise ConfigurationError(needs) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    try:
        yield cluster
    finally:
        cluster.stop()


def _stay(cluster: EmbeddedCluster, console: Console) -> NoReturn:
    restarts = 0
    while True:
        time.sleep(_CHECK_SECONDS)
        cluster.check()
        if cluster.restarts > restarts:
            restarts = cluster.restarts
            console.print(f"The operator died and was started again; see {cluster.operator_log}")


def _run_script(cluster: EmbeddedCluster, command: list[str]) -> int:
    process = subprocess.Popen(command, env=cluster.client_environment(os.environ))
    try:
        return _shell_code(process.wait())
    except KeyboardInterrupt:
        # A terminal has told the program, too; it decides how to end. Ctrl-C again forces.
        process.send_signal(signal.SIGINT)
        return _shell_code(process.wait())


def _shell_code(code: int) -> int:
    return code if code >= 0 else 128 - code


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM interrupt once, to clean up; the second time they end this process at once.

    Even then nothing is left behind: the reaper sees that the process is gone.
    """
    told: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        told.append(number)
        if len(told) > 1:
            os._exit(128 + number)
        raise KeyboardInterrupt

    before: dict[int, Any] = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _welcome(cluster: EmbeddedCluster, seconds: float, *, operator: bool) -> str:
    store, python = cluster.store, f"{platform.python_version()}, {sys.executable}"
    runs = f"pid {cluster.operator_pid}, log {cluster.operator_log}"
    by_hand = f"not started; by hand: {cluster.operator_command}"
    return f"""\
[bold]The cluster is up[/bold] ({seconds:.1f} s). When it stops, everything in it is gone.

  API server  {cluster.url}
  Store       {store.endpoint}, bucket {store.bucket}
  Operator    {runs if operator else by_hand}
  Python      {python}: what every pod runs, whatever its image

In another terminal:

  [bold]export KUBECONFIG={cluster.kubeconfig}[/bold]
  python your_script.py       its tasks run in this cluster
  ferryman runs --watch       what runs, what failed, and why
  ferryman logs RUN -f        what a run prints
  kubectl get frun -w         the same cluster, as kubectl sees it

Ctrl-C stops it."""
