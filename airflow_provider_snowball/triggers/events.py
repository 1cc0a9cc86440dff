"""
The form in which a trigger tells its task how the wait ended.

Airflow stores events between triggerer and worker, which may run different versions of this package:
the form only grows, and carries its version.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_snowball.wait import Again, Done, Fail, FailKind

__all__ = ["EVENT_VERSION", "event_of", "overdue_event_of", "region_of", "step_of"]

EVENT_VERSION = 1


def event_of(step: Done | Fail, *, region: str | None = None) -> dict[str, Any]:
    """
    Return the payload that says how a wait ended, in plain JSON values.

    :param region: the region that was asked, for a task that knows nothing of it.
    """
    event: dict[str, Any] = {"version": EVENT_VERSION}
    if isinstance(step, Done):
        event |= {"status": "done", "jobs": step.jobs}
    else:
        event |= {"status": "failed", "kind": step.kind.value, "message": step.message}
    return event if region is None else event | {"region": region}


def overdue_event_of(step: Again, *, started_at: datetime, seen: Mapping[str, str]) -> dict[str, Any]:
    """Return the payload with which a wait that goes on asks its task to tell somebody of overdue jobs."""
    return {
        "version": EVENT_VERSION,
        "status": "overdue",
        "overdue": [str(each) for each in step.overdue],
        "delay": step.delay,
        "started_at": started_at.isoformat(),
        "seen": dict(seen),
    }


def step_of(event: Mapping[str, Any] | None) -> Done | Fail:
    """
    Return how the wait ended, from a payload of this or any earlier version.

    A kind of failure that this version does not know may be retried.
    """
    if event is None:
        return Fail(FailKind.ERROR, "The trigger ended without an event")
    if event.get("status") == "done":
        return Done(list(event.get("jobs") or ()))
    message = str(event.get("message") or f"The trigger reported {dict(event)!r}")
    try:
        return Fail(FailKind(str(event.get("kind"))), message)
    except ValueError:
        return Fail(FailKind.ERROR, message)


def region_of(event: Mapping[str, Any] | None) -> str | None:
    """Return the region that a payload tells of."""
    region = (event or {}).get("region")
    return region if isinstance(region, str) else None
