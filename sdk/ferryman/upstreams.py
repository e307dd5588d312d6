"""The runs that a call waits for: found among its arguments and in `wait_for`. Pure.

A future anywhere in the arguments becomes an entry of `spec.dependsOn`; its value is put in
its place in the pod, so the caller never waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ferryman.annotations import allow_failure, quote, unmapped
from ferryman.exceptions import ParameterBindError
from ferryman.nesting import futures_in, is_future, walk
from ferryman.states import State
from ferryman.wire.codecs import UpstreamValue


@dataclass
class Upstreams:
    """The upstreams of one call, numbered as they are met. Fill it, then read `depends_on`."""

    namespace: str

    def __post_init__(self) -> None:
        self._found: dict[str, tuple[int, bool]] = {}
        self._tolerated: set[int] = set()
        self._quoted: set[int] = set()
        self.has_states = False
        """Whether `reference` has met states that are not those of runs in the cluster."""

    def tolerate(self, value: Any) -> None:
        """Remember the futures under every `allow_failure` in here."""
        for one, allowed in walk(value, allowed=False):
            if allowed and is_future(one):
                self._tolerated.add(id(one))

    def reference(self, value: object) -> UpstreamValue | None:
        """What stands for `value` in the pickle, if it is a future (or one that may fail)."""
        if isinstance(value, quote):
            self._quoted.update(id(one) for one in futures_in(unmapped(value.value)))
        inner = value.value if isinstance(value, allow_failure) else value
        if isinstance(inner, State):
            # The state of a run in the cluster stands for its future; one from here, for its result.
            self.has_states = self.has_states or not is_future(inner.source)
            inner = inner.source
        if not is_future(inner) or id(inner) in self._quoted:
            return None
        allowed = isinstance(value, allow_failure) or id(inner) in self._tolerated
        return UpstreamValue(self._add(inner, allowed=allowed), allowed)

    def wait_for(self, waited: Any) -> None:
        """Add the futures in `wait_for`: one, or any nesting of collections. The rest is ignored."""
        for one, allowed in walk(waited, allowed=False):
            if is_future(one):
                self._add(one, allowed=allowed)

    def depends_on(self) -> list[dict[str, str]]:
        """`spec.dependsOn`. A run that must complete for one argument must complete for all."""
        return [
            {"name": name, "condition": "Finished"} if allowed else {"name": name}
            for name, (_, allowed) in self._found.items()
        ]

    def _add(self, future: Any, *, allowed: bool) -> int:
        future.require_run()
        if future.namespace != self.namespace:
            raise ParameterBindError(
                f"run {future.name} is in namespace {future.namespace!r}; "
                f"a run in {self.namespace!r} cannot wait for it"
            )
        index, before = self._found.get(future.name, (len(self._found), True))
        self._found[future.name] = (index, allowed and before)
        return index
