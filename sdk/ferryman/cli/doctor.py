"""`ferryman doctor`."""

from __future__ import annotations

from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from ferryman.cli import checks, target
from ferryman.cli.checks import Finding, Verdict

_MARKS: Final = {
    Verdict.OK: ("ok", "green"),
    Verdict.NOTE: ("--", "yellow"),
    Verdict.PROBLEM: ("NO", "bold red"),
}


def doctor(namespace: target.Namespace = None, context: target.Context = None) -> None:
    """Say whether tasks can run, and what to do if not. Exit code 1 if something is wrong."""
    console = Console(highlight=False, soft_wrap=True)
    problems = 0
    for finding in checks.examine(lambda: target.connect(context, namespace)):
        problems += finding.verdict is Verdict.PROBLEM
        console.print(_line(finding))
        if finding.remedy and finding.verdict is not Verdict.OK:
            console.print(Text(f"{'':18}-> {finding.remedy}"))
    if problems:
        console.print(f"\n{problems} problem{'s' if problems > 1 else ''}.")
        raise typer.Exit(1)
    console.print("\nAll is well.")


def _line(finding: Finding) -> Text:
    mark, style = _MARKS[finding.verdict]
    return Text.assemble((f"{mark:4}", style), f"{finding.subject:14}", finding.detail)
