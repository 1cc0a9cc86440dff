"""The same wait as the amazon provider builds its own: AwsBaseWaiterTrigger with a custom waiter."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.triggers.base import AwsBaseWaiterTrigger

__all__ = ["STATUS", "PeerTrigger"]

STATUS = "Status of cluster is"
_WAITER = {
    "version": 2,
    "waiters": {
        "cluster_jobs_reached": {
            "operation": "ListClusterJobs",
            "delay": 30,
            "maxAttempts": 100000,
            "acceptors": [
                {
                    "matcher": "pathAll",
                    "argument": "JobListEntries[].JobState",
                    "expected": "WithCustomer",
                    "state": "success",
                }
            ],
        }
    },
}


class PeerHook(AwsBaseHook):
    """A hook with a waiter of its own, as every service of the amazon provider has one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["client_type"] = "snowball"
        super().__init__(*args, **kwargs)

    @property
    def waiter_path(self) -> os.PathLike[str] | None:
        """Where the waiter is described; the provider's own lie in its package."""
        return _waiter_file()


class PeerTrigger(AwsBaseWaiterTrigger):
    """Wait until all jobs on the first page of a cluster are in one state."""

    aws_hook_class = PeerHook

    def __init__(
        self, *, cluster_id: str, waiter_delay: int, aws_conn_id: str, waiter_max_attempts: int = 100_000
    ) -> None:
        super().__init__(
            serialized_fields={"cluster_id": cluster_id},
            waiter_name="cluster_jobs_reached",
            waiter_args={"ClusterId": cluster_id},
            failure_message="Waiting failed",
            status_message=STATUS,
            status_queries=["JobListEntries[].JobState"],
            return_value=cluster_id,
            waiter_delay=waiter_delay,
            waiter_max_attempts=waiter_max_attempts,
            aws_conn_id=aws_conn_id,
        )


def _waiter_file() -> Path:
    file = Path(tempfile.gettempdir()) / f"snowball-bench-waiter-{os.getpid()}.json"
    if not file.exists():
        file.write_text(json.dumps(_WAITER))
    return file
