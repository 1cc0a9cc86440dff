"""
Check what a caller passes in, before any request is made. Pure: standard library only.

Each check returns the value in the form that the rest of the package works with, or raises
ArgumentError, a ValueError, with a text that says what was expected and what came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from airflow_provider_snowball.lifecycle import ArgumentError, has_ended, parse_state

__all__ = [
    "MAX_PAGE_SIZE",
    "NOT_GIVEN",
    "NotGiven",
    "check_cluster_id",
    "check_duration",
    "check_flag",
    "check_job_id",
    "check_job_ids",
    "check_max_days_in_state",
    "check_min_jobs",
    "check_page_size",
    "check_shipping_option",
    "is_literal",
    "plain",
    "plain_json",
]

#: The longest duration: 100 years, with which dates can be reckoned.
_LONGEST = timedelta(days=36525).total_seconds()
#: The largest ``MaxResults`` that Snowball's listings take.
MAX_PAGE_SIZE = 100


class NotGiven(Enum):
    """What a parameter has that was left out, where None would be something else."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = NotGiven.NOT_GIVEN

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


def plain(value: Any) -> Any:
    """Return a value in the form that a trigger's argument has: a duration in seconds, a tuple as a list."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        # str() of a (str, Enum) member would be its name, not its value.
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    return value


def plain_json(value: Any) -> Any | None:
    """Return a value, tuples as lists, if it is made of plain JSON values only; None if it is not."""
    try:
        # A str that is an enum's member comes back as its text.
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return None


def check_cluster_id(value: Any, name: str = "cluster_id") -> str:
    """
    Return ``value`` if it has the form of a cluster id.

    :raises ArgumentError: if not. botocore would only have checked a minimum length.
    """
    if isinstance(value, str) and _CLUSTER_ID.fullmatch(value):
        return value
    raise ArgumentError(
        f"{name} must be CID followed by a UUID, "
        f"such as CID123e4567-e89b-12d3-a456-426655440000; got {value!r} [SNB101]"
    )


def check_job_id(value: Any, name: str = "job_id") -> str:
    """
    Return ``value`` if it has the form of a job id; ``name`` is what the message calls it.

    :raises ArgumentError: if not.
    """
    if isinstance(value, str) and _JOB_ID.fullmatch(value):
        return value
    if isinstance(value, Mapping) and "JobId" in value:
        raise ArgumentError(
            f"{name} must be a job's id, and is a whole job; pass its JobId: {value['JobId']!r} [SNB102]"
        )
    raise ArgumentError(
        f"{name} must be JID (or MID) followed by a UUID, "
        f"such as JID123e4567-e89b-12d3-a456-426655440000; got {value!r} [SNB102]"
    )


def check_job_ids(value: Any, name: str = "job_ids") -> list[str] | None:
    """
    Return ``value`` as a list of job ids, or None if it is None; a single id is a list of one.

    :raises ArgumentError: if it is neither, is empty, or holds anything but job ids.
    """
    if value is None:
        return None
    if isinstance(value, str) and _JOB_ID.fullmatch(value):
        # What another task has returned that has ordered a device.
        return [value]
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise ArgumentError(
            f"{name} must be a list of job ids; got the {type(value).__name__} {value!r}. To pass another "
            "task's list, use its output (task.output), or a template with render_template_as_native_obj=True"
            " [SNB103]"
        )
    job_ids = [check_job_id(item, f"each of {name}") for item in value]
    if not job_ids:
        raise ArgumentError(
            f"{name} must name at least one job; leave it out (None) to wait for all [SNB103]"
        )
    return job_ids


def check_min_jobs(value: Any, name: str = "min_jobs") -> int:
    """
    Return ``value`` as a number of jobs; a rendered template such as ``"5"`` is one, too.

    :raises ArgumentError: if it is not a whole number of at least 1.
    """
    number = value
    if isinstance(value, str) and value.strip().isdecimal():
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1; got {value!r} [SNB105]")
    return number


def check_max_days_in_state(value: Any, name: str = "max_days_in_state") -> dict[str, float] | None:
    """
    Return ``value`` as days by state, or None if it is None.

    :raises ArgumentError: if it is not a mapping of job states that a job can leave to numbers above 0.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ArgumentError(
            f"{name} must be a dict of days by state, such as {{'InTransitToCustomer': 10}}; got {value!r}"
            " [SNB105]"
        )
    found = {}
    for key, days in value.items():
        state = parse_state(key, f"each state of {name}")
        if has_ended(state):
            raise ArgumentError(f"{name} cannot have {state}: no job leaves that state [SNB105]")
        if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days * 86400 <= _LONGEST:
            raise ArgumentError(
                f"{name}[{str(state)!r}] must be a number of days above 0, at most 100 years; got {days!r}"
                " [SNB105]"
            )
        found[str(state)] = float(days)
    return found


def check_page_size(value: Any) -> int | None:
    """
    Return ``value`` if it is None (the API's own size) or a page size that the API takes.

    :raises ArgumentError: if not.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PAGE_SIZE:
        raise ArgumentError(
            f"page_size must be a whole number from 1 to {MAX_PAGE_SIZE}, or None; got {value!r} [SNB105]"
        )
    return value


def check_duration(value: Any, name: str, *, at_least: float | None = None) -> float:
    """
    Return ``value`` in seconds; ``name`` is what the message calls it.

    :param at_least: the least seconds; None: more than 0.
    :raises ArgumentError: if it is neither a timedelta nor a number, or out of bounds.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if is_number and (seconds > 0 if at_least is None else at_least <= seconds) and seconds <= _LONGEST:
        return float(seconds)
    least = "more than 0" if at_least is None else f"at least {at_least:g}"
    raise ArgumentError(
        f"{name} must be a timedelta or a number of seconds, {least} and at most 100 years; got {value!r}"
        " [SNB105]"
    )


#: The values of ``ShippingOption``.
_SHIPPING_OPTIONS = ("SECOND_DAY", "NEXT_DAY", "EXPRESS", "STANDARD")


def check_shipping_option(value: Any, name: str = "shipping_option") -> str:
    """
    Return ``value`` if it is a speed of shipment that the API knows.

    :raises ArgumentError: if not.
    """
    if isinstance(value, str) and value in _SHIPPING_OPTIONS:
        return value
    raise ArgumentError(f"{name} must be one of {', '.join(_SHIPPING_OPTIONS)}; got {value!r} [SNB106]")


def check_flag(value: Any, name: str) -> bool:
    """
    Return ``value`` if it is True or False.

    :raises ArgumentError: if not; text would be true whatever it says.
    """
    if isinstance(value, bool):
        return value
    raise ArgumentError(f"{name} must be True or False; got the {type(value).__name__} {value!r} [SNB106]")
