"""A device and a cluster that are ordered, in a region of their own for each run; writes down who does it."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_provider_snowball.operators.create import CreateClusterOperator, CreateJobOperator
from airflow_provider_snowball.ordering.machine import Times

# The hour that an order takes, in seconds; no setting does that, since what is promised rests on it.
TIMES = Times(lease=15, settle=30, audit=15, look=3, again=1)
for operator in (CreateJobOperator, CreateClusterOperator):
    operator._times = operator._local_times = TIMES


def write_down(context: Any) -> None:
    """Write down the process of a try, and its supervisor's."""
    ti = context["ti"]
    file = Path(os.environ["AIRFLOW_HOME"], "pids", f"{ti.run_id}.{ti.try_number}")
    file.parent.mkdir(exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps([os.getpid(), os.getppid()]))
    unfinished.replace(file)


usual: dict[str, Any] = {
    "address_id": "{{ params.address_id }}",
    "region_name": "{{ params.region_name }}",
    "shipping_option": "NEXT_DAY",
    "snowball_type": "EDGE",
    "submit": True,
    "retries": 5,
    "retry_delay": timedelta(seconds=1),
    "pre_execute": write_down,
}

with DAG(
    "order_device",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"address_id": "", "region_name": ""},
    max_active_runs=32,
):
    CreateJobOperator(
        task_id="order",
        job_type="IMPORT",
        s3_resources=[{"BucketArn": "arn:aws:s3:::archive"}],
        role_arn="arn:aws:iam::123456789012:role/import",
        **usual,
    )

with DAG(
    "order_cluster",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"address_id": "", "region_name": ""},
):
    CreateClusterOperator(task_id="order", initial_cluster_size=5, **usual)
