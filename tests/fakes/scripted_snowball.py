"""
A Snowball endpoint over HTTP that answers from a script, one entry a listing.

Every mode of a sensor meets the very same listings in the same order, which an emulator on a
clock could not promise. The last entry is answered for ever.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.json_server import JsonServer

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
PAGE = 100


def job_id(number: int) -> str:
    """Return the id of the numbered job."""
    return f"JID123e4567-e89b-12d3-a456-{number:012d}"


def job(number: int, state: str, **more: Any) -> dict[str, Any]:
    """Return a listed job as the API has it on the wire."""
    return {
        "JobId": job_id(number),
        "JobState": state,
        "IsMaster": False,
        "JobType": "LOCAL_USE",
        "SnowballType": "EDGE",
        "CreationDate": 1480475524,
        "Description": f"node-{number:03d}",
    } | more


@dataclass(frozen=True)
class Error:
    """An answer that is an error, from the given page of a listing on."""

    code: str
    message: str = "scripted"
    status: int = 400
    on_page: int = 1


Listing = Sequence[dict[str, Any]] | Error | tuple[Sequence[dict[str, Any]], Error]


@dataclass
class ScriptedSnowball(JsonServer):
    """
    The server, as a context manager.

    :param listings: what ListClusterJobs and ListJobs answer to each listing; an Error with the jobs of the
        pages before it, if it comes on a later page.
    :param cluster: what DescribeCluster answers: a ClusterState or an Error.
    :param jobs: what DescribeJob answers by job id: the job and its parts, or an Error for all. A job that
        is not there does not exist.
    """

    listings: Sequence[Listing]
    cluster: str | Error = "Pending"
    jobs: dict[str, Sequence[dict[str, Any]]] | Error = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self._listing = -1

    @property
    def polls(self) -> int:
        """How many listings were begun."""
        return self._listing + 1

    def connection(self, **extra: Any) -> str:
        """Return an Airflow connection to the server, as JSON; each error is met once, not five times."""
        return json.dumps(
            {
                "conn_type": "aws",
                "login": "testing",
                "password": "testing",
                "extra": {
                    "region_name": "us-east-1",
                    "endpoint_url": self.endpoint_url,
                    "config_kwargs": {"retries": {"total_max_attempts": 1}},
                }
                | extra,
            }
        )

    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer by the script."""
        if operation == "DescribeCluster":
            if isinstance(self.cluster, Error):
                return error_answer(self.cluster)
            return 200, {"ClusterMetadata": {"ClusterId": body["ClusterId"], "ClusterState": self.cluster}}
        if operation == "DescribeJob":
            return self._describe(body["JobId"])
        if operation not in ("ListClusterJobs", "ListJobs"):
            return error_answer(Error("InvalidAction", f"not scripted: {operation}"))
        start = int(body.get("NextToken", 0))
        if start == 0:
            self._listing += 1
        listing = self.listings[min(self._listing, len(self.listings) - 1)]
        jobs, error = listing if isinstance(listing, tuple) else (listing, None)
        if isinstance(jobs, Error):
            return error_answer(jobs)
        size = body.get("MaxResults", PAGE)
        if error and start // size + 1 >= error.on_page:
            return error_answer(error)
        page: dict[str, Any] = {"JobListEntries": list(jobs[start : start + size])}
        if start + size < len(jobs):
            page["NextToken"] = str(start + size)
        return 200, page

    def _describe(self, job_id: str) -> tuple[int, dict[str, Any]]:
        if isinstance(self.jobs, Error):
            return error_answer(self.jobs)
        if job_id not in self.jobs:
            return error_answer(Error("InvalidResourceException", f"no such job: {job_id}"))
        described, *parts = (
            {key: value for key, value in each.items() if key != "IsMaster"} for each in self.jobs[job_id]
        )
        return 200, {"JobMetadata": described, **({"SubJobMetadata": parts} if parts else {})}


def error_answer(error: Error) -> tuple[int, dict[str, Any]]:
    """Return an error as it goes over the wire."""
    return error.status, {"__type": error.code, "message": error.message, "Message": error.message}
