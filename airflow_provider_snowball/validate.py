"""Check what a caller passes in, before any request is made. Pure: standard library only."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from typing import Any

__all__ = [
    "MAX_PAGE_SIZE",
    "check_cluster_id",
    "check_job_id",
    "check_job_ids",
    "check_max_blind_time",
    "check_named_jobs",
    "check_page_size",
    "is_literal",
    "plain_json",
]

#: The largest ``MaxResults`` that Snowball's listings take.
MAX_PAGE_SIZE = 100

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_CLUSTER_ID = re.compile(f"CID{_UUID}")
_JOB_ID = re.compile(f"(?:JID|MID){_UUID}")
_JINJA_MARKS = ("{{", "{%", "{#")


def is_literal(value: Any) -> bool:
    """
    Tell whether a templated argument is already what it will be when the task runs.

    Text with Jinja is not, nor is anything that Airflow resolves later (an XComArg, say).
    """
    if isinstance(value, str):
        return not any(mark in value for mark in _JINJA_MARKS)
    if isinstance(value, list | tuple):
        return all(is_literal(item) for item in value)
    return value is None or isinstance(value, bool | int | float)


def plain_json(value: Any) -> Any | None:
    """Return a value, tuples as lists, if it is made of plain JSON values only; None if it is not."""
    try:
        # A str that is an enum's member comes back as its text.
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return None


def check_cluster_id(value: Any) -> str:
    """
    Return ``value`` if it has the form of a cluster id.

    :raises ValueError: if not. botocore would only have checked a minimum length.
    """
    if isinstance(value, str) and _CLUSTER_ID.fullmatch(value):
        return value
    raise ValueError(
        "cluster_id must be CID followed by a UUID, "
        f"such as CID123e4567-e89b-12d3-a456-426655440000; got {value!r}"
    )


def check_job_id(value: Any, name: str = "job_id") -> str:
    """
    Return ``value`` if it has the form of a job id; ``name`` is what the message calls it.

    :raises ValueError: if not.
    """
    if isinstance(value, str) and _JOB_ID.fullmatch(value):
        return value
    raise ValueError(
        f"{name} must be JID (or MID) followed by a UUID, "
        f"such as JID123e4567-e89b-12d3-a456-426655440000; got {value!r}"
    )


def check_job_ids(value: Any) -> list[str] | None:
    """
    Return ``value`` as a list of job ids, or None if it is None.

    :raises ValueError: if it is not a list, is empty, or holds anything but job ids.
    """
    if value is None:
        return None
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise ValueError(
            f"job_ids must be a list of job ids; got the {type(value).__name__} {value!r}. To pass another "
            "task's list, use its output (task.output), or a template with render_template_as_native_obj=True"
        )
    job_ids = [check_job_id(item, "each of job_ids") for item in value]
    if not job_ids:
        raise ValueError("job_ids must name at least one job; leave it out (None) to wait for all")
    return job_ids


def check_named_jobs(value: Any) -> list[str]:
    """
    Return ``value`` as a list of job ids, where None does not mean all jobs.

    :raises ValueError: as :func:`check_job_ids`, and for None.
    """
    job_ids = check_job_ids(value)
    if job_ids is None:
        raise ValueError("job_ids must name the jobs to wait for; got None")
    return job_ids


def check_page_size(value: Any) -> int | None:
    """
    Return ``value`` if it is None (the API's own size) or a page size that the API takes.

    :raises ValueError: if not.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PAGE_SIZE:
        raise ValueError(
            f"page_size must be a whole number from 1 to {MAX_PAGE_SIZE}, or None; got {value!r}"
        )
    return value


def check_max_blind_time(value: Any) -> float:
    """
    Return ``value`` in seconds.

    :raises ValueError: if it is neither a timedelta nor a number, or not more than 0.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise ValueError(
            f"max_blind_time must be a timedelta or a number of seconds, more than 0; got {value!r}"
        )
    return float(seconds)
