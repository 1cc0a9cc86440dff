"""Waits for two devices each, of which one goes away and comes back, with somebody who is told."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import DAG
    from airflow.sdk.bases.notifier import BaseNotifier
except ImportError:  # Airflow 2.11, and 3.0
    try:
        from airflow.sdk import DAG
    except ImportError:
        from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same there
    from airflow.notifications.basenotifier import (  # type: ignore[import-not-found,no-redef]  # the same there
        BaseNotifier,
    )

from airflow_provider_snowball.compat import remembers_between_pokes
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from tests.fakes.fleet_server import cluster_id

NOTES = Path(os.environ["CHANGES_NOTES"])


def note(context: Any) -> None:
    line = {
        "task": context["ti"].task_id,
        "changes": context["device_changes"],
        "devices": context["devices"],
    }
    with NOTES.open("a") as notes:
        print(json.dumps(line), file=notes)


def break_off(context: Any) -> None:
    note(context)
    raise RuntimeError("the pager is down")


def break_off_once(context: Any) -> None:
    task_id = context["ti"].task_id
    is_first = not NOTES.exists() or f'"{task_id}"' not in NOTES.read_text()
    note(context)
    if is_first:
        raise RuntimeError("the pager is down")


class Pager(BaseNotifier):  # type: ignore[misc,unused-ignore]  # untyped in some lines
    """An ordinary notifier, with a template."""

    template_fields = ("message",)

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def notify(self, context: Any) -> None:
        line = {"task": context["ti"].task_id, "message": self.message}
        with NOTES.open("a") as notes:
            print(json.dumps(line), file=notes)


TOLD: dict[str, Any] = {
    "note": {"on_change": note},
    "break_off": {"on_change": break_off},
    "break_off_once": {"on_change": break_off_once},
    "pager": {"on_change": Pager("{{ device_changes | map(attribute='text') | join(', ') }}")},
    "publish": {"publish_devices": True},
}
MODES: dict[str, dict[str, Any]] = {"poke": {"mode": "poke"}, "deferrable": {"deferrable": True}}
if remembers_between_pokes():
    MODES["reschedule"] = {"mode": "reschedule"}

with DAG(dag_id="changes", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
    for number, (name, mode) in enumerate((name, mode) for name in TOLD for mode in MODES):
        ClusterJobsSensor(
            task_id=f"{name}_{mode}",
            cluster_id=cluster_id(number),
            target_state="WithCustomer",
            min_jobs=2,
            poke_interval=0.1,
            **TOLD[name],
            **MODES[mode],
        )
