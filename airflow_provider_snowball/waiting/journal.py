"""
What a wait tells of its devices: all of them at each change, and one line a day in between.

Pure: no clock, no Airflow. What was told is remembered, so that a wait that goes on in another process
does not tell it again there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from airflow_provider_snowball.lifecycle import Progress
from airflow_provider_snowball.waiting.devices import devices_of, format_time, table
from airflow_provider_snowball.waiting.text import LogLines, format_duration
from airflow_provider_snowball.waiting.time_in_state import TimeInState

__all__ = ["Journal"]

_DELIVERY = "delivery "
#: Without a change, one line in this time.
_QUIET = timedelta(days=1)


class Journal(LogLines):
    """
    What a wait has to say, and what was told of its devices, and when.

    Lines of its own, not an object that holds some: ten thousand waits have one each.

    :param memory: what :meth:`memory` returned in another process.
    """

    __slots__ = ("_changed_at", "_counts", "_deliveries", "_failed", "_polls", "_told_at")

    def __init__(self, memory: Mapping[str, str] | None = None) -> None:
        super().__init__()
        known = memory or {}
        self._told_at = _time(known.get("told_at"))
        self._changed_at = _time(known.get("changed_at")) or self._told_at
        #: Since something was told: polls, and how many of them failed.
        self._polls, self._failed = (int(known.get(name, 0)) for name in ("polls", "failed_polls"))
        #: The counts that were told last by this process.
        self._counts: str | None = None
        #: What was told last beside the states, by JobId; None as long as nothing was.
        self._deliveries: dict[str, str] | None = {
            name.removeprefix(_DELIVERY): text for name, text in known.items() if name.startswith(_DELIVERY)
        } or None

    def memory(self) -> dict[str, str]:
        """Return what another process needs to know: ISO 8601 times, numbers as texts, and what was told."""
        if self._told_at is None or self._changed_at is None:
            return {}
        return {
            "changed_at": self._changed_at.isoformat(),
            "told_at": self._told_at.isoformat(),
            "polls": str(self._polls),
            "failed_polls": str(self._failed),
            **{f"{_DELIVERY}{job_id}": text for job_id, text in self.deliveries.items()},
        }

    def count(self, *, failed: bool) -> None:
        """Count a poll."""
        self._polls += 1
        self._failed += failed

    @property
    def deliveries(self) -> Mapping[str, str]:
        """What was told last beside the states, by JobId."""
        return self._deliveries or {}

    def has_news(self, progress: Progress, *, moved: bool) -> bool:
        """
        Return whether a verdict is not what was told last.

        :param moved: whether any job is in another state than before.
        """
        return moved or self._told_at is None or self._counts not in (None, str(progress))

    def is_quiet(self, now: datetime) -> bool:
        """Return whether nothing was told for a day."""
        # Nor for less than no time, lest a clock that was set back silences it.
        return self._told_at is not None and not timedelta(0) <= now - self._told_at < _QUIET

    def tell(
        self,
        name: str,
        progress: Progress,
        times: TimeInState,
        now: datetime,
        *,
        moved: bool,
        deliveries: Mapping[str, str] | None = None,
    ) -> None:
        """
        Say the counts, and a line for each device, if anything is new.

        :param name: whom the wait is about, as it begins a sentence.
        :param times: since when each job was seen in its state.
        :param moved: as for :meth:`has_news`.
        :param deliveries: what is known beside the states, by JobId; None if nobody has asked.
        """
        has_news = self.has_news(progress, moved=moved)
        if deliveries is not None and deliveries != self._deliveries:
            has_news, self._deliveries = True, dict(deliveries)
        self._counts = str(progress)
        if not has_news:
            return
        self._changed_at = now
        self._note(now)
        rows = table(devices_of(progress, times, self.deliveries), now)
        # One record: in a triggerer each is a write that may wait for the supervisor (docs/upstream).
        self.add("\n".join((f"{name}: {self._counts}", *rows)))

    def tell_daily(self, name: str, now: datetime, *, next_poll: datetime, ends_at: datetime) -> None:
        """
        Say so if nothing was told for a day.

        :param next_poll: when the wait polls again.
        :param ends_at: when it ends at the latest.
        """
        if self._changed_at is None or not self.is_quiet(now):
            return
        polls = f"{self._polls} poll{'' if self._polls == 1 else 's'}"
        if self._failed:
            polls += f", {self._failed} of them failed"
        quiet = format_duration(max((now - self._changed_at).total_seconds(), 0.0))
        counts = "" if self._counts is None else f", {self._counts}"
        self._note(now)
        self.add(
            f"{name}: no change for {quiet}{counts}; {polls} since the last line; next poll at "
            f"{format_time(next_poll)}; the wait ends at {format_time(ends_at)} at the latest"
        )

    def _note(self, now: datetime) -> None:
        self._told_at = now
        self._polls = self._failed = 0


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
