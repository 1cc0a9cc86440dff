"""
Simulated time: a clock that runs faster than the wall, and how durations and speeds are written.

Nothing here steps. What time it is follows from the speed and from how long it has been running,
so that asking often or rarely makes no difference.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "go_on_from", "parse_duration", "parse_speed"]

#: Seconds that no duration is longer than, so that time goes on after a jump: a thousand years.
_LONGEST = 1000 * 366 * 86400.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def parse_duration(value: float | str | timedelta) -> float:
    """
    Return a duration in seconds: a number of them, a timedelta, or text such as ``"3d"`` or ``"1d12h"``.

    :raises ValueError: if it is none of these, negative, or longer than a thousand years.
    """
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, str) and _DURATION.fullmatch(value):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    else:
        try:
            seconds = float(value)
        except (TypeError, ValueError):
            seconds = -1.0
    if isinstance(value, bool) or not 0 <= seconds <= _LONGEST:
        raise ValueError(
            "A duration is a number of seconds or text such as '3d' or '1d12h', of a thousand years at most; "
            f"got {value!r}"
        )
    return seconds


def parse_speed(value: float | str) -> float:
    """
    Return a speed in simulated seconds per real second, given as such or as ``"1d/s"``, ``"6h/s"``.

    :raises ValueError: if it is neither, or not above zero.
    """
    try:
        speed = parse_duration(value[:-2] if isinstance(value, str) and value.endswith("/s") else value)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise ValueError(f"A speed is a number above zero or text such as '1d/s' or '6h/s'; got {value!r}")
    return speed


class Clock:
    """
    A clock of simulated seconds, counted from when it was made. Safe to use from several threads.

    :param speed: simulated seconds per real second, as :func:`parse_speed` reads it.
    :param timer: real seconds from any origin; must not run backwards.
    :param wall: the date that is stamped on what is created; the speed does not apply to it.
    """

    def __init__(
        self,
        speed: float | str = 1.0,
        *,
        timer: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.wall = wall
        #: Called after each jump, in the thread that jumped.
        self.after_jump: list[Callable[[], None]] = []
        self._timer = timer
        self._lock = threading.Lock()
        self._usual_speed = self._speed = parse_speed(speed)
        self._paused = False
        self._base = 0.0
        self._since = timer()

    def date(self) -> datetime:
        """Return what the wall clock says, in whole seconds, as the dates of the API are."""
        return self.wall().replace(microsecond=0)

    def now(self) -> float:
        """Return the simulated seconds since the clock was made."""
        with self._lock:
            return self._now()

    def _now(self) -> float:
        return self._base if self._paused else self._base + (self._timer() - self._since) * self._speed

    def _rebase(self) -> None:
        self._base, self._since = self._now(), self._timer()

    @property
    def speed(self) -> float:
        """Simulated seconds per real second, while it is not paused."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether simulated time stands still."""
        return self._paused

    def set_speed(self, speed: float | str, *, paused: bool = False) -> None:
        """
        Run at ``speed`` from now on, until :meth:`reset`. A clock that is paused starts.

        :param paused: stand still for now; :meth:`resume` starts it at this speed.
        :raises ValueError: as :func:`parse_speed`.
        """
        parsed = parse_speed(speed)
        with self._lock:
            self._rebase()
            self._speed, self._paused = parsed, paused

    def configure(self, speed: float | str) -> None:
        """Make ``speed`` the one that :meth:`reset` returns to, and reset."""
        self._usual_speed = parse_speed(speed)
        self.reset()

    def reset(self) -> None:
        """Return to the usual speed and run. What time it is stays, as time never runs backwards."""
        with self._lock:
            self._rebase()
            self._speed, self._paused = self._usual_speed, False

    def pause(self) -> None:
        """Let simulated time stand still; :meth:`jump` still moves it, :meth:`set_speed` starts it."""
        with self._lock:
            self._rebase()
            self._paused = True

    def resume(self) -> None:
        """Let simulated time run on from where it stands."""
        with self._lock:
            self._rebase()
            self._paused = False

    def jump(self, duration: float | str | timedelta) -> None:
        """
        Move simulated time ahead at once.

        :raises ValueError: as :func:`parse_duration`; time never runs backwards.
        """
        seconds = parse_duration(duration)
        with self._lock:
            self._base += seconds
        for call in self.after_jump:
            call()


def go_on_from(clock: Clock, now: float, speed: float, *, paused: bool) -> None:
    """Let a clock go on from where another one stood, at its speed."""
    with clock._lock:
        clock._base, clock._since = now, clock._timer()
        clock._speed, clock._paused = parse_speed(speed), paused
