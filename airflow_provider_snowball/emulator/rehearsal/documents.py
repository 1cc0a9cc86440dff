"""
What the links of :mod:`.links` lead to: report and logs of a job, its manifest, its return label.

Served under one path, in-process (to ``requests``, which moto intercepts) and by the server alike.
Errors are S3's, as the links are S3's on AWS.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

from ..api import jobs as files
from ..api.jobs import Job
from ..api.shipping import tracking_number
from . import links
from .device_contents import DeviceObject, contents_of
from .models import all_backends, snowball_clock
from .pdf import page_of

__all__ = ["Answer", "fetch"]

#: Status, headers, body.
Answer = tuple[int, dict[str, str], bytes]

#: Two blocks without an entry: updates that update nothing.
_EMPTY_TAR = 1024

_MESSAGES = {
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    ),
    "AccessDenied": (403, "Request has expired"),
    "NoSuchKey": (404, "The specified key does not exist."),
}


def fetch(method: str, url: str) -> Answer:
    """Answer a request for a link, whatever scheme and host it has."""
    parts = urlsplit(url)
    if method != "GET":
        # It is part of what is signed.
        return _error("SignatureDoesNotMatch")
    code = links.check(parts.path, dict(parse_qsl(parts.query)), snowball_clock.wall())
    if code is not None:
        return _error(code)
    account_id, region_name, name = parts.path.removeprefix(links.PATH).split("/")
    job_id, _, kind = name.partition("_")
    job = _find(account_id, region_name, job_id)
    if job is None:
        return _error("NoSuchKey")
    content_type, make = _KINDS[kind]
    return 200, {"Content-Type": content_type}, make(job)


def _find(account_id: str, region_name: str, job_id: str) -> Job | None:
    for backend in all_backends():
        if (backend.account_id, backend.region_name) == (account_id, region_name):
            return backend.jobs.get(job_id)
    return None


def _error(code: str) -> Answer:
    status, message = _MESSAGES[code]
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return status, {"Content-Type": "application/xml"}, body.encode()


def _report(job: Job) -> bytes:
    every, moved, failed = contents_of(job).objects, contents_of(job).succeeded, contents_of(job).failed
    lines = [
        "AWS Snowball job completion report (local emulator)",
        "",
        f"Job: {job.job_id}",
        f"Job type: {job.job_type}",
        f"Name: {job.description or ''}",
        f"Status: {'Completed with errors' if failed else 'Completed'}",
        f"Objects: {len(moved)} of {len(every)} transferred, {len(failed)} failed",
        f"Bytes: {_size(moved)} of {_size(every)} transferred",
    ]
    return page_of(lines)


def _size(objects: Sequence[DeviceObject]) -> int:
    return sum(each.size for each in objects)


def _return_label(job: Job) -> bytes:
    number = tracking_number(job.job_id, "InboundShipment")
    return page_of(
        ["Return shipping label (local emulator)", "", f"Job: {job.job_id}", f"Tracking: {number}"]
    )


def _manifest(job: Job) -> bytes:
    """Return a job's manifest: encrypted on AWS, so bytes that mean nothing here."""
    key = job.unlock_code.encode()
    return b"".join(hmac.new(key, str(number).encode(), hashlib.sha256).digest() for number in range(32))


_CSV = "text/csv; charset=utf-8"
_PDF = "application/pdf"
_KINDS: dict[str, tuple[str, Callable[[Job], bytes]]] = {
    files.REPORT: (_PDF, _report),
    files.SUCCESS_LOG: (_CSV, lambda job: contents_of(job).success_log().encode()),
    files.FAILURE_LOG: (_CSV, lambda job: contents_of(job).failure_log().encode()),
    files.MANIFEST: ("application/octet-stream", _manifest),
    files.SOFTWARE_UPDATE: ("application/x-tar", lambda _: bytes(_EMPTY_TAR)),
    files.RETURN_LABEL: (_PDF, _return_label),
}
