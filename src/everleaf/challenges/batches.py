"""Which responses are presented together: hooks written for certbot are told how many follow."""

from threading import local

from everleaf.core.job import Trace


class Batches:
    """Counts by the order of calls: a thread traces all responses first, then presents each."""

    def __init__(self) -> None:
        self._mine = local()

    def traced(self, trace: Trace) -> None:
        """One more of this thread's batch; the first of a new one after something was presented."""
        self._traces().append(trace)

    def over(self) -> None:
        """The next one that is traced begins a new batch."""
        self._mine.over = True

    def presenting(self, trace: Trace) -> tuple[tuple[str, ...], int]:
        """The identifiers of the batch, and how many responses follow this one."""
        known: list[Trace] = getattr(self._mine, "traces", [])
        self.over()
        if trace not in known:
            return (trace.identifier,), 0
        return tuple(one.identifier for one in known), len(known) - 1 - known.index(trace)

    def _traces(self) -> list[Trace]:
        if getattr(self._mine, "over", True):
            self._mine.traces = []
            self._mine.over = False
        found: list[Trace] = self._mine.traces
        return found
