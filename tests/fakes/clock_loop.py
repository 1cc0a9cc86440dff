"""
An event loop whose clock stands still while anything can happen, and then jumps to the next timer.

Days of polling take milliseconds, and a machine's speed changes nothing: what is due at the same time
happens in the same order each time. It stands still, too, while a thread of an executor is at work.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

__all__ = ["BEGINNING", "ClockLoop", "run_on_clock", "settle"]

T = TypeVar("T")

#: Seconds between two looks at threads, should one not tell that it is done.
_GLANCE = 0.05
#: What the clock says when a loop begins, as a date.
BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)


class ClockLoop(asyncio.SelectorEventLoop):
    """The loop. ``time()`` begins at 0."""

    def __init__(self) -> None:
        self._now = 0.0
        #: How many functions are in threads.
        self.in_threads = 0
        super().__init__(_JumpingSelector(self))
        # A timer is due if it is due before now and this. asyncio has a nanosecond, which after a few months
        # of this clock is less than what floats tell apart: what is due now never came then.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return the seconds that have passed on the clock."""
        return self._now

    def date(self) -> datetime:
        """Return what the clock says, as a date."""
        return BEGINNING + timedelta(seconds=self._now)

    def jump(self, seconds: float) -> None:
        """Let time pass without anything happening meanwhile, as for a process that was stopped."""
        self._now += seconds

    def run_in_executor(  # type: ignore[override]  # by the arguments' types, which are the function's own
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function in a thread, with the clock standing still until it has returned."""
        future = super().run_in_executor(executor, func, *args)
        self.in_threads += 1
        future.add_done_callback(self._on_return)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """Wait for the executor's threads at the end, which is a thread of its own."""
        self.in_threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self.in_threads -= 1

    def _on_return(self, _: asyncio.Future[Any]) -> None:
        self.in_threads -= 1


class _JumpingSelector(selectors.BaseSelector):
    """Looks whether anything happened, and lets time pass instead of waiting for it."""

    def __init__(self, loop: ClockLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # A thread that is done wakes the selector.
        happened = self._real.select(_GLANCE if self._loop.in_threads and timeout != 0 else 0)
        if self._loop.in_threads:
            return happened
        if happened or timeout == 0:
            return happened
        if timeout is None:
            raise RuntimeError("Nothing is left that could happen: the test would wait for ever")
        self._loop.jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


def run_on_clock(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as asyncio.run() does, on a clock of its own."""
    with asyncio.Runner(loop_factory=ClockLoop) as runner:
        return runner.run(coroutine)


async def settle() -> None:
    """Let everything happen that can happen without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)
