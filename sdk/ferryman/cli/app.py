"""The commands by name. Each has a module of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from ferryman.cli import cancelling, dev, doctor, logs, runs, serving
from ferryman.version import VERSION

app = typer.Typer(
    name="ferryman",
    help="Python functions as Kubernetes Jobs.\n\n"
    "Start with `ferryman dev up` if you have no cluster: it makes one on this machine, without Docker. "
    "With a cluster, `ferryman doctor` says whether everything is in place.",
    epilog="The cluster is the one that kubectl would use: KUBECONFIG, its current context, its namespace.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(dev.app, name="dev")
app.command("runs")(runs.runs)
app.command("logs")(logs.logs)
app.command("cancel")(cancelling.cancel)
app.command("doctor")(doctor.doctor)
app.command("serve")(serving.serve)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"ferryman {VERSION}")
        raise typer.Exit


@app.callback()
def _ferryman(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """The options of the command itself."""
