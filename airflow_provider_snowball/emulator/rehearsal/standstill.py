"""
Who waits for jobs while simulated time stands still.

Such a wait never ends and looks like any other, so that a test hangs and nothing says why.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

__all__ = ["Standstill"]


class Standstill:
    """Counts the same answers to the same requests at one moment. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: float | None = None
        self._answers: dict[Hashable, tuple[Hashable, int]] = {}

    def repeats(self, request: Hashable, answer: Hashable, now: float) -> int:
        """Return how many times in a row this is the answer, all of them at the simulated second ``now``."""
        with self._lock:
            if now != self._at:
                self._at, self._answers = now, {}
            before, times = self._answers.get(request, (None, 0))
            times = times + 1 if answer == before else 1
            self._answers[request] = answer, times
        return times
