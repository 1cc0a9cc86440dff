"""
Links to reports, logs, manifests and labels, in the manner of S3's presigned URLs.

A link is as good as the key to what it leads to, for an hour of real time: it carries an expiry and
a signature over all of it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

__all__ = [
    "FAILURE_LOG",
    "LIFETIME",
    "MANIFEST",
    "PATH",
    "REPORT",
    "RETURN_LABEL",
    "SUCCESS_LOG",
    "Links",
    "check",
]

PATH = "/_snowball/files/"
#: How long a link is good, by the wall clock: AWS gives 60 minutes.
LIFETIME = timedelta(minutes=60)

REPORT = "completion_report.pdf"
SUCCESS_LOG = "success_log.csv"
FAILURE_LOG = "failure_log.csv"
MANIFEST = "manifest.bin"
RETURN_LABEL = "return_label.pdf"

_ALGORITHM = "AWS4-HMAC-SHA256"
_DATE = "%Y%m%dT%H%M%SZ"
_key = secrets.token_bytes(32)


@dataclass(frozen=True)
class Links:
    """
    Makes the links of one response.

    :param base_url: scheme and host under which the client reached the service.
    :param now: what the wall clock says.
    """

    base_url: str
    account_id: str
    region_name: str
    now: datetime

    def to(self, job_id: str, name: str) -> str:
        """Return the link to a file of a job, whose name includes the job's id."""
        path = f"{PATH}{self.account_id}/{self.region_name}/{job_id}_{name}"
        date = self.now.astimezone(UTC).strftime(_DATE)
        expires = str(int(LIFETIME.total_seconds()))
        query = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Date": date,
            "X-Amz-Expires": expires,
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Signature": _sign(path, date, expires),
        }
        return f"{self.base_url}{path}?{urlencode(query)}"


def check(path: str, query: Mapping[str, str], now: datetime) -> str | None:
    """Return S3's error code for a link that is no good, or None."""
    date, expires = query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")
    if not hmac.compare_digest(
        _sign(path, date, expires).encode(), query.get("X-Amz-Signature", "").encode()
    ):
        return "SignatureDoesNotMatch"
    signed = datetime.strptime(date, _DATE).replace(tzinfo=UTC)
    return "AccessDenied" if now >= signed + timedelta(seconds=int(expires)) else None


def _sign(path: str, date: str, expires: str) -> str:
    return hmac.new(_key, f"{path}\n{date}\n{expires}".encode(), hashlib.sha256).hexdigest()
