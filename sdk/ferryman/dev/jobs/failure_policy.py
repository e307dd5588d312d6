"""A Job's `podFailurePolicy`: which rule a failed pod matches, and what Kubernetes says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Match:
    """The first rule that a failed pod matches. `action` is FailJob, Ignore or Count."""

    action: str
    message: str


def match(policy: Object | None, pod: Object) -> Match | None:
    """The rule that decides about `pod`; None where none does: it counts against the backoff limit."""
    for index, rule in enumerate((policy or {}).get("rules") or ()):
        message = _match_exit_code(rule.get("onExitCodes"), pod) or _match_condition(
            rule.get("onPodConditions"), pod
        )
        if message is not None:
            return Match(rule["action"], f"{message} matching {rule['action']} rule at index {index}")
    return None


def _match_exit_code(requirement: Object | None, pod: Object) -> str | None:
    if requirement is None:
        return None
    for status in _terminated(pod):
        code = status["state"]["terminated"]["exitCode"]
        # An exit code of 0 is no failure, so that NotIn does not match it either.
        wanted = requirement.get("containerName") in (None, status["name"]) and code != 0
        listed = code in requirement["values"]
        if wanted and listed == (requirement["operator"] == "In"):
            return f"Container {status['name']} for pod {_name(pod)} failed with exit code {code}"
    return None


def _match_condition(patterns: Any, pod: Object) -> str | None:
    for pattern in patterns or ():
        for condition in pod.get("status", {}).get("conditions", ()):
            wanted = (pattern["type"], pattern.get("status", "True"))
            if (condition["type"], condition["status"]) == wanted:
                return f"Pod {_name(pod)} has condition {condition['type']}"
    return None


def _terminated(pod: Object) -> list[Any]:
    status = pod.get("status", {})
    statuses = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
    return [one for one in statuses if "terminated" in one.get("state", {})]


def _name(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
