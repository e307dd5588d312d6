"""What a picture shows: calls of tasks, and who waits for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Node:
    """One call of a task. `count` is the number of its runs: more than one for a map."""

    id: str
    label: str
    count: int = 1
    upstreams: tuple[str, ...] = ()
    """The nodes that it waits for; each of them comes earlier in the graph."""

    @property
    def title(self) -> str:
        """The label, with the number of runs of a map."""
        return self.label if self.count == 1 else f"{self.label} \N{MULTIPLICATION SIGN}{self.count}"


@dataclass(frozen=True)
class Graph:
    """The calls of a flow in the order in which it made them, so that every edge points onwards."""

    name: str
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for node in self.nodes:
            if missing := set(node.upstreams) - seen:
                raise ValueError(f"{node.id} waits for {min(missing)}, which does not come before it")
            seen.add(node.id)

    @property
    def edges(self) -> Iterable[tuple[str, str]]:
        """From a node to each that waits for it."""
        return ((upstream, node.id) for node in self.nodes for upstream in node.upstreams)

    @cached_property
    def depths(self) -> Mapping[str, int]:
        """How many calls have to end one after the other before a node can start."""
        depths: dict[str, int] = {}
        for node in self.nodes:
            depths[node.id] = max((depths[one] + 1 for one in node.upstreams), default=0)
        return depths
