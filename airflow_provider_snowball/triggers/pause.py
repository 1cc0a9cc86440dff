"""
PauseTrigger: a task that goes on by itself after a while, with what it knows.

Airflow stores its class path and its arguments: they stay.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

__all__ = ["PauseTrigger"]

#: Seconds after which the clock is looked at again, which somebody may have set.
_LOOK = 60.0


class PauseTrigger(BaseTrigger):
    """
    Fires at a time, and hands on what it was given.

    What ``defer()`` takes as ``kwargs`` would do, but ``dag.test()`` forgets that once a trigger has fired
    (apache/airflow#69942, merged after 3.3.2).

    :param until: Unix time.
    :param known: plain JSON values; the payload of the event.
    """

    def __init__(self, *, until: float, known: Mapping[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.until = until
        self.known = dict(known)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores."""
        return f"{__name__}.{type(self).__name__}", {"until": self.until, "known": self.known}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire once."""
        while (left := self.until - time.time()) > 0:
            await asyncio.sleep(min(left, _LOOK))
        yield TriggerEvent(self.known)  # type: ignore[no-untyped-call]  # Airflow's own
