"""The devices of a wait, in words: one line for each, as it stands in the log. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from airflow_provider_snowball.lifecycle import Job, JobState, Progress
from airflow_provider_snowball.waiting.text import NAMED, format_bytes, format_duration
from airflow_provider_snowball.waiting.time_in_state import TimeInState

__all__ = ["Device", "Outlook", "describe_delivery", "devices_of", "format_time", "is_on_the_road", "table"]

#: As much of a description as a line has room for.
_LONGEST_NAME = 40
_ON_THE_ROAD = frozenset(JobState) - {
    JobState.NEW,
    JobState.LISTING,
    JobState.PENDING,
    JobState.PREPARING_APPLIANCE,
    JobState.COMPLETE,
    JobState.CANCELLED,
}
#: A state that was seen for less than this has lasted no time worth a word.
_A_WHILE = timedelta(minutes=1)


class Outlook(StrEnum):
    """What a wait may expect of a device."""

    ON_ITS_WAY = "on its way"
    NOT_LISTED = "not listed yet"
    UNREACHABLE = "unreachable"
    REACHED = "reached"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Device:
    """
    A device, as a wait sees it.

    :param name: the description of its job, in which people write what the device is for; else the JobId.
    :param state: as listed; None if it is not.
    :param since: when the wait first saw it in that state: it may have been so before.
    :param max_days: what makes it late in that state; None if nothing does.
    :param delivery: what its carrier and AWS say of it, empty if that is not known.
    :param job_type: on whose path its state is, as listed.
    """

    job_id: str
    name: str
    state: str | None
    outlook: Outlook
    since: datetime | None
    max_days: float | None
    delivery: str
    job_type: str | None

    def is_late(self, now: datetime) -> bool:
        """Whether it has been in its state for longer than it may."""
        if self.since is None or self.max_days is None or self.outlook is not Outlook.ON_ITS_WAY:
            return False
        return now - self.since >= timedelta(days=self.max_days)

    def plain(self, now: datetime) -> dict[str, Any]:
        """Return it as events, XComs and stores have it, in plain JSON values; the form only grows."""
        return {
            "job_id": self.job_id,
            "name": self.name,
            "state": self.state,
            "since": None if self.since is None else self.since.isoformat(),
            "outlook": self.outlook.value,
            "late": self.is_late(now),
            "job_type": self.job_type,
        }


def devices_of(
    progress: Progress, times: TimeInState, deliveries: Mapping[str, str] | None = None
) -> list[Device]:
    """
    Return the devices of a verdict, those that are waited for first.

    :param deliveries: what is known beside their states, by JobId.
    """
    groups = (
        (Outlook.ON_ITS_WAY, progress.waiting),
        (Outlook.NOT_LISTED, [Job(job_id, None) for job_id in progress.missing]),
        (Outlook.UNREACHABLE, progress.unreachable),
        (Outlook.REACHED, progress.reached),
        (Outlook.IGNORED, progress.ignored),
    )
    jobs = [
        (job, outlook, _one_line(job.description or "") or job.id)
        for outlook, group in groups
        for job in group
    ]
    count = Counter(text for _, _, text in jobs)
    return [
        Device(
            job_id=job.id,
            # The jobs of a cluster may share a description.
            name=text if count[text] == 1 or text == job.id else f"{text} {job.id}",
            state=job.state,
            outlook=outlook,
            since=times.since(job),
            max_days=times.limit(job),
            delivery=(deliveries or {}).get(job.id, ""),
            job_type=job.job_type,
        )
        for job, outlook, text in jobs
    ]


def table(devices: Sequence[Device], now: datetime) -> Iterator[str]:
    """Yield a line for each of the first devices, in columns, and how many more there are."""
    shown = devices[:NAMED]
    rows = [(each.name, _state(each), _duration(each, now), _remark(each, now)) for each in shown]
    if not rows:
        return
    name, state, since = (max(len(row[column]) for row in rows) for column in range(3))
    for row in rows:
        yield f"  {row[0]:<{name}}  {row[1]:<{state}}  {row[2]:<{since}}  {row[3]}".rstrip()
    if more := len(devices) - len(shown):
        yield f"  and {more} more"


def is_on_the_road(state: str | None) -> bool:
    """Tell whether DescribeJob knows more of a job in this state: of its shipment, or its data."""
    return state in _ON_THE_ROAD


def describe_delivery(delivery: Mapping[str, Any]) -> str:
    """
    Return what DescribeJob tells of a device on the road, and of its data, in a few words.

    The way back counts once there is one; a transfer's totals are 0 until all of it is listed.

    :param delivery: ``ShippingDetails`` and ``DataTransferProgress``, in the API's keys.
    """
    words = []
    shipping, transfer = (delivery.get(key) or {} for key in ("ShippingDetails", "DataTransferProgress"))
    for way, member in (("to AWS", "InboundShipment"), ("to the customer", "OutboundShipment")):
        if shipment := shipping.get(member):
            number = shipment.get("TrackingNumber")
            status = _one_line(str(shipment.get("Status") or "shipped"))
            words.append(
                f"{way}: {status}" + (f", tracking number {_one_line(str(number))}" if number else "")
            )
            break
    done, total = transfer.get("BytesTransferred"), transfer.get("TotalBytes")
    if done is not None:
        text = f"{format_bytes(done)} of {format_bytes(total)}" if total else format_bytes(done)
        words.append(f"{text} transferred")
    return "; ".join(words)


def format_time(time: datetime) -> str:
    """Return a time to the minute, in UTC and with its offset."""
    return time.astimezone(UTC).isoformat(sep=" ", timespec="minutes")


def _one_line(text: str) -> str:
    # A description is anybody's text: no line break or control character of it may pass for a line of ours.
    words = " ".join(text.split())
    plain = "".join(each if each.isprintable() else "?" for each in words)
    return plain if len(plain) <= _LONGEST_NAME else f"{plain[: _LONGEST_NAME - 1]}…"


def _state(device: Device) -> str:
    if device.outlook is Outlook.NOT_LISTED:
        return str(device.outlook)
    return _one_line(device.state or "without a state")


def _duration(device: Device, now: datetime) -> str:
    if device.since is None:
        return ""
    text = f"since {format_time(device.since)}"
    lasted = now - device.since
    return text if lasted < _A_WHILE else f"{text}, for {format_duration(lasted.total_seconds())}"


def _remark(device: Device, now: datetime) -> str:
    words = []
    if device.is_late(now):
        words.append(f"late (at most {device.max_days:g} days)")
    elif device.outlook not in (Outlook.ON_ITS_WAY, Outlook.NOT_LISTED):
        words.append(str(device.outlook))
    return "; ".join(filter(None, (*words, device.delivery)))
