"""What this process remembers of shared results is bounded, and the least used goes first."""

from __future__ import annotations

from ferryman.caching.memory import ResultMemory


def test_what_was_put_is_there():
    memory = ResultMemory()
    memory.put("a", b"one")
    assert memory.get("a") == b"one"
    assert memory.get("b") is None


def test_the_least_used_result_goes_first():
    memory = ResultMemory(results=2)
    memory.put("a", b"1")
    memory.put("b", b"2")
    memory.get("a")
    memory.put("c", b"3")
    assert [memory.get(one) for one in "abc"] == [b"1", None, b"3"]


def test_large_results_make_room_or_are_not_kept():
    memory = ResultMemory(size=10)
    memory.put("a", b"x" * 6)
    memory.put("b", b"x" * 6)
    memory.put("c", b"x" * 11)
    assert [memory.get(one) is not None for one in "abc"] == [False, True, False]


def test_putting_twice_counts_once():
    memory = ResultMemory(size=10)
    for _ in range(3):
        memory.put("a", b"x" * 6)
    assert memory.get("a") is not None
