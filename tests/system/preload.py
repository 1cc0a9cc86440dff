"""
A plugin that has Airflow import what every task needs, before it starts a worker.

LocalExecutor's workers, and their tasks, are forked from the scheduler: what that has imported, they have.
Imports are two fifths of the CPU time of a task here.
"""

from __future__ import annotations

import airflow.providers.amazon.aws.hooks.base_aws
import botocore.args
import botocore.docs
import botocore.waiter
from airflow.plugins_manager import AirflowPlugin

__all__ = ["PreloadPlugin", "airflow", "botocore"]


class PreloadPlugin(AirflowPlugin):
    """Imports, by being imported."""

    name = "preload"
