"""`flow.visualize()` follows the flow's code and runs none of its tasks."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman import flow, task, unmapped
from ferryman.exceptions import VisualizationError
from ferryman.flows import Flow


@task
def extract(day: str) -> list[int]:
    raise AssertionError("no task is run")


@task
def clean(row: Any, factor: Any = 1) -> int:
    raise AssertionError("no task is run")


@task(viz_return_value=[1, 2, 3])
def chunks() -> list[int]:
    raise AssertionError("no task is run")


@task
async def fetch(url: str) -> str:
    raise AssertionError("no task is run")


def waits_of(drawn: Flow[[], Any]) -> dict[str, tuple[str, ...]]:
    """Each call and what it waits for."""
    return {node.title: node.upstreams for node in drawn.visualize().graph.nodes}


def test_a_call_waits_for_those_whose_values_it_gets():
    @flow
    def nested() -> None:
        first, second = extract("monday"), extract.submit("tuesday")
        clean({"rows": [first, (second, 1)]})

    assert waits_of(nested) == {"extract-0": (), "extract-1": (), "clean-0": ("extract-0", "extract-1")}


def test_a_call_waits_for_what_wait_for_names():
    @flow
    def ordered() -> None:
        first = extract.submit("monday")
        clean.submit(1, wait_for=[first])

    assert waits_of(ordered)["clean-0"] == ("extract-0",)


def test_a_call_here_waits_for_what_wait_for_names_too():
    @flow
    def ordered() -> None:
        first = extract("monday")
        clean(1, wait_for=[first])

    assert waits_of(ordered)["clean-0"] == ("extract-0",)


@pytest.mark.parametrize("leave", [clean.delay, lambda row: clean.apply_async((row,))])
def test_what_is_left_to_workers_is_drawn(leave: Any) -> None:
    @flow
    def deferred() -> None:
        leave(extract("monday"))

    assert waits_of(deferred)["clean-0"] == ("extract-0",)


def test_a_run_that_is_created_without_a_future_cannot_be_drawn() -> None:
    @flow
    def blind() -> None:
        clean.create_run({"row": 1})

    with pytest.raises(VisualizationError, match="create_run"):
        blind.visualize()


def test_a_map_is_one_node_with_the_number_of_its_runs():
    @flow
    def fan_out() -> None:
        cleaned = clean.map([1, 2, 3], unmapped(extract("monday")))
        clean.submit(cleaned)

    assert waits_of(fan_out) == {
        "extract-0": (),
        "clean-0 \N{MULTIPLICATION SIGN}3": ("extract-0",),
        "clean-1": ("clean-0",),
    }


def test_a_flow_that_waits_for_a_map_is_drawn_too():
    @flow
    def waiting():
        rows = clean.map([1, 2])
        rows.wait()
        if all(row.state.is_completed() for row in rows):
            clean.submit(rows.result())

    assert waits_of(waiting) == {"clean-0 \N{MULTIPLICATION SIGN}2": (), "clean-1": ("clean-0",)}


def test_a_flow_can_go_on_with_a_value_that_the_task_names_for_this():
    @flow
    def over_chunks() -> None:
        clean.map(chunks())

    assert waits_of(over_chunks) == {"chunks-0": (), "clean-0 \N{MULTIPLICATION SIGN}3": ("chunks-0",)}


def test_a_flow_that_looks_into_a_placeholder_is_told_what_to_do():
    @flow
    def curious() -> None:
        for row in extract("monday"):
            clean(row)

    with pytest.raises(VisualizationError, match=r"does not run extract.*viz_return_value"):
        curious.visualize()


def test_an_async_flow_is_followed_too():
    @flow
    async def crawl() -> None:
        page = await fetch("a")
        clean(page)

    picture = crawl.visualize()
    assert {node.label: node.upstreams for node in picture.graph.nodes} == {
        "fetch-0": (),
        "clean-0": ("fetch-0",),
    }


@flow
def small() -> None:
    extract("monday")


def test_a_notebook_shows_a_picture_and_print_shows_text():
    picture = small.visualize()
    assert picture._repr_svg_().startswith("<svg")
    assert str(picture) == "small\n  1 ─ extract-0"


def test_a_picture_is_saved_as_its_suffix_says(tmp_path):
    picture = small.visualize()
    assert picture.save(tmp_path / "small.svg").read_text().startswith("<svg")
    assert picture.save(tmp_path / "small.dot").read_text().startswith("digraph")
    with pytest.raises(ValueError, match=r"small\.png: the suffix of a picture is one of \.svg"):
        picture.save(tmp_path / "small.png")


def test_after_a_drawing_tasks_run_again():
    @task
    def one() -> int:
        return 1

    @flow
    def total() -> int:
        return one()

    total.visualize()
    assert total() == 1
