"""Shipments: tracking numbers, return labels, and the device itself, as far as the API shows them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from .states import JobState, JobType, is_at_or_past

__all__ = ["ReturnLabel", "device_id", "shipments", "tracking_number"]

#: Seconds until a label that was asked for is there, and for which it is valid then.
LABEL_TAKES = 600.0
LABEL_LASTS = timedelta(days=30)

#: A shipment's status by the state of the job from which on it has it, the latest first. AWS
#: documents Status as free text.
_OUTBOUND = (
    (JobState.WITH_CUSTOMER, "Delivered"),
    (JobState.IN_TRANSIT_TO_CUSTOMER, "InTransit"),
    (JobState.PREPARING_SHIPMENT, "LabelCreated"),
)
_INBOUND = (
    (JobState.WITH_AWS, "Delivered"),
    (JobState.IN_TRANSIT_TO_AWS, "InTransit"),
)


@dataclass(frozen=True)
class ReturnLabel:
    """
    A label for the way back, asked for at the second ``requested_at``.

    :param expires: its ExpirationDate, on the wall clock as all dates of the API.
    """

    requested_at: float
    expires: datetime

    def status(self, now: float) -> str:
        """Return the ShippingLabelStatus."""
        return "InProgress" if now < self.requested_at + LABEL_TAKES else "Succeeded"

    def expired(self, now: float) -> bool:
        """Tell whether another one can be asked for."""
        return now >= self.requested_at + LABEL_TAKES + LABEL_LASTS.total_seconds()


def shipments(job_id: str, job_type: JobType, state: str) -> dict[str, dict[str, str]]:
    """Return the shipments of a ShippingDetails, each from when there is one."""
    found = {}
    for member, statuses in (("OutboundShipment", _OUTBOUND), ("InboundShipment", _INBOUND)):
        status = next((status for since, status in statuses if is_at_or_past(state, since, job_type)), None)
        if status is not None:
            found[member] = {"Status": status, "TrackingNumber": tracking_number(job_id, member)}
    return found


def tracking_number(job_id: str, shipment: str) -> str:
    """Return a number in the form of UPS's: 1Z, and 16 digits and letters."""
    return f"1Z{_digest(f'{shipment} {job_id}')[:16].upper()}"


def device_id(job_id: str) -> str:
    """Return the SnowballId of a job's device."""
    return f"SBE-{_digest(f'device {job_id}')[:12]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
