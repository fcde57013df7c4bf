"""What every `Executor` keeps: threads, and the inline one of the simulation."""

import threading

import pytest

from everleaf.ports import Executor
from everleaf.system.executor import Inline, Threads


@pytest.fixture(params=[lambda: Threads(3), Inline], ids=["threads", "inline"])
def executor(request: pytest.FixtureRequest) -> Executor:
    made: Executor = request.param()
    return made


def test_every_item_is_called_once(executor: Executor) -> None:
    found = [one for one in executor.each(lambda item: item * 2, range(20)) if one]
    assert sorted(found) == [(item, item * 2) for item in range(20)]


def test_nothing_to_do_is_done(executor: Executor) -> None:
    assert list(executor.each(str, [])) == []


def test_a_call_may_have_no_result(executor: Executor) -> None:
    assert list(executor.each(lambda _: None, ["a"])) == [("a", None)]


def test_an_error_is_raised_where_the_result_is_due(executor: Executor) -> None:
    def call(item: int) -> int:
        if item == 1:
            raise KeyError(item)
        return item

    with pytest.raises(KeyError):
        list(executor.each(call, [0, 1]))


def test_calls_may_be_nested(executor: Executor) -> None:
    def inner(item: int) -> int:
        return sum(one[1] for one in executor.each(lambda other: item * other, range(4)) if one)

    found = dict(one for one in executor.each(inner, range(8)) if one)
    assert found == {item: item * 6 for item in range(8)}


def test_whoever_stops_listening_begins_nothing_more(executor: Executor) -> None:
    called: list[int] = []
    gate = threading.Event()

    def call(item: int) -> int:
        called.append(item)
        if item:
            gate.wait(10)
        return item

    results = executor.each(call, range(1000))
    assert next(iter(results)) == (0, 0)
    opened = threading.Timer(0.05, gate.set)
    opened.start()
    results.close()  # type: ignore[attr-defined]  # every one is a generator
    opened.join()
    assert len(called) < 10


def test_threads_run_at_most_so_many_calls_at_once() -> None:
    gate, now, most = threading.Lock(), [0], [0]
    together = threading.Barrier(3, timeout=10)

    def call(_: int) -> None:
        with gate:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait()
        with gate:
            now[0] -= 1

    for _ in Threads(3).each(call, range(9)):
        pass
    assert most == [3]


def test_threads_tick_while_they_wait() -> None:
    go = threading.Event()
    ticks = 0
    for one in Threads(1).each(lambda _: go.wait(10), ["a"], 0.01):
        if one is None:
            ticks += 1
            if ticks == 3:
                go.set()
        else:
            assert one == ("a", True)
    assert ticks >= 3
