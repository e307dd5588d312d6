"""What is written in `__main__`, by a script or cell by cell in a notebook, runs in a pod as it does here."""

from __future__ import annotations

import subprocess
import sys
import textwrap

SCRIPT = """
    from __future__ import annotations

    import math
    from dataclasses import dataclass

    from ferryman import task

    SCALE = 3


    @dataclass
    class Point:
        x: float
        y: float = 0.0

        def length(self) -> float:
            return scaled(math.hypot(self.x, self.y))


    class TooLong(Exception):
        def __init__(self, length):
            super().__init__(f"{length} is too long")
            self.length = length


    def scaled(value):
        return SCALE * value


    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)


    @task
    def stretch(point: Point, by: float) -> Point:
        if point.length() > 100:
            raise TooLong(point.length())
        return Point(point.x * by, point.y * factorial(3))


    def make_adder(n):
        @task
        def adder(m):
            return n + m

        return adder


    if __name__ == "__main__":
        good, bad = stretch.submit(Point(3, 4), by=2), stretch.submit(Point(300), by=2)
        added, squared = make_adder(40).submit(2), task(lambda x: x * x).map([1, 2, 3])
        assert good.result(90) == Point(6, 24), good.result()
        assert type(good.result()) is Point
        try:
            bad.result(90)
        except TooLong as error:
            assert error.length == 900, error.length
        assert isinstance(bad.exception(), TooLong)
        assert added.result(90) == 42
        assert squared.result(90) == [1, 4, 9]
        print("sound")
"""

# As IPython does it: every cell is compiled on its own and executed in the namespace of `__main__`,
# and what a cell's source was is known to linecache alone.
NOTEBOOK = """
    import linecache, sys

    def run_cell(number, source):
        name = f"<ipython-input-{number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        exec(compile(source, name, "exec"), sys.modules["__main__"].__dict__)

    CELLS = [
        "from ferryman import task",
        "class Row(dict):\\n    pass\\n\\nrate = 2",
        "@task\\ndef price(n):\\n    return Row(price=n * rate)",
        "first = price.submit(5)",
        "rate = 3",
        "second = price.submit(5)",
        "@task\\ndef price(n):\\n    return Row(price=n + rate)",
        "third = price.submit(5)",
        "found = [future.result(90) for future in (first, second, third)]",
        "assert [row['price'] for row in found] == [10, 15, 8], found",
        "assert {type(row) for row in found} == {Row}",
    ]
    for number, source in enumerate(CELLS):
        run_cell(number, source)
    print("sound")
"""


def run(folder, source):
    (folder / "program.py").write_text(textwrap.dedent(source))
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=200
    )
    assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr


def test_a_scripts_own_classes_functions_globals_and_exceptions_travel(in_cluster, tmp_path):
    run(tmp_path, SCRIPT)


def test_a_notebooks_cells_travel_as_they_are_when_they_are_submitted(in_cluster, tmp_path):
    run(tmp_path, NOTEBOOK)
