"""A graph as text for a terminal: a line per call, in the order of their depth."""

from __future__ import annotations

from itertools import groupby

from ferryman.graphs.graph import Graph, Node


def text(graph: Graph) -> str:
    """What can run at the same time stands under one number, and each call says what it waits for."""
    if not graph.nodes:
        return f"{graph.name}: no tasks\n"
    titles = {node.id: node.title for node in graph.nodes}
    width = max(map(len, titles.values()))
    ordered = sorted(graph.nodes, key=lambda node: graph.depths[node.id])
    lines = [graph.name]
    for depth, row in groupby(ordered, key=lambda node: graph.depths[node.id]):
        nodes = list(row)
        for index, node in enumerate(nodes):
            number = f"{depth + 1:>3}" if index == 0 else "   "
            lines.append(f"{number} {_branch(index, len(nodes))} {_line(node, titles, width)}".rstrip())
    return "\n".join(lines) + "\n"


def _line(node: Node, titles: dict[str, str], width: int) -> str:
    waits = ", ".join(titles[one] for one in node.upstreams)
    return f"{node.title:<{width}}" + (f"  ← {waits}" if waits else "")


def _branch(index: int, number: int) -> str:
    if number == 1:
        return "─"
    return "┌" if index == 0 else "└" if index == number - 1 else "├"
