"""What a person would want to see of a namespace where a test has failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from history.audit_log import Entry

LINES = 60
"""Of each part: its end is where it went wrong."""
WIDTH = 400
PATIENCE_SECONDS = 15
"""For each part: the API server may be what is ill."""


def diagnosis(
    kubectl: Callable[..., str], namespace: str, operator: tuple[str, str], entries: list[Entry]
) -> str:
    """Text of a few hundred lines. `operator` is the namespace and the selector of its pods."""
    where, selector = operator
    parts = {
        "TaskRuns, Jobs and pods": ("get", "taskruns,jobs,pods", "-o", "wide", "-n", namespace),
        "describe taskruns": ("describe", "taskruns", "-n", namespace),
        "describe jobs": ("describe", "jobs", "-n", namespace),
        "describe pods": ("describe", "pods", "-n", namespace),
        "logs of the pods": (
            "logs",
            "-l",
            "ferryman.dev/managed=true",
            "--prefix",
            "--tail=30",
            "-n",
            namespace,
        ),
        "events": ("get", "events", "--sort-by=.lastTimestamp", "-n", namespace),
        "operator's pods": ("get", "pods", "-o", "wide", "-n", where),
        "operator's log": ("logs", "-l", selector, "--prefix", f"--tail={LINES}", "-n", where),
    }
    said = {title: _said(kubectl, words) for title, words in parts.items()}
    said["audit log"] = "\n".join(_line(entry) for entry in entries[-LINES:])
    return "\n\n".join(f"----- {title}\n{_end(text)}" for title, text in said.items())


def _said(kubectl: Callable[..., str], words: tuple[str, ...]) -> str:
    # Whatever keeps one part from being read is worth no less than the part.
    try:
        return kubectl(*words, f"--request-timeout={PATIENCE_SECONDS}s")
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"


def _end(text: str) -> str:
    lines = text.strip().splitlines()
    cut = [f"... {len(lines) - LINES} lines before"] if len(lines) > LINES else []
    return "\n".join([*cut, *(line[:WIDTH] for line in lines[-LINES:])])


def _line(entry: Entry) -> str:
    what: dict[str, Any] = entry["objectRef"]
    path = "/".join(filter(None, (what["resource"], what.get("name"), what.get("subresource"))))
    code = entry.get("responseStatus", {}).get("code", "-")
    return f"{entry['stageTimestamp'][11:26]} {code} {entry['verb']:6} {path}  {entry['user']['username']}"
