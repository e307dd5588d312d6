"""Never executed: calls of the public API that type checkers must accept, and ones they must refuse.

`test_typed_api.py` runs mypy and pyright over it. A line that ends in `# error` must be refused
by both, every other line accepted by both.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Generator
from typing import assert_type

from ferryman import (
    FlowRunContext,
    Pod,
    State,
    TaskFuture,
    TaskFutureList,
    TaskRun,
    TaskRunContext,
    allow_failure,
    as_completed,
    exponential_backoff,
    flow,
    get_run,
    get_run_context,
    get_run_logger,
    quote,
    tags,
    task,
    task_input_hash,
    transaction,
    unmapped,
    wait,
)
from ferryman.graphs.picture import Picture
from ferryman.transactions import Transaction


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task(
    name="spell",
    tags=["words"],
    retries=3,
    retry_delay_seconds=exponential_backoff(2),
    retry_jitter_factor=0.3,
    timeout_seconds="10m",
    pod=Pod(cpu="500m", memory="1Gi", env={"LEVEL": "3"}),
)
def spell(number: int, *, upper: bool = False) -> str:
    return str(number).upper() if upper else str(number)


@task
async def fetch(url: str) -> bytes:
    return url.encode()


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
def both(left: int, right: str) -> str:
    return right * left


@task
def numbers(upto: int) -> Generator[int, None, str]:
    yield from range(upto)
    return "end"


@task
async def slowly(upto: int) -> AsyncGenerator[int, None]:
    yield upto


@task(
    retries=2,
    cache_key_fn=task_input_hash,
    cache_expiration="1h",
    persist_result=True,
    result_storage_key="{parameters[x]}",
    cache_result_in_memory=False,
    refresh_cache=True,
    log_prints=True,
    on_completion=[print],
    on_failure=[lambda task, run, state: print(state.name)],
    on_commit=[print],
    on_rollback=[print],
    viz_return_value=3,
)
def everything(x: int) -> int:
    return x


@task(
    namespace="team-a",
    image="registry.example.com/images:3",
    cpu="500m",
    memory="2Gi",
    gpu=1,
    resources={"limits": {"nvidia.com/mig-1g.5gb": 1}},
    env={"LEVEL": "3"},
    secrets=["database"],
    service_account="loader",
    node_selector={"disk": "ssd"},
    tolerations=[{"key": "gpu", "operator": "Exists"}],
    start_timeout="15m",
    deadline=3600,
    infrastructure_retries=2,
    ttl="24h",
)
def elsewhere(x: int) -> int:
    return x


@flow
def nightly(day: str, *, rows: int = 3) -> int:
    return rows


@flow(name="load", flow_run_name="load-{day}", retries=1, namespace="team-a", service_account="flows")
async def load(day: str) -> list[int]:
    return [1]


@flow
def returning(x: int) -> list[int]:
    return [add.submit(x).as_argument(), add(x)]


@everything.on_completion
def hook(task: object, run: TaskRun, state: State) -> None:
    print(task, run.name, state.result())


hook(everything, add.create_run({"x": 1}), add(1, return_state=True))

assert_type(add(1), int)
assert_type(add(1, return_state=True), State)
assert_type(add(1, wait_for=[add.submit(1)]), int)
assert_type(add(add.submit(1)), int)
assert_type(both(2, add.submit(1)), str)
asyncio.run(fetch("x", return_state=True)).is_completed()
assert_type(next(numbers(3)), int)
assert_type(numbers.submit(3, return_state=True), State)
asyncio.run(slowly(3).aclose())
assert_type(add.submit(1, return_state=True), State)
assert_type(fetch.submit("x", return_state=True), State)
assert_type(add.submit(1, wait_for=None, return_state=True), State)
assert_type(add.map([1], return_state=True), list[State])
assert_type(add.create_run({"x": 1}), TaskRun)
assert_type(add.create_run({"x": 1}, wait_for=[add.submit(1)]).id, str)
assert_type(get_run_context(), TaskRunContext | FlowRunContext)
get_run_logger().info("%s", quote(3).unquote() + 1)
with transaction("day-1") as plain:
    assert_type(plain, Transaction)


async def transacted() -> Transaction:
    async with transaction("day-1") as awaited:
        assert_type(awaited, Transaction)
    return awaited


with tags("a", "b") as current:
    assert_type(current, frozenset[str])
assert_type(add(1, y=2), int)
assert_type(add.submit(1), TaskFuture[int])
assert_type(add.submit(1, y=2).result(), int)
assert_type(add.submit(x=1).result(timeout=3.0), int)
assert_type(spell.submit(1, upper=True).result(), str)
assert_type(add.with_options(retries=2, name="plus").submit(1).result(), int)
asyncio.run(fetch("x")).decode()
assert_type(fetch.submit("x").result(), bytes)
assert_type(fetch.map(["x", "y"]).result(), list[bytes])

first = add.submit(1)
assert_type(spell.submit(first).result(), str)
assert_type(both.submit(2, spell.submit(first)).result(), str)
assert_type(total.submit([first, add.submit(2)]).result(), int)
assert_type(total.submit(add.map([1, 2])).result(), int)
assert_type(add.submit(1, wait_for=[first]).result(), int)
assert_type(spell.submit(number=first.as_argument()).result(), str)
assert_type(total.submit([first.as_argument(), 3]).result(), int)

mapped = add.map(range(3), unmapped(2))
assert_type(mapped, TaskFutureList[int])
assert_type(mapped.result(), list[int])
assert_type(spell.map(mapped, upper=True).result(), list[str])
spell.map([1, 2], wait_for=allow_failure(first))

for done in as_completed(mapped):
    assert_type(done.result(), int)
for finished in concurrent.futures.as_completed([first]):
    assert_type(finished.result(), int)
wait(mapped, timeout=3)
first.state.is_completed()
get_run("add-abcdefgh").result()

assert_type(elsewhere.with_options(namespace=None, gpu=None).submit(1).result(), int)
assert_type(nightly("monday"), int)
assert_type(nightly("monday", rows=2, return_state=True), State)
assert_type(nightly.submit("monday", rows=2), TaskFuture[int])
assert_type(nightly.submit("monday", return_state=True), State)
assert_type(nightly.map(["monday", "tuesday"]).result(), list[int])
assert_type(nightly.map(["monday"], return_state=True), list[State])
assert_type(nightly.with_options(flow_run_name="n-{day}").submit("monday").result(), int)
assert_type(nightly.with_options(retries=1).visualize("monday", rows=2), Picture)
assert_type(asyncio.run(load("monday")), list[int])
assert_type(load.submit("monday").result(), list[int])
assert_type(load.visualize("monday"), Picture)
assert_type(returning(1), list[int])
assert_type(mapped.result(return_exceptions=True, stream_logs=True), list[int | BaseException])
assert_type(mapped.result(return_exceptions=False), list[int])

assert_type(add.delay(1, y=2), TaskFuture[int])
assert_type(fetch.delay("x").result(), bytes)
assert_type(add.apply_async((1,), wait_for=[first]), TaskFuture[int])
assert_type(add.apply_async(kwargs={"x": 1}, dependencies={"x": [first]}).result(), int)
assert_type(fetch.apply_async(["x"]).result(), bytes)
assert_type(add.map([1], deferred=True).result(), list[int])

add.delay("1")  # error
add.delay()  # error
add.apply_async(3)  # error
add.apply_async((1,), {"y": 2}, retries=3)  # error
nightly(3)  # error
nightly.submit()  # error
nightly.submit("monday", rows="3")  # error
nightly.visualize(3)  # error
nightly.with_options(flow_run_nam="n")  # error
flow(flow_run_name=3)  # error
task(flow_run_name="n")  # error
task(namespace=3)  # error
task(image=3)  # error
task(cpu=[1])  # error
task(gpu="1")  # error
task(env={"LEVEL": 3})  # error
task(secrets=3)  # error
task(ttl=[])  # error
state: State = add.submit(1)  # error
states: list[State] = add.map([1])  # error
futures: TaskFutureList[int] = add.map([1], return_state=True)  # error
add("1")  # error
add(1, 2, 3)  # error
tags(1)  # error
add.create_run([1])  # error
task(on_failure=[3])  # error
task(persist_result="yes")  # error
task(cache_key_fn="key")  # error
text: str = add(1, return_state=True)  # error
add.map([1], return_state=True).result()  # error
add.submit("1")  # error
add.submit()  # error
add.submit(1, 2, 3)  # error
add.submit(1, z=2)  # error
spell.submit(1, upper="yes")  # error
fetch.submit(3)  # error
both.submit("2", "2")  # error
add.submit(spell.submit(1).as_argument())  # error
add.with_options(retrys=3)  # error
add.with_options(retries="3")  # error
task(retries="3")  # error
Pod(cpus=3)  # error
number: str = add.submit(1).result()  # error
