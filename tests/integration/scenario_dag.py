"""One DAG of sensors, built from the JSON file beside it; the tests copy this file for each run."""

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


with DAG(dag_id=_SPEC["dag_id"], schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    for task_id, arguments in _SPEC["tasks"].items():
        if "execution_timeout" in arguments:
            arguments["execution_timeout"] = timedelta(seconds=arguments["execution_timeout"])
        (ClusterJobsSensor if "cluster_id" in arguments else JobsSensor)(
            task_id=task_id,
            retries=1,
            retry_delay=timedelta(0),
            **{"aws_conn_id": "snowball_test"} | arguments,
        )
