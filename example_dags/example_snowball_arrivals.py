"""
Begin a DAG whenever devices have arrived, with nothing running until then: Airflow 3.3 and later.

An event is a call to look, and the cluster's list says who is there. Up to 3.3, Airflow tells no run of some
events, above all of those that come while a run goes on (apache/airflow#56050), though it begins another.
An event may come twice, too, where a process died in between. Hence each run handles what none has before.

A cluster's jobs are LOCAL_USE. Their state Complete means that the devices are back and erased: nothing was
imported into S3.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, Variable, task

from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.triggers.watching import SnowballJobsEventTrigger

log = logging.getLogger(__name__)

# The cluster, and how many devices were ordered for it.
CLUSTER, DEVICES = "CID123e4567-e89b-12d3-a456-426655440000", 5
# Keeps the ids of what was handled.
HANDLED = "snowball_arrivals_handled"
# What a listing tells as events do, of devices that are there or will not come. How late one is it does not
# tell, nor why a cluster has ended.
EVENTS = {"WithCustomer": "reached", "Cancelled": "cancelled"}

# [START howto_snowball_arrivals]
each_device = SnowballJobsEventTrigger(
    cluster_id=CLUSTER,
    target_state="WithCustomer",
    # Before all are listed, those that are may all be cancelled: nothing has ended by that.
    min_jobs=DEVICES,
    also=["cancelled", "late", "ended"],
    max_days_in_state={"InTransitToCustomer": 10},
)
devices = Asset("snowball_devices", watchers=[AssetWatcher(name="each_device", trigger=each_device)])

with DAG(
    dag_id="example_snowball_arrivals",
    schedule=[devices],
    start_date=datetime(2026, 1, 1),
    # Two runs at once would not know what the other has handled.
    max_active_runs=1,
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    list_jobs = ListClusterJobsOperator(task_id="list_jobs", cluster_id=CLUSTER)

    @task
    def new_events(jobs: list[dict[str, Any]], triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Return what has happened and was not handled: what the events tell, and what the list does."""
        events = [event for some in triggering_asset_events.values() for event in some]
        # One that somebody made by hand has no payload.
        told = [each for event in events if (each := (event.extra or {}).get("payload"))]
        seen = [
            {
                "id": f"{job['JobId']}/WithCustomer/{EVENTS[job['JobState']]}",
                "event": EVENTS[job["JobState"]],
                "job_id": job["JobId"],
                "name": job.get("Description") or job["JobId"],
                "state": job["JobState"],
            }
            for job in jobs
            if job.get("JobState") in EVENTS
        ]
        handled = set(Variable.get(HANDLED, default=[], deserialize_json=True))
        return list({each["id"]: each for each in (*told, *seen) if each["id"] not in handled}.values())

    @task(map_index_template="{{ task.op_kwargs.event.name | default(task.op_kwargs.event.id, true) }}")
    def handle(event: dict[str, Any]) -> str:
        """Stand in for the copy to a device that is there, and for a call about one that is not."""
        if event["event"] == "reached":
            log.info("copying to the device of %s, which is %s", event["job_id"], event["state"])
        else:
            log.info("%s: %s", event["event"], event.get("name") or event["reason"])
        return str(event["id"])

    @task(trigger_rule="all_done")
    def remember(ids: Iterable[str]) -> None:
        """Note what was handled, also if something was not: instances that failed have returned no id."""
        handled = Variable.get(HANDLED, default=[], deserialize_json=True)
        Variable.set(HANDLED, list(dict.fromkeys([*handled, *ids])), serialize_json=True)

    @task
    def all_handled() -> None:
        """Fail the run if something was not, though `remember` ran: clear the instances that failed."""

    handled = handle.expand(event=new_events(list_jobs.output))
    remember(handled)
    handled >> all_handled()
# [END howto_snowball_arrivals]

# [START howto_snowball_whole_cluster]
all_devices = SnowballJobsEventTrigger(
    cluster_id=CLUSTER, target_state="WithCustomer", fire="all", min_jobs=DEVICES
)
cluster = Asset("snowball_cluster", watchers=[AssetWatcher(name="all_devices", trigger=all_devices)])

with DAG(
    dag_id="example_snowball_whole_cluster",
    schedule=[cluster],
    start_date=datetime(2026, 1, 1),
    tags=["example", "snowball"],
    doc_md=__doc__,
):

    @task
    def form_cluster(triggering_asset_events: Any = None) -> list[str]:
        """Stand in for whatever needs all devices: return the names of those that have come."""
        events = [event for some in triggering_asset_events.values() for event in some]
        payloads = [(event.extra or {}).get("payload", {}) for event in events]
        devices = [each for payload in payloads for each in payload.get("devices", [])]
        # Cancelled ones are among them.
        return sorted({each["name"] for each in devices if each["outlook"] == "reached"})

    form_cluster()
# [END howto_snowball_whole_cluster]
