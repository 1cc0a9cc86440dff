"""Long-term pricing: a device that is paid for a month, a year or three, whichever jobs it is used for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

__all__ = ["LongTermPricing"]

_DAYS = {"OneMonth": 30, "OneYear": 365, "ThreeYear": 3 * 365}


@dataclass(eq=False)
class LongTermPricing:
    """
    A contract. Its dates are of the wall clock, as all dates of the API.

    :param job_ids: the jobs that were ordered under it, oldest first.
    """

    pricing_id: str
    pricing_type: str
    snowball_type: str
    start: datetime
    auto_renew: bool = False
    #: When the term ended in which it was last said whether it renews itself.
    term_ends: datetime | None = None
    replacement_job: str | None = None
    job_ids: list[str] = field(default_factory=list)

    def ends(self, today: datetime) -> datetime:
        """Return its end: one that renews itself always has one ahead."""
        term = timedelta(days=_DAYS[self.pricing_type])
        end = self.term_ends or self.start + term
        while self.auto_renew and end <= today:
            end += term
        return end

    def renew(self, auto_renew: bool, today: datetime) -> None:
        """Say whether it renews itself from now on; the term that it is in is what it is."""
        self.term_ends = self.ends(today)
        self.auto_renew = auto_renew

    def list_entry(self, today: datetime, active: str | None) -> dict[str, Any]:
        """
        Return it as a LongTermPricingListEntry.

        :param active: the job for which its device is out.
        """
        end = self.ends(today)
        entry: dict[str, Any] = {
            "LongTermPricingId": self.pricing_id,
            "LongTermPricingType": self.pricing_type,
            "LongTermPricingStartDate": self.start,
            "LongTermPricingEndDate": end,
            # Free text in the API.
            "LongTermPricingStatus": "Active" if today < end else "Expired",
            "IsLongTermPricingAutoRenew": self.auto_renew,
            "SnowballType": self.snowball_type,
            "JobIds": list(self.job_ids),
        }
        more = {"CurrentActiveJob": active, "ReplacementJob": self.replacement_job}
        return entry | {name: job_id for name, job_id in more.items() if job_id is not None}
