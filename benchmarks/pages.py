"""A server of its own process that answers ListClusterJobs from pages made beforehand, as fast as it can."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

__all__ = ["CLUSTER", "serving"]

CLUSTER = "CID123e4567-e89b-12d3-a456-426655440000"
PAGE = 100


def _page(start: int, jobs: int) -> bytes:
    entries = [
        {
            "JobId": f"JID123e4567-e89b-12d3-a456-{number:012d}",
            "JobState": "InTransitToCustomer",
            "IsMaster": False,
            "JobType": "LOCAL_USE",
            "SnowballType": "EDGE",
            "CreationDate": 1480475524.0 + number,
            "Description": f"node-{number:05d}",
        }
        for number in range(start, min(start + PAGE, jobs))
    ]
    more = {"NextToken": str(start + PAGE)} if start + PAGE < jobs else {}
    return json.dumps({"JobListEntries": entries, **more}).encode()


def _serve(jobs: int, ready: Connection) -> None:
    pages = [_page(start, jobs) for start in range(0, jobs, PAGE)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without it, Nagle's algorithm and delayed acknowledgements add 40 ms to each answer.
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            page = pages[int(body.get("NextToken", 0)) // PAGE]
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ready.send(server.server_port)
    server.serve_forever()


@contextmanager
def serving(jobs: int) -> Iterator[str]:
    """Serve a cluster of that many jobs and yield the endpoint's URL."""
    # Spawned, not forked, and not a thread: the server must not share the interpreter that is measured.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(jobs, sender), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{receiver.recv()}"
    finally:
        process.terminate()
        process.join()
