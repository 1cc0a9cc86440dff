"""Waits for devices that are overdue after the fifth of a second, and arrive later."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same there

from airflow_provider_snowball.compat import remembers_between_pokes
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from tests.fakes.fleet_server import cluster_id

NOTES = Path(os.environ["OVERDUE_NOTES"])


def note(context: Any) -> None:
    with NOTES.open("a") as notes:
        print(context["ti"].task_id, *context["overdue_jobs"], sep="|", file=notes)


def break_off(context: Any) -> None:
    note(context)
    raise RuntimeError("the pager is down")


def break_off_once(context: Any) -> None:
    task_id = context["ti"].task_id
    is_first = not NOTES.exists() or f"{task_id}|" not in NOTES.read_text()
    note(context)
    if is_first:
        raise RuntimeError("the pager is down")


MEANINGS: dict[str, Any] = {
    "warn": "warn",
    "fail": "fail",
    "notify": note,
    "break_off": break_off,
    "break_off_once": break_off_once,
}
MODES: dict[str, dict[str, Any]] = {"poke": {"mode": "poke"}, "deferrable": {"deferrable": True}}
if remembers_between_pokes():
    MODES["reschedule"] = {"mode": "reschedule"}

with DAG(dag_id="overdue", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    for number, (name, mode) in enumerate((name, mode) for name in MEANINGS for mode in MODES):
        ClusterJobsSensor(
            task_id=f"{name}_{mode}",
            cluster_id=cluster_id(number),
            target_state="WithCustomer",
            poke_interval=0.1,
            max_days_in_state={"InTransitToCustomer": 0.2 / 86400},
            on_overdue=MEANINGS[name],
            **MODES[mode],
        )
