"""What pods write appears where somebody waits for it."""

from __future__ import annotations

from ferryman import task

BOUND = 120


@task
def talk(n: int) -> int:
    print(f"element {n} speaks")
    return n


def test_the_logs_of_a_map_are_streamed_while_it_is_waited_for(in_cluster, capsys):
    futures = talk.map([1, 2])
    assert futures.result(timeout=BOUND, stream_logs=True) == [1, 2]
    said = capsys.readouterr().out.splitlines()
    assert sorted(said) == sorted(
        f"{future.name}/1 | element {n} speaks" for n, future in enumerate(futures, 1)
    )
