"""A namespace of the real cluster for one test, and all that happened in it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from builders.installations import NAMESPACE, Installation
from builders.releases import CommandFailed, kubectl
from builders.stores import restricted
from ferryman.api import names
from ferryman.api.phases import TERMINAL
from history import gathering
from history.audit_log import AuditLog, Entry
from history.diagnosis import diagnosis
from history.invariants import violations
from history.record import History

Found = TypeVar("Found")
PATIENCE_SECONDS = 180
"""For anything that comes by itself."""
LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Place:
    """A namespace that holds pods to `restricted` and has the store's credentials."""

    namespace: str
    installation: Installation
    audit: AuditLog | None
    """From before the namespace was made; None where the cluster's is not to be had."""

    @classmethod
    def make(cls, installation: Installation, audit: AuditLog | None) -> Place:
        place = cls(f"e2e-{secrets.token_hex(4)}", installation, audit.from_now_on() if audit else None)
        kubectl("create", "-f", "-", stdin=restricted(place.namespace))
        kubectl("create", "-f", "-", stdin=installation.store.secret(place.namespace))
        return place

    def remove(self) -> None:
        """Without waiting for its end."""
        kubectl("delete", "namespace", self.namespace, "--wait=false", "--ignore-not-found")

    def kubectl(self, *words: str, stdin: Any = None) -> str:
        """What a command prints. Raises CommandFailed."""
        return kubectl(*words, f"--namespace={self.namespace}", stdin=stdin)

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object, if it is there."""
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text else None

    def all(self, kinds: str) -> list[dict[str, Any]]:
        return json.loads(self.kubectl("get", kinds, "-o", "json"))["items"]

    def apply(self, text: str) -> None:
        """Create what a YAML text says."""
        items = [one for one in yaml.safe_load_all(text) if one]
        self.kubectl("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": items})

    def run(self, name: str, **spec: Any) -> str:
        """Create a TaskRun that returns 2, unless its spec says otherwise. Gives its name."""
        defaults = {
            "task": {"name": name},
            "function": {"entrypoint": "statistics:mean"},
            "parameters": {"values": {"data": [1, 2, 3]}},
        }
        manifest = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}}
        self.kubectl("create", "-f", "-", stdin={**manifest, "spec": {**defaults, **spec}})
        return name

    def until(self, what: str, look: Callable[[], Found], *, seconds: float = PATIENCE_SECONDS) -> Found:
        """The first true value of `look`. Raises AssertionError that says what did not come."""
        end = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < end, f"after {seconds:.0f} s there still is not: {what}"
            time.sleep(LOOK_SECONDS)
        return found

    def status(self, name: str) -> dict[str, Any]:
        """Of a TaskRun; {} before anybody wrote one."""
        return (self.get(names.PLURAL, name) or {}).get("status", {})

    def ended(self, name: str, *, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The last status of a TaskRun, when it has come."""
        return self.until(
            f"an end of {name}",
            lambda: status if (status := self.status(name)).get("phase") in TERMINAL else None,
            seconds=seconds,
        )

    def reached(self, name: str, phase: str, reason: str = "") -> dict[str, Any]:
        """The status of a TaskRun in a phase, for a reason if one is given."""

        def look() -> dict[str, Any] | None:
            status = self.status(name)
            fits = status.get("phase") == phase and (not reason or why(status)[0] == reason)
            return status if fits else None

        return self.until(f"{name} in phase {phase} {reason}", look)

    def pod_of(self, name: str, attempt: int = 1) -> dict[str, Any]:
        """The pod of an attempt, once there is one that has not ended."""

        def look() -> dict[str, Any] | None:
            labels = f"{names.RUN_LABEL}={name},{names.ATTEMPT_LABEL}={attempt}"
            found = json.loads(self.kubectl("get", "pods", "-l", labels, "-o", "json"))["items"]
            return next(iter(found), None)

        return self.until(f"a pod of attempt {attempt} of {name}", look)

    def history(self) -> History:
        """All that is known of the runs here, when those that ended have nothing alive any more."""
        end = time.monotonic() + 60
        while True:
            found = gathering.history(self._sources())
            moves = any(run.phase in TERMINAL and run.alive for run in found.runs)
            if not moves or time.monotonic() > end:
                return found
            time.sleep(LOOK_SECONDS)

    def judge(self) -> None:
        """Raises AssertionError with every invariant that does not hold."""
        found = violations(self.history())
        assert not found, "invariants that do not hold:\n" + "\n".join(f"- {one}" for one in found)

    def diagnosis(self) -> str:
        """What a person wants to see when a test has failed here."""
        operator = (NAMESPACE, self.installation.selector)
        return diagnosis(kubectl, self.namespace, operator, self._entries())

    def _entries(self) -> list[Entry]:
        return self.audit.of(self.namespace) if self.audit else []

    def _sources(self) -> gathering.Sources:
        try:
            things = self.all("taskruns,jobs,pods")
        except CommandFailed:
            things = []
        kinds: dict[str, list[dict[str, Any]]] = {names.KIND: [], "Job": [], "Pod": []}
        for one in things:
            kinds[one["kind"]].append(one)
        # The objects first: what they say was written before the log is read.
        stored = self.installation.store.objects_of_runs(self.namespace)
        return gathering.Sources(
            operator=self.installation.user,
            entries=self._entries(),
            runs=kinds[names.KIND],
            jobs=kinds["Job"],
            pods=kinds["Pod"],
            objects=stored,
        )


def why(status: dict[str, Any]) -> tuple[str, str]:
    """The reason and the message of the condition Succeeded."""
    told = next((one for one in status.get("conditions", []) if one["type"] == "Succeeded"), {})
    return told.get("reason", ""), told.get("message", "")
