"""A graph as Graphviz source, for `dot` and every tool that reads it."""

from __future__ import annotations

from ferryman.graphs.graph import Graph


def dot(graph: Graph) -> str:
    """The source of a directed graph from top to bottom."""
    lines = [
        f"digraph {_quoted(graph.name)} {{",
        '  node [shape=box style="rounded" fontname="Helvetica" fontsize=11]',
        "  edge [arrowsize=0.7]",
        *(f"  {_quoted(node.id)} [label={_quoted(node.title)}]" for node in graph.nodes),
        *(f"  {_quoted(above)} -> {_quoted(below)}" for above, below in graph.edges),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # The backslash is Graphviz's escape in labels, the quote the end of the string.
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
