"""One DAG of one sensor, built from the JSON file beside it; the harness copies this file for each run."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same there

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor

_HERE = Path(__file__)
_SPEC = json.loads(_HERE.with_suffix(".json").read_text())
_ARGUMENTS = {"aws_conn_id": "snowball_test"} | _SPEC["arguments"]
if "execution_timeout" in _ARGUMENTS:
    _ARGUMENTS["execution_timeout"] = timedelta(seconds=_ARGUMENTS["execution_timeout"])


with DAG(dag_id=_SPEC["dag_id"], schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    (ClusterJobsSensor if "cluster_id" in _ARGUMENTS else JobsSensor)(
        task_id="wait",
        retries=1,
        retry_delay=timedelta(0),
        **_ARGUMENTS,
    )
