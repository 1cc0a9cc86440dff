"""
Tell somebody whenever a device of a cluster has moved, while a task waits for all of them.

Any of Airflow's notifiers will do in place of ``tell``: its templates find ``device_changes`` and
``devices``. A change may be told of twice, where a process died in between; then its id is the same.

A cluster's jobs are LOCAL_USE. Their state Complete means that the devices are back and erased: nothing was
imported into S3.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor

log = logging.getLogger(__name__)


# [START howto_snowball_tell]
def tell(context: Any) -> None:
    """Stand in for a notifier: a mail, a chat, a pager."""
    for change in context["device_changes"]:
        log.info("%s: %s (%s)", change["kind"], change["text"], change["id"])


with DAG(
    dag_id="example_snowball_tell",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    # The cluster, and how many devices were ordered for it.
    params={"cluster_id": "CID123e4567-e89b-12d3-a456-426655440000", "min_jobs": 5},
    tags=["example", "snowball"],
    doc_md=__doc__,
) as dag:
    ClusterJobsSensor(
        task_id="wait_for_devices",
        cluster_id="{{ params.cluster_id }}",
        target_state="WithCustomer",
        min_jobs="{{ params.min_jobs }}",
        max_days_in_state={"InTransitToCustomer": 10},
        # Of one that is cancelled, tell tells; it is not waited for.
        ignore_cancelled=True,
        on_change=tell,
        # No more than one message an hour, however many devices move.
        change_interval=timedelta(hours=1),
        # Carrier and tracking number in the log, if the connection may DescribeJob.
        describe_jobs=True,
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=5),
    )
# [END howto_snowball_tell]
