"""
The form in which a trigger tells its task how the wait ended.

Airflow stores events between triggerer and worker, which may run different versions of this package:
the form only grows, and carries its version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from airflow_provider_snowball.waiting.changes import News
from airflow_provider_snowball.waiting.machine import Again, Done, Fail, FailKind
from airflow_provider_snowball.waiting.time_in_state import Overdue

__all__ = [
    "EVENT_VERSION",
    "event_of",
    "interim_event_of",
    "interim_of",
    "local_url_of",
    "region_of",
    "step_of",
    "try_number_of",
]

EVENT_VERSION = 1


def event_of(
    step: Done | Fail,
    *,
    region: str | None = None,
    local_url: str | None = None,
    try_number: str | None = None,
) -> dict[str, Any]:
    """
    Return the payload that says how a wait ended, in plain JSON values.

    :param region: the region that was asked, for a task that knows nothing of it.
    :param local_url: the listing of the local Snowball that was asked, for the same task.
    :param try_number: of the try that handed the wait to the triggerer.
    """
    event: dict[str, Any] = {"version": EVENT_VERSION} | _news(step)
    if isinstance(step, Done):
        event |= {"status": "done", "jobs": step.jobs}
    else:
        event |= {"status": "failed", "kind": step.kind.value, "message": step.message}
        if step.overdue:
            event["overdue"] = _plain(step.overdue)
        if try_number is not None:
            event["try_number"] = try_number
    return event | _place(region, local_url)


def interim_event_of(
    step: Again, *, memory: Mapping[str, str], region: str | None = None, local_url: str | None = None
) -> dict[str, Any]:
    """
    Return the payload with which a wait that goes on asks its task to begin another trigger with its memory.

    Before that, the task tells somebody of overdue jobs and of news, if there are any.

    :param memory: what the wait knows, for the trigger that goes on with it.
    :param region: as for :func:`event_of`.
    :param local_url: as for :func:`event_of`.
    """
    event: dict[str, Any] = {
        "version": EVENT_VERSION,
        "status": "waiting",
        "overdue": _plain(step.overdue),
        "delay": step.delay,
        "memory": dict(memory),
        **_news(step),
    }
    return event | _place(region, local_url)


def interim_of(event: Mapping[str, Any] | None) -> tuple[Again, dict[str, str]] | None:
    """Return the step and the memory of a wait that goes on; None if the payload tells of its end."""
    if event is None or event.get("status") != "waiting":
        return None
    step = Again(float(event["delay"]), overdue=_overdue_of(event), news=_news_of(event))
    return step, dict(event["memory"])


def step_of(event: Mapping[str, Any] | None) -> Done | Fail:
    """
    Return how the wait ended, from a payload of this or any earlier version.

    A kind of failure that this version does not know may be retried.
    """
    if event is None:
        return Fail(FailKind.TRANSIENT, "The trigger ended without an event [SNB408]")
    if event.get("status") == "done":
        return Done(list(event.get("jobs") or ()), news=_news_of(event))
    message = str(event.get("message") or f"The trigger reported {dict(event)!r} [SNB408]")
    try:
        kind = FailKind(str(event.get("kind")))
    except ValueError:
        kind = FailKind.TRANSIENT
    return Fail(kind, message, news=_news_of(event), overdue=_overdue_of(event))


def _plain(overdue: Sequence[Overdue]) -> list[dict[str, Any]]:
    return [asdict(each) for each in overdue]


def _overdue_of(event: Mapping[str, Any]) -> tuple[Overdue, ...]:
    # A later version may tell more of a job.
    return tuple(
        Overdue(**{name: each[name] for name in Overdue.__slots__}) for each in event.get("overdue") or ()
    )


def _news(step: Done | Fail | Again) -> dict[str, Any]:
    return {} if step.news is None else {"news": step.news.plain()}


def _news_of(event: Mapping[str, Any]) -> News | None:
    news = event.get("news")
    return None if news is None else News.of(news)


def _place(region: str | None, local_url: str | None) -> dict[str, str]:
    named = {"region": region, "local_url": local_url}
    return {name: value for name, value in named.items() if value is not None}


def try_number_of(event: Mapping[str, Any] | None) -> int | None:
    """Return the number of the try that a failed wait was of, if the payload tells it."""
    number = (event or {}).get("try_number")
    return int(number) if number is not None else None


def region_of(event: Mapping[str, Any] | None) -> str | None:
    """Return the region that a payload tells of."""
    region = (event or {}).get("region")
    return region if isinstance(region, str) else None


def local_url_of(event: Mapping[str, Any] | None) -> str | None:
    """Return the listing of the local Snowball that a payload tells of."""
    address = (event or {}).get("local_url")
    return address if isinstance(address, str) else None
