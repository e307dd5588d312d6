"""A graph as SVG, drawn here: no Graphviz is needed to look at a flow."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise
from typing import Final

from ferryman.graphs.graph import Graph, Node
from ferryman.graphs.layout import Box, Layout, lay_out

# For a light page, and for a dark one where whoever shows the picture knows about such.
_STYLE: Final = """
  rect { fill: #f6f8fa; stroke: #8c959f; }
  text { fill: #24292f; font: 12px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; }
  path { fill: none; stroke: #8c959f; stroke-width: 1.3; }
  marker path { fill: #8c959f; stroke: none; }
  @media (prefers-color-scheme: dark) {
    rect { fill: #22272e; stroke: #768390; }
    text { fill: #e6edf3; }
  }
"""
_ARROW: Final = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
)


def svg(graph: Graph) -> str:
    """An SVG document, which a browser or a notebook shows."""
    layout = lay_out(graph)
    width, height = round(layout.width), round(layout.height)
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<title>{_said(graph.name)}</title>",
        f"<style>{_STYLE}</style>",
        _ARROW,
        *_edges(layout),
        *(line for node in graph.nodes for line in _node(node, layout.boxes[node.id])),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _edges(layout: Layout) -> Iterator[str]:
    for path in layout.paths.values():
        points = [_below(path[0]), *((bend.x, bend.y) for bend in path[1:-1]), _above(path[-1])]
        yield f'<path d="{_curve(points)}" marker-end="url(#arrow)"/>'


def _curve(points: list[tuple[float, float]]) -> str:
    """Through the points, leaving and entering each straight down."""
    drawn = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) / 2
        drawn.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
    return " ".join(drawn)


def _node(node: Node, box: Box) -> Iterator[str]:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    shape = f'x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="7"'
    if node.count > 1:
        # A map is a pile.
        yield f'<rect {shape} transform="translate(4 4)"/>'
    yield f"<rect {shape}/>"
    yield f'<text x="{box.x:.1f}" y="{box.y + 4:.1f}">{_said(node.title)}</text>'


def _below(box: Box) -> tuple[float, float]:
    return box.x, box.y + box.height / 2


def _above(box: Box) -> tuple[float, float]:
    return box.x, box.y - box.height / 2


def _said(text: str) -> str:
    # XML has no way at all to write most control characters.
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
