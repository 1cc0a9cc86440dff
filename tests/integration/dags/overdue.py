"""Waits for devices that are overdue after a second, and arrive later."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from tests.fleet_server import cluster_id


def note(context: Any) -> None:
    with Path(os.environ["OVERDUE_NOTES"]).open("a") as notes:
        print(context["ti"].task_id, *context["overdue_jobs"], sep="|", file=notes)


def break_off(context: Any) -> None:
    raise RuntimeError("the pager is down")


MEANINGS = {"warn": "warn", "fail": "fail", "notify": note, "break_off": break_off}
MODES: dict[str, dict[str, Any]] = {"poke": {"mode": "poke"}, "deferrable": {"deferrable": True}}

with DAG(dag_id="overdue", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    for number, (name, mode) in enumerate((name, mode) for name in MEANINGS for mode in MODES):
        ClusterJobsSensor(
            task_id=f"{name}_{mode}",
            cluster_id=cluster_id(number),
            target_state="WithCustomer",
            poke_interval=1.0,
            max_days_in_state={"InTransitToCustomer": 1 / 86400},
            on_overdue=MEANINGS[name],
            **MODES[mode],
        )
