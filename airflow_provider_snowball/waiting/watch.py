"""
What a watcher tells of devices: events that begin DAG runs.

Pure: no clock, no network, no Airflow. A watcher never ends; what it has told it does not tell again, and
what it tells again after all, since it does not know that it was told, has the same id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from airflow_provider_snowball.lifecycle import ArgumentError, JobState, Progress
from airflow_provider_snowball.validate import check_job_ids
from airflow_provider_snowball.waiting.calls import Call, RequestError
from airflow_provider_snowball.waiting.closer_look import CloserLook, Hopeless
from airflow_provider_snowball.waiting.config import WAIT_PARAMETERS, WaitConfig
from airflow_provider_snowball.waiting.devices import Device, Outlook, devices_of
from airflow_provider_snowball.waiting.text import LogLine, LogLines
from airflow_provider_snowball.waiting.time_in_state import TimeInState

__all__ = ["EventKind", "Watch", "WatchConfig"]

#: The form of an event's payload, which only grows.
_VERSION = 1


class EventKind(StrEnum):
    """What begins a DAG run. The values are in payloads: they stay."""

    #: A device is at or past the target.
    REACHED = "reached"
    #: All devices are.
    ALL_REACHED = "all_reached"
    CANCELLED = "cancelled"
    LATE = "late"
    #: No device will reach the target any more: all are cancelled, or the cluster has ended.
    ENDED = "ended"


#: What of a wait's parameters a watcher has.
OF_A_WAIT = ("cluster_id", "job_ids", "target_state", "min_jobs", "max_days_in_state", "poke_interval")
#: What may be asked for besides.
ALSO = (EventKind.CANCELLED, EventKind.LATE, EventKind.ENDED)
#: The same, as a DAG file has it.
_ALSO = json.dumps(ALSO)


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """
    What a watcher was asked for.

    :param of: what a wait for the same would be asked for: the jobs, and their target.
    :param each: whether there is an event for each device, or one once all are at or past the target.
    :param also: the kinds of further events.
    """

    of: WaitConfig
    each: bool
    also: frozenset[EventKind]

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> WatchConfig:
        """
        Return what a flat dict of keywords asks for.

        :raises ValueError: if a value, or their combination, makes no sense.
        """
        fire, also = arguments.get("fire", "each"), _check_also(arguments.get("also"))
        if fire not in ("each", "all"):
            raise ArgumentError(f'fire must be "each" or "all"; got {fire!r} [SNB106]')
        # None is what a trigger's argument is that nobody gave.
        given = {
            name: value for name, value in arguments.items() if value is not None or name != "cluster_id"
        }
        if (job_ids := check_job_ids(arguments.get("job_ids"))) is not None:
            # In whatever order, and however often: the same jobs are the same watcher, and the same events.
            given["job_ids"] = sorted(set(job_ids))
        elif "cluster_id" not in given:
            raise ArgumentError(
                "A watcher needs cluster_id, the cluster whose jobs are watched, or job_ids, the jobs; got "
                "neither [SNB103]"
            )
        of = WaitConfig.read(given | {"ignore_cancelled": True} if _may_ignore(given) else given)
        if EventKind.LATE in also and not of.max_days_in_state:
            raise ArgumentError("late devices are those of max_days_in_state, which is not given [SNB107]")
        return cls(of, fire == "each", frozenset(map(EventKind, also)))

    def arguments(self) -> dict[str, Any]:
        """Return the flat dict of plain keywords that :meth:`read` makes an equal one of."""
        of = self.of.arguments()
        return {
            **{name: of.get(name, WAIT_PARAMETERS[name]) for name in OF_A_WAIT},
            "fire": "each" if self.each else "all",
            "also": sorted(map(str, self.also)),
        }

    def check_memory(self) -> None:
        """
        Check what can be had where nothing is remembered.

        :raises ValueError: if it is an event for each device.
        """
        if self.each:
            raise ArgumentError(
                'fire="each" needs a place to remember what was fired, which asset watchers have from '
                "Airflow 3.3 on: before, a triggerer that starts would fire for all devices again; use "
                'fire="all" [SNB109]'
            )


def _check_also(value: Any) -> tuple[Any, ...]:
    """Return the kinds of further events that are asked for, all of them known."""
    if value is None:
        return ()
    # A text is a collection, too: of letters.
    if isinstance(value, str | Mapping) or not isinstance(value, Collection):
        raise ArgumentError(f"also must be a list of some of {_ALSO}; got {value!r} [SNB106]")
    if unknown := [each for each in value if each not in ALSO]:
        named = ", ".join(map(repr, unknown))
        raise ArgumentError(f"also must be a list of some of {_ALSO}; got {named} in it [SNB106]")
    return tuple(value)


def _may_ignore(given: Mapping[str, Any]) -> bool:
    # A cancelled device keeps nobody from knowing of the others.
    return given.get("target_state") != JobState.CANCELLED


class Watch:
    """
    A watcher between two polls.

    :param memory: what :meth:`memory` returned in another process.
    """

    def __init__(self, config: WatchConfig, memory: Mapping[str, Any] | None = None) -> None:
        known = memory or {}
        self.config = config
        #: When each event was told, by its id, ISO 8601.
        self._told: dict[str, str] = dict(known.get("told") or {})
        #: Events that may not have been told, by their id.
        self.pending: dict[str, dict[str, Any]] = dict(known.get("pending") or {})
        self._times = TimeInState(config.of.max_days_in_state, known.get("times"))
        self._lines = LogLines()
        # What it found is not worth keeping: a watcher in another process looks again.
        self._closer_look = CloserLook(config.of, self._lines, keeps_on=True)
        #: All devices of the last listing, for whoever looks at what is kept.
        self._devices: list[dict[str, Any]] = list(known.get("devices") or [])
        #: Whether it has shown any in another state than before: what is kept is old then.
        self.has_moved = False

    def memory(self) -> dict[str, Any]:
        """Return what another process needs to know, as plain JSON values, and all devices to look at."""
        return {
            "told": self._told,
            "pending": self.pending,
            "times": self._times.memory(),
            "devices": self._devices,
        }

    def take_lines(self) -> tuple[LogLine, ...]:
        """Return the lines for the log that are new since the last call."""
        return self._lines.take()

    def judge(
        self,
        listing: Sequence[Mapping[str, Any]],
        clock: Callable[[], datetime],
        where: Mapping[str, Any] | None = None,
    ) -> Generator[Call, Any, list[dict[str, Any]]]:
        """
        Judge a listing: yield what else is to be asked, and return the events that it makes due.

        They are pending from then on. Driven as a wait's judgement is.

        :param where: what each event tells besides.
        :raises RequestError: if what the listing means cannot be known now.
        """
        jobs = list(listing)
        self.has_moved = False
        parts = yield from self._closer_look.parts_of_main_jobs(jobs)
        progress = self.config.of.judge(jobs, parts)
        hopeless = None
        if self.config.of.cluster_id is None or EventKind.ENDED in self.config.also:
            hopeless = yield from self._closer_look.at_what_is_lacking(progress, clock())
        self._lines.forget("error")
        if self._closer_look.add_found(jobs, parts):
            progress = self.config.of.judge(jobs, parts)
        now = clock()
        others = (*progress.unreachable, *progress.reached, *progress.ignored)
        self.has_moved = self._times.see(progress.waiting, others, now)
        devices = devices_of(progress, self._times)
        self._devices = [each.plain(now) for each in devices]
        new = [
            event | dict(where or {})
            for event in self._events(progress, devices, hopeless, now)
            if event["id"] not in self._told and event["id"] not in self.pending
        ]
        self.pending |= {event["id"]: event for event in new}
        return new

    def note_failure(self, error: RequestError) -> None:
        """Note that a poll has failed: events come later."""
        self.has_moved = False
        text = f"Cannot list {self.config.of.listed}, will poll again [SNB413]: {error}"
        self._lines.say("error", text, logging.WARNING)

    def mark_told(self, events: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Note that Airflow has these events."""
        for event in events:
            self.pending.pop(event["id"], None)
            self._told[event["id"]] = now.isoformat()

    def _events(
        self, progress: Progress, devices: Sequence[Device], hopeless: Hopeless | None, now: datetime
    ) -> Iterator[dict[str, Any]]:
        reason = self._why_ended(progress, hopeless)
        if reason is not None and EventKind.ENDED in self.config.also:
            yield self._payload(EventKind.ENDED, None) | {"reason": reason}
        if not self.config.each and progress.done:
            yield self._payload(EventKind.ALL_REACHED, None) | {
                "devices": [each.plain(now) for each in devices]
            }
        for device in devices:
            if device.outlook is Outlook.REACHED and self.config.each:
                yield self._payload(EventKind.REACHED, device) | device.plain(now)
            if device.state == JobState.CANCELLED and EventKind.CANCELLED in self.config.also:
                yield self._payload(EventKind.CANCELLED, device) | device.plain(now)
            if device.is_late(now) and EventKind.LATE in self.config.also:
                yield self._payload(EventKind.LATE, device) | device.plain(now)

    def _why_ended(self, progress: Progress, hopeless: Hopeless | None) -> str | None:
        if hopeless is not None:
            self._lines.say("hopeless", hopeless.text, logging.WARNING)
            # A job that does not exist keeps no other from the target.
            return hopeless.text if self.config.of.cluster_id is not None else None
        is_all = not progress.missing and not progress.too_few
        if progress.failed and is_all and not progress.waiting and not progress.reached:
            return progress.describe_failure(self.config.of.jobs)
        return None

    def _payload(self, kind: EventKind, device: Device | None) -> dict[str, Any]:
        target = str(self.config.of.target_state)
        of = "/".join(filter(None, [self.config.of.cluster_id, *(self.config.of.job_ids or ())]))
        about = f"{device.job_id}/{device.state}" if kind is EventKind.LATE and device else None
        about = about or (f"{device.job_id}/{target}" if device else f"{of}/{target}")
        return {
            "version": _VERSION,
            "id": f"{about}/{kind}",
            "event": kind.value,
            "cluster_id": self.config.of.cluster_id,
            "target_state": target,
        }
