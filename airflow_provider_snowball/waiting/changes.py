"""
What has changed for the devices of a wait since somebody was told.

Pure: no clock, no Airflow. A change is told of at least once: it is found again at each poll until
:meth:`Changes.mark_told`. One that is told of again, by a process that does not know that it was, has the
same id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from airflow_provider_snowball.lifecycle import JobState
from airflow_provider_snowball.waiting.devices import Device, Outlook

__all__ = ["Change", "ChangeKind", "Changes", "News"]

_SHOWN = "shown "
_SHOWN_AT = "shown_at"


class ChangeKind(StrEnum):
    """What has become of a device. The values travel in trigger events: they stay."""

    #: Listed for the first time since the wait began: a replacement, for one.
    LISTED = "listed"
    MOVED = "moved"
    #: At or past the target.
    REACHED = "reached"
    CANCELLED = "cancelled"
    #: In its state for longer than it may be.
    LATE = "late"
    #: Listed no more.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Change:
    """
    That a device is not what somebody was told last.

    :param number: which change of this device it is, from 1 on.
    :param before: its state then; None if it was not listed.
    :param state: its state now; None if it is not listed.
    :param remark: what is remarkable about it now, ``reached`` or ``late``.
    """

    job_id: str
    name: str
    kind: ChangeKind
    number: int
    before: str | None
    state: str | None
    remark: str = ""

    @property
    def id(self) -> str:
        """What makes a repeat recognisable."""
        return f"{self.job_id}/{self.number}/{self.before or ''}-{self.state or ''}/{self.kind}"

    def __str__(self) -> str:
        match self.kind:
            case ChangeKind.LISTED:
                return f"{self.name} is listed: {self.state}"
            case ChangeKind.GONE:
                return f"{self.name} is listed no more, last {self.before}"
            case ChangeKind.LATE:
                return f"{self.name} is late in {self.state}"
            case _:
                return f"{self.name}: {self.before} -> {self.state}"

    def plain(self) -> dict[str, Any]:
        """Return it as whoever is told gets it, in plain JSON values; :meth:`of` reads it back."""
        return asdict(self) | {"kind": self.kind.value, "id": self.id, "text": str(self)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Change:
        """Return what :meth:`plain` made a dict of, in this or any later version."""
        known = {name: plain[name] for name in cls.__slots__}
        is_known = plain["kind"] in frozenset(ChangeKind)
        return cls(**known | {"kind": ChangeKind(plain["kind"]) if is_known else ChangeKind.MOVED})


@dataclass(frozen=True, slots=True)
class News:
    """
    What there is to tell of a wait.

    :param changes: since somebody was told last.
    :param devices: all of them now, as plain dicts.
    :param due: whether it is to be told now.
    """

    changes: tuple[Change, ...]
    devices: tuple[dict[str, Any], ...]
    due: bool

    def plain(self) -> dict[str, Any]:
        """Return it as events and memories have it, in plain JSON values; :meth:`of` reads it back."""
        changes = [each.plain() for each in self.changes]
        return {"changes": changes, "devices": list(self.devices), "due": self.due}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> News:
        """Return what :meth:`plain` made a dict of, in this or any later version."""
        changes = tuple(Change.of(each) for each in plain["changes"])
        return cls(changes, tuple(plain["devices"]), due=bool(plain["due"]))


@dataclass(frozen=True, slots=True)
class _Shown:
    """
    What was told last of a device.

    :param number: how many changes of it.
    :param state: None once it was listed no more.
    :param remark: as of a :class:`Change`.
    :param since: of a late one, since when it was in its state, in ISO 8601: it may come back to it, and be
        late again, before anybody is told that it was away.
    """

    number: int
    state: str | None
    remark: str
    since: str | None = None

    def row(self) -> list[int | str | None]:
        """Return its values as a list, as short as it can be: each wait's memory has one a device."""
        values: list[int | str | None] = [self.number, self.state, self.remark]
        return values if self.since is None else [*values, self.since]

    def is_as_late(self, device: Device) -> bool:
        """Tell whether it was told as late, in the same stay of the device in its state."""
        if self.remark != ChangeKind.LATE:
            return False
        return self.since is None or device.since is None or self.since == device.since.isoformat()


