"""Places of what was ordered among all that was, whatever account and region it is in."""

from __future__ import annotations

import threading

__all__ = ["Places"]


class Places:
    """Gives out numbers that grow. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0

    def take(self) -> int:
        """Return the next number."""
        with self._lock:
            self._next += 1
            return self._next

    def pass_by(self, number: int) -> None:
        """Give out none up to this one any more."""
        with self._lock:
            self._next = max(self._next, number)
