"""Where each node of a picture is: in rows by depth, beside those that it is connected with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ferryman.graphs.graph import Graph

CHARACTER_WIDTH: Final = 7.4
NODE_HEIGHT: Final = 34.0
PADDING: Final = 16.0
COLUMN_GAP: Final = 24.0
ROW_GAP: Final = 46.0
SWEEPS: Final = 8
"""Passes up and down; pictures of flows settle after a few."""


@dataclass(frozen=True)
class Box:
    """A node's place: its centre and its size, in pixels. A width of 0 is a bend of an edge."""

    x: float
    y: float
    width: float
    height: float = NODE_HEIGHT


@dataclass(frozen=True)
class Layout:
    """The boxes by node, the bends of every edge from top to bottom, and the size of the whole."""

    boxes: Mapping[str, Box]
    paths: Mapping[tuple[str, str], tuple[Box, ...]]
    width: float
    height: float


def lay_out(graph: Graph) -> Layout:
    """The places of all nodes of a graph."""
    chains = _chains(graph)
    rows, neighbours = _rows(graph, chains), _neighbours(chains)
    widths = {node.id: len(node.title) * CHARACTER_WIDTH + 2 * PADDING for node in graph.nodes}
    places = _settled(rows, neighbours, widths)
    left = min((places[key] - widths.get(key, 0) / 2 for key in places), default=0) - COLUMN_GAP
    right = max((places[key] + widths.get(key, 0) / 2 for key in places), default=0) + COLUMN_GAP
    boxes = {
        key: Box(places[key] - left, _height(depth), widths.get(key, 0.0))
        for depth, row in enumerate(rows)
        for key in row
    }
    return Layout(
        {node.id: boxes[node.id] for node in graph.nodes},
        {(chain[0], chain[-1]): tuple(boxes[key] for key in chain) for chain in chains},
        right - left,
        _height(max(len(rows), 1) - 1) + NODE_HEIGHT / 2 + COLUMN_GAP,
    )


def _height(depth: int) -> float:
    return COLUMN_GAP + NODE_HEIGHT / 2 + depth * (NODE_HEIGHT + ROW_GAP)


def _chains(graph: Graph) -> list[tuple[str, ...]]:
    """Each edge as its nodes, with one bend in every row that it crosses, so that it runs around boxes."""
    depths = graph.depths
    return [
        (above, *(f"{above}→{below}@{depth}" for depth in range(depths[above] + 1, depths[below])), below)
        for above, below in graph.edges
    ]


def _rows(graph: Graph, chains: Sequence[tuple[str, ...]]) -> list[list[str]]:
    rows: dict[int, list[str]] = defaultdict(list)
    for node in graph.nodes:
        rows[graph.depths[node.id]].append(node.id)
    for chain in chains:
        for depth, bend in enumerate(chain[1:-1], graph.depths[chain[0]] + 1):
            rows[depth].append(bend)
    return [rows[depth] for depth in sorted(rows)]


def _neighbours(chains: Sequence[tuple[str, ...]]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for chain in chains:
        for above, below in pairwise(chain):
            found[above].append(below)
            found[below].append(above)
    return found


def _settled(
    rows: Sequence[list[str]], neighbours: Mapping[str, list[str]], widths: Mapping[str, float]
) -> dict[str, float]:
    """The middle of each node: near the mean of its neighbours, in rows without overlaps."""
    places = {key: 0.0 for row in rows for key in row}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wished = {key: _mean([places[one] for one in neighbours.get(key, (key,))]) for key in row}
            row.sort(key=wished.__getitem__)
            places |= _spread(row, wished, widths)
    return places


def _spread(row: Sequence[str], wished: Mapping[str, float], widths: Mapping[str, float]) -> dict[str, float]:
    """In this order, each as near to its wish as its neighbours in the row permit."""
    places: dict[str, float] = {}
    edge = float("-inf")
    for key in row:
        half = widths.get(key, 0.0) / 2
        places[key] = max(wished[key], edge + half)
        edge = places[key] + half + COLUMN_GAP
    # Pushing went to the right only: the row as a whole moves back by the mean of it.
    shift = _mean([wished[key] - places[key] for key in row])
    return {key: place + shift for key, place in places.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
