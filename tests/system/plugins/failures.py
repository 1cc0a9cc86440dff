"""A listener, as a deployment may have one: it tells of each exception that fails a try of a task."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


class _Listener:
    @hookimpl
    def on_task_instance_failed(self, task_instance: Any, error: object) -> None:
        line = json.dumps([task_instance.task_id, type(error).__name__, str(error)])
        # One write for each: workers are processes of their own.
        with Path(os.environ["AIRFLOW_HOME"], "failures.jsonl").open("a") as file:
            file.write(line + "\n")


class FailuresPlugin(AirflowPlugin):
    """Registers the listener."""

    name = "failures"
    listeners = [_Listener()]  # noqa: RUF012  as Airflow declares it
