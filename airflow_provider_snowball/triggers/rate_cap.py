"""A cap on the calls that all waits of one client make together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from airflow_provider_snowball.compat import conf

__all__ = ["RateCap", "Stopped", "calls_per_second"]

#: How many seconds' worth of calls may go out at once, after a pause.
_BURST_SECONDS = 5.0


def calls_per_second() -> float:
    """Return the cap that is configured: ``[snowball] max_calls_per_second``."""
    rate = float(conf.getfloat("snowball", "max_calls_per_second", fallback=20.0))
    if not rate > 0:
        raise ValueError(f"[snowball] max_calls_per_second must be more than 0; got {rate:g} [SNB113]")
    return rate


class Stopped(Exception):
    """Nobody waits for this call any more."""


class RateCap:
    """
    Holds threads up so that no more than ``calls_per_second`` go out, after a burst of five seconds' worth.

    Called before each request, retries and further pages included.

    :param clock: monotonic seconds.
    """

    def __init__(self, calls_per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1.0 / calls_per_second
        self._burst = max(_BURST_SECONDS, self._interval)
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = threading.Event()
        #: When the next call would be due, had all gone out evenly (GCRA's theoretical arrival time).
        self._due = clock() - self._burst

    def __call__(self, **_: Any) -> None:
        """
        Wait for this call's turn.

        :raises Stopped: once :meth:`close` was called.
        """
        if self._closed.wait(self.reserve()):
            raise Stopped("the last wait for this answer has ended")

    def reserve(self) -> float:
        """Take the next turn and return the seconds until it comes."""
        with self._lock:
            now = self._clock()
            self._due = max(self._due, now - self._burst) + self._interval
            return max(self._due - now, 0.0)

    def close(self) -> None:
        """Let nobody through any more, those who wait included."""
        self._closed.set()
