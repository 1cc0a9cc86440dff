"""What operations may watch of a triggerer's waits, through Airflow's own metrics."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_snowball.waiting.calls import RequestError

try:
    # Of the two copies in Airflow 3.2 and later (apache/airflow#69270), that which the triggerer has set up.
    from airflow.observability.stats import Stats
except ImportError:
    from airflow.stats import Stats  # type: ignore[assignment]  # the same methods

__all__ = [
    "ClientMetrics",
    "count_late_end",
    "count_notifier_error",
    "count_overdue",
    "wait_began",
    "wait_ended",
]

#: A deadline that is told within this time is told on time.
_ON_TIME = timedelta(seconds=30)
_going_on = 0


def wait_began() -> None:
    """Count a wait in the gauge ``snowball.waits``: how many this triggerer holds."""
    _change_waits(1)


def wait_ended() -> None:
    """Count it out again."""
    _change_waits(-1)


def _change_waits(difference: int) -> None:
    global _going_on
    _going_on += difference
    Stats.gauge("snowball.waits", _going_on)


def count_overdue(jobs: int) -> None:
    """Count jobs that were found overdue, and that somebody was told of, if anybody was to be."""
    Stats.incr("snowball.jobs_overdue", jobs)


def count_notifier_error() -> None:
    """Count a notifier that failed, so that it is to be called again."""
    Stats.incr("snowball.notifier_errors")


def count_late_end(deadline: datetime, now: datetime) -> None:
    """Count a wait that timed out in ``snowball.waits_past_deadline``, if that is told late."""
    if now - deadline > _ON_TIME:
        Stats.incr("snowball.waits_past_deadline")


class ClientMetrics:
    """
    The metrics of one shared client, tagged with connection and region.

    ``snowball.polls`` and ``snowball.poll_errors.<code>`` count; ``snowball.polls_throttled`` counts those
    errors that were throttling. Two gauges are sent with each poll: how long ago the last one succeeded,
    as ``snowball.outage_seconds.<connection>.<region>``, where 0 is good and a growing number is a triggerer
    that sees nothing; and when that was, in Unix time, as
    ``snowball.last_success_timestamp.<connection>.<region>``, whose age grows by itself where no triggerer
    sends anything at all.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._tags = {
            "aws_conn_id": str(parameters["aws_conn_id"]),
            "region_name": str(parameters["region_name"] or "default"),
        }
        names = ".".join(map(_plain, self._tags.values()))
        self._outage = f"snowball.outage_seconds.{names}"
        self._last_success = f"snowball.last_success_timestamp.{names}"
        self._succeeded_at = time.monotonic()
        #: In Unix time; None as long as no poll has.
        self._last: float | None = None

    def poll(self) -> None:
        """Count a poll that begins."""
        Stats.incr("snowball.polls", tags=self._tags)

    def success(self) -> None:
        """Note that a poll succeeded."""
        self._succeeded_at = time.monotonic()
        self._last = time.time()
        self._send(0.0)

    def error(self, error: RequestError) -> None:
        """Count a poll that failed."""
        Stats.incr(f"snowball.poll_errors.{_plain(error.code)}", tags=self._tags | {"code": error.code})
        if error.throttled:
            Stats.incr("snowball.polls_throttled", tags=self._tags)
        self._send(time.monotonic() - self._succeeded_at)

    def _send(self, outage: float) -> None:
        Stats.gauge(self._outage, outage, tags=self._tags)
        if self._last is not None:
            Stats.gauge(self._last_success, self._last, tags=self._tags)


def _plain(text: str) -> str:
    return re.sub(r"[^\w-]", "_", text)
