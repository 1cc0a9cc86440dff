"""What time it is for the jobs of a backend."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Protocol

from moto.core.utils import unix_time

__all__ = ["Clock", "WallClock"]


class Clock(Protocol):
    """Seconds from any origin, after which jobs move, and the date that is stamped on what is created."""

    def now(self) -> float:
        """Return the seconds."""

    def date(self) -> datetime:
        """Return the date in whole seconds, as the dates of the API are."""


class WallClock:
    """The clock on the wall, or what a test has put in its place."""

    def now(self) -> float:
        """Return the seconds."""
        return float(unix_time())

    def date(self) -> datetime:
        """Return the date in whole seconds, as the dates of the API are."""
        return datetime.fromtimestamp(int(unix_time()), timezone.utc)
