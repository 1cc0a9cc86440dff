"""The waits of a fire, from the JSON file beside this one: DAG by DAG, the arguments of each task."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

import airflow_provider_snowball
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor

# Upgrades ask for it.
Path(os.environ["AIRFLOW_HOME"], "parsed_with").write_text(str(airflow_provider_snowball.__file__))


def note(context: Any) -> None:
    """Note of whom a notifier was told: a line for each call."""
    line = json.dumps([context["ti"].task_id, context["ti"].try_number, context["overdue_jobs"]])
    with Path(os.environ["AIRFLOW_HOME"], "told.jsonl").open("a") as file:
        file.write(line + "\n")


for dag_id, tasks in json.loads(Path(__file__).with_suffix(".json").read_text()).items():
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1)) as dag:
        for task_id, arguments in tasks.items():
            if arguments.get("on_overdue") == "notify":
                arguments["on_overdue"] = note
            (ClusterJobsSensor if "cluster_id" in arguments else JobsSensor)(
                task_id=task_id, retries=9, retry_delay=timedelta(seconds=5), **arguments
            )
    globals()[dag_id] = dag
