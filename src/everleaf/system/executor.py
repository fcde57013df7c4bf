"""Threads for calls side by side, and the inline one for tests and simulations."""

import queue
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """`ports.Executor`: at most `jobs` calls at once."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def each(
        self, call: Callable[[T], R], items: Sequence[T], tick: float | None = None
    ) -> Iterator[tuple[T, R] | None]:
        """Call for each item; results in the order in which they finish.

        When the caller stops listening, what has begun is ended and no more is begun.
        """
        waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
        for item in items:
            waiting.put(item)
        done: queue.SimpleQueue[tuple[T, R | None, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            while True:
                try:
                    item = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    done.put((item, call(item), None))
                except BaseException as error:  # noqa: BLE001 - raised where the result is due
                    done.put((item, None, error))

        workers = [Thread(target=work) for _ in range(min(self._jobs, len(items)))]
        for worker in workers:
            worker.start()
        try:
            left = len(items)
            while left:
                try:
                    item, result, error = done.get(timeout=tick)
                except queue.Empty:
                    yield None
                    continue
                left -= 1
                if error is not None:
                    raise error
                yield item, result  # type: ignore[misc]  # a call without an error has a result
        finally:
            _drain(waiting)
            for worker in workers:
                worker.join()


def _drain(waiting: "queue.SimpleQueue[T]") -> None:
    while True:
        try:
            waiting.get_nowait()
        except queue.Empty:
            return


class Inline:
    """`ports.Executor`: one call after the other, in their order."""

    def each(
        self,
        call: Callable[[T], R],
        items: Sequence[T],
        tick: float | None = None,  # noqa: ARG002 - nothing to wait for
    ) -> Iterator[tuple[T, R] | None]:
        """Call for each item, in order."""
        for item in items:
            yield item, call(item)
