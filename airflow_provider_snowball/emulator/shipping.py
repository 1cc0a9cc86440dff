"""Shipments: tracking numbers, return labels, and the device itself, as far as the API shows them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..lifecycle import JobState

if TYPE_CHECKING:
    from .jobs import Job

__all__ = ["ReturnLabel", "device_id", "shipping_details", "tracking_number"]

#: Simulated seconds until a label that was asked for is there, and for which it is valid then.
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
    A label for the way back, asked for at the simulated second ``requested_at``.

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


def shipping_details(job: Job, option: str | None, now: float) -> dict[str, Any]:
    """Return a ShippingDetails: each shipment from when there is one."""
    details: dict[str, Any] = {} if option is None else {"ShippingOption": option}
    if job.has_device:
        for member, statuses in (("OutboundShipment", _OUTBOUND), ("InboundShipment", _INBOUND)):
            status = next((status for state, status in statuses if job.has_reached(state, now)), None)
            if status is not None:
                number = tracking_number(job.job_id, member)
                details[member] = {"Status": status, "TrackingNumber": number}
    return details


def tracking_number(job_id: str, shipment: str) -> str:
    """Return a number in the form of UPS's: 1Z, and 16 digits and letters."""
    return f"1Z{_digest(f'{shipment} {job_id}')[:16].upper()}"


def device_id(job_id: str) -> str:
    """Return the SnowballId of a job's device."""
    return f"SBE-{_digest(f'device {job_id}')[:12]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
