"""The events of a fire's watchers, and the runs after them; of the database, since the API may be away."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing

from tests.system.fire.cast import Cast
from tests.system.fire.deployment import Deployment
from tests.system.fire.snowball import JOBS, job_id

__all__ = ["events_by_asset", "events_without_a_run", "expected_events", "repeats"]


def expected_events(cast: Cast) -> dict[str, set[str]]:
    """Return the ids of all events that there have to be in the end, by asset."""
    expected: dict[str, set[str]] = {}
    for cluster in cast.watched:
        devices = {f"{job_id(cluster, number)}/WithCustomer/reached" for number in range(JOBS)}
        every = {f"{cluster}/WithCustomer/all_reached"}
        expected |= {f"each {cluster}": devices, f"twin {cluster}": devices, f"all {cluster}": every}
    return expected


def events_by_asset(deployment: Deployment) -> dict[str, Counter[str]]:
    """Return how often each asset has an event of each id."""
    found: dict[str, Counter[str]] = {}
    for name, event_id, _ in _events(deployment):
        found.setdefault(name, Counter())[event_id] += 1
    return found


def repeats(deployment: Deployment) -> list[tuple[str, float, float]]:
    """Return each event that was there before, with when it was, and when that was, in Unix time."""
    last: dict[tuple[str, str], float] = {}
    found = []
    for name, event_id, at in _events(deployment):
        if (name, event_id) in last:
            found.append((f"{name}: {event_id}", last[name, event_id], at))
        last[name, event_id] = at
    return found


def _events(deployment: Deployment) -> list[tuple[str, str, float]]:
    """Return all events, the oldest first: asset, id and Unix time."""
    query = """
        select asset.name, asset_event.extra, extract(epoch from asset_event.timestamp)::float8
        from asset_event join asset on asset.id = asset_id order by asset_event.timestamp
    """
    with closing(deployment.postgres.connect()) as database, database.cursor() as cursor:
        cursor.execute(query)
        return [
            (name, (json.loads(extra) if isinstance(extra, str) else extra)["payload"]["id"], at)
            for name, extra, at in cursor.fetchall()
        ]


def events_without_a_run(deployment: Deployment, *, later: bool) -> int:
    """
    Return how many events no run is told of.

    :param later: how many have no run that was made after them, instead.
    """
    told = "select 1 from dagrun_asset_event told where told.event_id = event.id"
    made = """
        select 1 from dag_run run join dag_schedule_asset_reference scheduled on scheduled.dag_id = run.dag_id
        where scheduled.asset_id = event.asset_id and run.queued_at >= event.timestamp
    """
    query = f"select count(*) from asset_event event where not exists ({made if later else told})"
    with closing(deployment.postgres.connect()) as database, database.cursor() as cursor:
        cursor.execute(query)
        [[count]] = cursor.fetchall()
        return int(count)
