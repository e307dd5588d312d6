"""Ferryman in one minute: a map over real files, a reduction, and everything that can go wrong.

ferryman dev run examples/quickstart.py      # on this machine, no cluster needed
KUBECONFIG=... python examples/quickstart.py # on any cluster with the operator
"""

from __future__ import annotations

import re
import sys
import sysconfig
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ferryman import current_run, progress, task
from ferryman.exceptions import CancelledRun, TaskRunTimeoutError

FILES = 16
WORDS = 8


def words_of(text: str) -> list[str]:
    """What the task below calls travels with it."""
    return re.findall(r"[a-z]{4,}", text.lower())


@task
def count_words(name: str, text: str) -> Counter[str]:
    """How often each word stands in a file."""
    counts = Counter(words_of(text))
    print(f"{name}: {counts.total()} words")
    return counts


@task
def add_up(counts: list[Counter[str]]) -> list[tuple[str, int]]:
    """The most frequent words of all files."""
    return sum(counts, Counter()).most_common(WORDS)


@task(retries=3, retry_delay_seconds=[0.5, 1], retry_jitter_factor=0.3)
def flaky() -> str:
    """Fails twice, then succeeds."""
    attempt = current_run().attempt
    if attempt < 3:
        raise ConnectionError(f"attempt {attempt}: the line is dead")
    return f"got through on attempt {attempt}"


@task(timeout_seconds=2)
def slow() -> None:
    """Takes longer than it may."""
    time.sleep(3600)


@task
def endless() -> None:
    """Runs until somebody cancels it."""
    while True:
        time.sleep(1)


@task
def divide(dividend: int, divisor: int) -> float:
    """Raises, if you ask it to."""
    return dividend / divisor


def sources() -> list[Path]:
    """Some source files of the Python that runs this."""
    return sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:FILES]


def main() -> int:
    files = sources()
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]

    counts = count_words.map([path.name for path in files], texts)
    total = add_up.submit(counts)
    stubborn, late, abandoned, broken = flaky.submit(), slow.submit(), endless.submit(), divide.submit(1, 0)

    with progress.show([*counts, total, stubborn, late, abandoned, broken]) as table:
        table.wait_for(abandoned, "Running")
        abandoned.cancel()
        table.wait()

    summary = Table("call", "what came back", title="What came back", title_justify="left")
    summary.add_row("flaky()", repr(stubborn.result()))
    for name, future, expected in (
        ("slow()", late, TaskRunTimeoutError),
        ("endless()", abandoned, CancelledRun),
        ("divide(1, 0)", broken, ZeroDivisionError),
    ):
        error = future.result(raise_on_failure=False)
        assert isinstance(error, expected), error
        summary.add_row(name, f"{type(error).__name__}: {error}")
    words = total.result()
    summary.add_row(f"add_up({len(counts)} counts)", ", ".join(f"{word} {n}" for word, n in words))
    Console().print(summary)

    expected = sum((Counter(words_of(text)) for text in texts), Counter())
    assert words == expected.most_common(WORDS), "the cluster counted differently"
    print(f"The same words, counted here: {len(files)} files agree.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
