"""DAGs that begin when devices arrive."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_snowball.triggers.watching import SnowballJobsEventTrigger

CLUSTER = os.environ["WATCHED_CLUSTER"]


def watched(name: str, **asked: Any) -> Asset:
    trigger = SnowballJobsEventTrigger(
        cluster_id=CLUSTER, target_state="WithCustomer", poke_interval=1, **asked
    )
    return Asset(name, watchers=[AssetWatcher(name=f"{name}_watcher", trigger=trigger)])


each = watched("each_device")
#: Of equal arguments, Airflow makes one trigger.
twin = watched("each_device_again")
all_devices = watched("all_devices", fire="all", min_jobs=3)

for asset in (each, twin, all_devices):
    with DAG(
        f"on_{asset.name}",
        schedule=[asset],
        start_date=datetime(2026, 1, 1),
        is_paused_upon_creation=False,
    ):

        @task
        def names(triggering_asset_events: Any = None) -> list[str]:
            """Return whom the events are about."""
            events = [event for some in triggering_asset_events.values() for event in some]
            payloads = [event.extra["payload"] for event in events]
            return sorted({str(payload.get("job_id") or payload["cluster_id"]) for payload in payloads})

        names()