#: Of a device that nobody was told of.
_NEVER = _Shown(0, None, "")


class Changes:
    """
    What somebody was told of each device last; what a wait finds first counts as told.

    :param interval: changes of so many seconds are told of together.
    :param memory: what :meth:`memory` returned in another process.
    """

    __slots__ = ("_interval", "_shown", "_shown_at")

    def __init__(self, interval: float, memory: Mapping[str, str] | None = None) -> None:
        known = memory or {}
        self._interval = timedelta(seconds=interval)
        #: When somebody was told last; None as long as nothing was found.
        self._shown_at = datetime.fromisoformat(known[_SHOWN_AT]) if _SHOWN_AT in known else None
        self._shown = {
            name.removeprefix(_SHOWN): _Shown(*json.loads(text)[: len(_Shown.__slots__)])
            for name, text in known.items()
            if name.startswith(_SHOWN)
        }

    def memory(self) -> dict[str, str]:
        """Return what another process needs to know: a time, and for each device a list as JSON."""
        if self._shown_at is None:
            return {}
        return {_SHOWN_AT: self._shown_at.isoformat()} | {
            f"{_SHOWN}{job_id}": json.dumps(each.row()) for job_id, each in self._shown.items()
        }

    def find(self, devices: Sequence[Device], now: datetime, *, at_once: bool) -> News:
        """
        Return what there is to tell.

        :param at_once: whether there is no later poll to tell it at.
        """
        table = tuple(device.plain(now) | {"delivery": device.delivery} for device in devices)
        if self._shown_at is None:
            late = _late_since(table)
            self._shown = {
                device.job_id: _Shown(0, device.state, _remark(device, now), late.get(device.job_id))
                for device in devices
                if device.state is not None
            }
            self._shown_at = now
            return News((), table, due=True)
        changes = tuple(self._changes(devices, now))
        # Not before then either, lest a clock that was set back puts it off.
        is_time = not timedelta(0) <= now - self._shown_at < self._interval
        return News(changes, table, due=bool(changes) and (at_once or is_time))

    def _changes(self, devices: Sequence[Device], now: datetime) -> Iterator[Change]:
        # One that is listed without a state may be where it was.
        there = {device.job_id: device for device in devices if device.outlook is not Outlook.NOT_LISTED}
        for job_id, device in there.items():
            if device.state is None:
                continue
            before, remark = self._shown.get(job_id, _NEVER), _remark(device, now)
            kind = _kind_of(before, device, remark)
            if kind is not None:
                number = before.number + 1
                yield Change(job_id, device.name, kind, number, before.state, device.state, remark)
        for job_id, before in self._shown.items():
            if job_id not in there and before.state is not None:
                yield Change(job_id, job_id, ChangeKind.GONE, before.number + 1, before.state, None)

    def mark_told(self, news: News, now: datetime) -> None:
        """Note that somebody was told."""
        self._shown_at = now
        late = _late_since(news.devices)
        for each in news.changes:
            self._shown[each.job_id] = _Shown(each.number, each.state, each.remark, late.get(each.job_id))


def _late_since(devices: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    """Return since when those that are late are in their states, by job id."""
    return {each["job_id"]: each["since"] for each in devices if each["late"]}


def _remark(device: Device, now: datetime) -> str:
    if device.outlook is Outlook.REACHED:
        return ChangeKind.REACHED.value
    return ChangeKind.LATE.value if device.is_late(now) else ""


def _kind_of(before: _Shown, device: Device, remark: str) -> ChangeKind | None:
    if before.state is None:
        return ChangeKind.LISTED
    if before.state != device.state:
        if device.state == JobState.CANCELLED:
            return ChangeKind.CANCELLED
        is_news = remark == ChangeKind.REACHED and before.remark != remark
        return ChangeKind.REACHED if is_news else ChangeKind.MOVED
    return ChangeKind.LATE if remark == ChangeKind.LATE and not before.is_as_late(device) else None
