"""What operations may watch of a triggerer's waits, through Airflow's own metrics."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from airflow_provider_snowball.wait import RequestError

try:
    # Of the two copies in Airflow 3.2 and later, the one that the triggerer has set up.
    from airflow.observability.stats import Stats
except ImportError:
    from airflow.stats import Stats  # type: ignore[assignment]  # the same methods

__all__ = ["ClientMetrics", "count_overdue", "wait_began", "wait_ended"]

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
    """Count jobs that were found overdue."""
    Stats.incr("snowball.jobs_overdue", jobs)


class ClientMetrics:
    """
    The metrics of one shared client, tagged with connection and region.

    ``snowball.polls`` and ``snowball.poll_errors.<code>`` count; ``snowball.polls_throttled`` counts those
    errors that were throttling; ``snowball.blind_seconds.<connection>.<region>`` is how long ago the last
    answer came, sent with each poll: 0 is good, a growing number is a triggerer that sees nothing.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._tags = {
            "aws_conn_id": str(parameters["aws_conn_id"]),
            "region_name": str(parameters["region_name"] or "default"),
        }
        self._blind = ".".join(["snowball.blind_seconds", *map(_plain, self._tags.values())])
        self._answered_at = time.monotonic()

    def poll(self) -> None:
        """Count a poll that begins."""
        Stats.incr("snowball.polls", tags=self._tags)

    def success(self) -> None:
        """Note that an answer came."""
        self._answered_at = time.monotonic()
        Stats.gauge(self._blind, 0.0, tags=self._tags)

    def error(self, error: RequestError) -> None:
        """Count a poll that failed."""
        Stats.incr(f"snowball.poll_errors.{_plain(error.code)}", tags=self._tags | {"code": error.code})
        if error.throttled:
            Stats.incr("snowball.polls_throttled", tags=self._tags)
        Stats.gauge(self._blind, time.monotonic() - self._answered_at, tags=self._tags)


def _plain(text: str) -> str:
    return re.sub(r"[^\w-]", "_", text)
