"""The waits of a fire, from the JSON file beside this one: DAG by DAG, the arguments of each task."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_parsing_context

import airflow_provider_snowball
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor, JobsSensor

# Upgrades ask for it; it is written by several processes at once.
parsed_with = Path(os.environ["AIRFLOW_HOME"], f"parsed_with.{os.getpid()}")
parsed_with.write_text(str(airflow_provider_snowball.__file__))
parsed_with.replace(parsed_with.with_name("parsed_with"))


def _write(name: str, line: list[Any]) -> None:
    with Path(os.environ["AIRFLOW_HOME"], name).open("a") as file:
        file.write(json.dumps(line) + "\n")


def note(context: Any) -> None:
    """Note of whom a notifier was told: a line for each call."""
    _write("told.jsonl", [context["ti"].task_id, context["ti"].try_number, context["overdue_jobs"]])


def tell(context: Any) -> None:
    """Note of which changes a notifier was told; every other time, it fails instead."""
    task_id = context["ti"].task_id
    calls = Path(os.environ["AIRFLOW_HOME"], f"{task_id}.calls")
    number = len(calls.read_text()) if calls.exists() else 0
    with calls.open("a") as file:
        file.write(".")
    if number % 2 == 0:
        raise RuntimeError("the pager is down")
    changes = [[each["job_id"], each["id"], each["state"]] for each in context["device_changes"]]
    _write("changes.jsonl", [task_id, changes])


# A task needs its own DAG alone.
wanted = get_parsing_context().dag_id
for dag_id, tasks in json.loads(Path(__file__).with_suffix(".json").read_text()).items():
    if wanted not in (None, dag_id):
        continue
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1)) as dag:
        for task_id, arguments in tasks.items():
            if arguments.get("on_overdue") == "notify":
                arguments["on_overdue"] = note
            if arguments.get("on_change") == "notify":
                arguments["on_change"] = tell
            (ClusterJobsSensor if "cluster_id" in arguments else JobsSensor)(
                task_id=task_id, retries=9, retry_delay=timedelta(seconds=5), **arguments
            )
    globals()[dag_id] = dag
