"""A flow's picture is true to its calls, in every form."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.graphs.dot import dot
from ferryman.graphs.graph import Graph, Node
from ferryman.graphs.layout import lay_out
from ferryman.graphs.svg import svg
from ferryman.graphs.text import text

ETL = Graph(
    "etl",
    (
        Node("a", "extract"),
        Node("b", "prices"),
        Node("c", "clean", 12, ("a",)),
        Node("d", "join", 1, ("c", "b")),
    ),
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs of up to 14 calls, each of which waits for some of those before it."""
    nodes: list[Node] = []
    for number in range(draw(st.integers(0, 14))):
        known = [node.id for node in nodes]
        waits = draw(st.lists(st.sampled_from(known), unique=True, max_size=4)) if known else []
        nodes.append(Node(f"n{number}", draw(st.text(max_size=20)), 1, tuple(waits)))
    return Graph("any", tuple(nodes))


def test_a_call_cannot_wait_for_one_that_comes_later():
    with pytest.raises(ValueError, match="a waits for b"):
        Graph("flow", (Node("a", "first", 1, ("b",)), Node("b", "second")))


def test_text_puts_what_can_run_together_under_one_number():
    assert text(ETL).splitlines() == [
        "etl",
        "  1 ┌ extract",
        "    └ prices",
        "  2 ─ clean \N{MULTIPLICATION SIGN}12  ← extract",
        "  3 ─ join       ← clean \N{MULTIPLICATION SIGN}12, prices",
    ]


def test_text_of_a_flow_without_tasks_says_so():
    assert text(Graph("empty", ())) == "empty: no tasks\n"


def test_graphviz_source_has_every_call_and_every_wait():
    source = dot(ETL)
    assert '"d" [label="join"]' in source
    assert source.count("->") == 3


def test_graphviz_source_quotes_what_a_name_may_hold():
    assert r'[label="a \"b\" \\ c"]' in dot(Graph("f", (Node("x", 'a "b" \\ c'),)))


@given(graphs())
def test_svg_is_well_formed_whatever_the_names(graph: Graph):
    document = ET.fromstring(svg(graph))  # noqa: S314 - our own.
    assert document.tag == "{http://www.w3.org/2000/svg}svg"


@given(graphs())
def test_no_two_boxes_overlap_and_all_are_inside(graph: Graph):
    layout = lay_out(graph)
    boxes = list(layout.boxes.values())
    for one, other in combinations(boxes, 2):
        assert one.y != other.y or abs(one.x - other.x) >= (one.width + other.width) / 2
    assert all(box.width / 2 <= box.x <= layout.width - box.width / 2 for box in boxes)


@given(graphs())
def test_every_edge_points_down_through_every_row_it_crosses(graph: Graph):
    layout = lay_out(graph)
    for (above, below), path in layout.paths.items():
        assert len(path) == graph.depths[below] - graph.depths[above] + 1
        assert all(one.y < other.y for one, other in zip(path, path[1:], strict=False))
