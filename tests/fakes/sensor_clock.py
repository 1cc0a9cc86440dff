"""
One clock for a sensor and its trigger in ``dag.test()``: weeks of waiting pass at once.

What Airflow itself does goes by the real time: a poke is rescheduled to the present. Sleeps, reschedules
and the trigger's event loop move the clock.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_snowball.compat import AirflowRescheduleException, first_poke_of_this_try
from airflow_provider_snowball.sensors import base as sensors
from airflow_provider_snowball.triggers import base as triggers
from airflow_provider_snowball.triggers import shared_polls
from tests.fakes.clock_loop import ClockLoop

__all__ = ["sensor_clock"]


class _Clock:
    def __init__(self) -> None:
        self.date = datetime.now(UTC)
        #: When the present try was first at its sensor.
        self.try_began = self.date

    def sleep(self, seconds: float) -> None:
        self.date += timedelta(seconds=seconds)


class _LoopOnClock(ClockLoop):
    """An event loop that begins at what the clock says, and moves it."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._began = clock.date
        super().__init__()

    def date(self) -> datetime:
        return self._began + timedelta(seconds=self.time())

    def jump(self, seconds: float) -> None:
        super().jump(seconds)
        self._clock.date = self.date()


@contextmanager
def sensor_clock() -> Iterator[None]:
    """Have sensors and triggers go by one clock, which moves when one of them waits."""
    clock = _Clock()

    class _Datetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return clock.date.astimezone(tz)

    def reschedule(date: datetime) -> AirflowRescheduleException:
        clock.date = max(clock.date, date)
        return AirflowRescheduleException(datetime.now(UTC))  # type: ignore[no-untyped-call]  # Airflow's own

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sensors, "datetime", _Datetime)
        patch.setattr(sensors, "time", SimpleNamespace(sleep=clock.sleep))
        patch.setattr(sensors, "AirflowRescheduleException", reschedule)
        patch.setattr(sensors, "first_poke_of_this_try", _on(clock, first_poke_of_this_try))
        patch.setattr(triggers, "_now", lambda: clock.date)
        patch.setattr(asyncio.events, "new_event_loop", _in_main_thread(lambda: _LoopOnClock(clock)))
        # In a trigger alone, polls come earlier by chance.
        patch.setattr(shared_polls, "_JITTER", 0.0)
        yield


def _on(clock: _Clock, first_poke: Callable[[Any], datetime | None]) -> Callable[[Any], datetime | None]:
    """Return when Airflow's database knows a first poke, but by the clock."""

    def first_poke_on_clock(context: Any) -> datetime | None:
        if first_poke(context) is not None:
            return clock.try_began
        clock.try_began = clock.date
        return None

    return first_poke_on_clock


def _in_main_thread(
    make: Callable[[], asyncio.AbstractEventLoop],
) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes such loops where triggers run, and ordinary ones in Airflow's threads."""
    make_ordinary = asyncio.events.new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        if threading.current_thread() is threading.main_thread():
            return make()
        return make_ordinary()

    return new_event_loop
