"""Extract, transform, load: steps that wait for each other in the cluster, and are not done twice.

    ferryman dev run examples/etl.py

A future as an argument makes one run wait for another: the value goes from pod to pod through the
store, never through this process, which could end once everything is submitted. `wait_for` is a
dependency without a value. What `extract` returned is kept for a day under its arguments
(`cache_policy=INPUTS`), so the second time it is not executed: no pod is started for it.

It prints:

    first time
      extract('north')    Completed
      extract('south')    Completed
      load                7 orders, 1230.50 in total
      announce            report of 7 orders sent
    second time
      extract('north')    Cached
      extract('south')    Cached
      load                7 orders, 1230.50 in total
      announce            report of 7 orders sent
"""

from __future__ import annotations

import csv
import io
import sqlite3
from datetime import timedelta

from ferryman import task
from ferryman.cache_policies import INPUTS

SOURCES = {
    "north": "id,amount\n1,100.00\n2,250.50\n3,80.00\n",
    "south": "id,amount\n7,300.00\n8,oops\n9,200.00\n10,100.00\n11,200.00\n",
}


@task(cache_policy=INPUTS, cache_expiration=timedelta(days=1), retries=2)
def extract(region: str) -> list[dict[str, str]]:
    """The orders of a region, as its system exports them."""
    return list(csv.DictReader(io.StringIO(SOURCES[region])))


@task
def transform(rows: list[dict[str, str]]) -> list[tuple[int, float]]:
    """The orders whose amount is a number."""
    return [
        (int(row["id"]), float(row["amount"])) for row in rows if row["amount"].replace(".", "").isdigit()
    ]


@task
def load(regions: list[list[tuple[int, float]]]) -> tuple[int, float]:
    """How many orders are in the warehouse then, and what they are worth."""
    with sqlite3.connect(":memory:") as warehouse:
        warehouse.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, amount REAL)")
        for orders in regions:
            warehouse.executemany("INSERT INTO orders VALUES (?, ?)", orders)
        number, total = warehouse.execute("SELECT count(*), sum(amount) FROM orders").fetchone()
    return number, total


@task
def announce(loaded: tuple[int, float]) -> str:
    """Tell people."""
    return f"report of {loaded[0]} orders sent"


def run() -> None:
    extracted = extract.map(SOURCES)
    loaded = load.submit(transform.map(extracted))
    announced = announce.submit(loaded, wait_for=extracted)

    number, total = loaded.result()
    for region, future in zip(SOURCES, extracted, strict=True):
        print(f"  {f'extract({region!r})':<20}{future.state.name}")
    print(f"  {'load':<20}{number} orders, {total:.2f} in total")
    print(f"  {'announce':<20}{announced.result()}")


def main() -> None:
    for time in ("first", "second"):
        print(f"{time} time")
        run()


if __name__ == "__main__":
    main()
