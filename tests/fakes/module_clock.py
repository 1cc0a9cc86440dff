"""The clocks of a module that imports ``time``, moved by hand."""

from __future__ import annotations


class ModuleClock:
    """What a module finds under that name; the calendar's clock is far from the other one."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + 1e9
