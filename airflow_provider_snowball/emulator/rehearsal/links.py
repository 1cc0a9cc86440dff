"""
Links to reports, logs, manifests, labels and updates, in the manner of S3's presigned URLs.

A link is as good as the key to what it leads to, for an hour of real time or what AWS gives it: it carries an
expiry and a signature over all of it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from ..api.jobs import lifetime_of

__all__ = ["PATH", "check", "signing_key", "url_of"]

PATH = "/_snowball/files/"

_ALGORITHM = "AWS4-HMAC-SHA256"
_DATE = "%Y%m%dT%H%M%SZ"


class _Key:
    """What links are signed with: another one in each process, unless one is kept."""

    def __init__(self) -> None:
        self.value = secrets.token_bytes(32)


signing_key = _Key()


def url_of(base_url: str, account_id: str, region_name: str, job_id: str, name: str, now: datetime) -> str:
    """
    Return the link to a file of a job.

    :param base_url: scheme and host under which the client reached the service.
    :param name: of the file; that of S3 begins with the job's id.
    :param now: what the wall clock says.
    """
    path = f"{PATH}{account_id}/{region_name}/{job_id}_{name}"
    date = now.astimezone(UTC).strftime(_DATE)
    expires = str(lifetime_of(name))
    query = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Date": date,
        "X-Amz-Expires": expires,
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": _sign(path, date, expires),
    }
    return f"{base_url}{path}?{urlencode(query)}"


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
    return hmac.new(signing_key.value, f"{path}\n{date}\n{expires}".encode(), hashlib.sha256).hexdigest()
