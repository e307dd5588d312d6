"""What a component may ask of the API server, in the form in which a Role says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoleRule:
    """These verbs on one resource. `resource` may name a subresource, as `taskruns/status`."""

    group: str
    resource: str
    verbs: tuple[str, ...]
