"""
A Snowball endpoint over HTTP that answers from a script, one entry a listing.

Every mode of a sensor meets the very same listings in the same order, which an emulator on a
clock could not promise. The last entry is answered for ever.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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
class ScriptedSnowball:
    """
    The server, as a context manager.

    :param listings: what ListClusterJobs answers to each listing; an Error with the jobs of the
        pages before it, if it comes on a later page.
    :param cluster: what DescribeCluster answers: a ClusterState or an Error.
    """

    listings: Sequence[Listing]
    cluster: str | Error = "Pending"
    calls: list[str] = field(default_factory=list)

    def __enter__(self) -> ScriptedSnowball:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                with script._lock:
                    status, answer = script._answer(operation, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self._lock = threading.Lock()
        self._listing = -1
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint_url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self._server.server_port}"

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

    def _answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.calls.append(operation)
        if operation == "DescribeCluster":
            if isinstance(self.cluster, Error):
                return _error(self.cluster)
            return 200, {"ClusterMetadata": {"ClusterId": body["ClusterId"], "ClusterState": self.cluster}}
        assert operation == "ListClusterJobs", operation
        start = int(body.get("NextToken", 0))
        if start == 0:
            self._listing += 1
        listing = self.listings[min(self._listing, len(self.listings) - 1)]
        jobs, error = listing if isinstance(listing, tuple) else (listing, None)
        if isinstance(jobs, Error):
            return _error(jobs)
        size = body.get("MaxResults", PAGE)
        if error and start // size + 1 >= error.on_page:
            return _error(error)
        page: dict[str, Any] = {"JobListEntries": list(jobs[start : start + size])}
        if start + size < len(jobs):
            page["NextToken"] = str(start + size)
        return 200, page


def _error(error: Error) -> tuple[int, dict[str, Any]]:
    return error.status, {"__type": error.code, "message": error.message, "Message": error.message}
