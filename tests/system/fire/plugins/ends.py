"""A listener, as a deployment may have one: it tells of each end of a try."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


def _tell(end: str, task_instance: Any, error: object = None) -> None:
    line = json.dumps(
        {
            "at": time.time(),
            "end": end,
            "task_id": task_instance.task_id,
            "try_number": task_instance.try_number,
            "error": None if error is None else [type(error).__name__, str(error)],
        }
    )
    # One write for each: workers are processes of their own.
    with Path(os.environ["AIRFLOW_HOME"], "ends.jsonl").open("a") as file:
        file.write(line + "\n")


class _Listener:
    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        _tell("success", task_instance)

    @hookimpl
    def on_task_instance_skipped(self, task_instance: Any) -> None:
        _tell("skipped", task_instance)

    @hookimpl
    def on_task_instance_failed(self, task_instance: Any, error: object) -> None:
        _tell("failed", task_instance, error)


class EndsPlugin(AirflowPlugin):
    """Registers the listener."""

    name = "ends"
    listeners = [_Listener()]  # noqa: RUF012  as Airflow declares it
