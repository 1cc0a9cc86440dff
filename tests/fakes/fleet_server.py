"""
A Snowball endpoint with any number of clusters, for tests and benchmarks of many waits.

Every cluster id that is asked for exists and has the same number of jobs; ListJobs has a thousand; all
jobs are in one state. The
server runs in a process of its own, so that it shares no interpreter with what is measured, and
takes as many connections as come. It can throttle, fail at random, be slow, and be told otherwise.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

from tests.fakes.scripted_snowball import job_id

__all__ = ["JOBS_LISTED", "FleetServer", "cluster_id", "connection"]

#: How many jobs the account has in ListJobs, and how many come on a page.
JOBS_LISTED = 1000
_PAGE = 100


def cluster_id(number: int) -> str:
    """Return the id of the numbered cluster."""
    return f"CID123e4567-e89b-12d3-a456-{number:012d}"


def connection(endpoint_url: str, *, key: str = "testing", retries: bool = False, **extra: Any) -> str:
    """
    Return an Airflow connection to a server, as JSON.

    :param retries: leave botocore's retries as the hook sets them, instead of meeting each error once.
    """
    options = {} if retries else {"config_kwargs": {"retries": {"total_max_attempts": 1}}}
    return json.dumps(
        {
            "conn_type": "aws",
            "login": key,
            "password": "testing",
            "extra": {"region_name": "us-east-1", "endpoint_url": endpoint_url} | options | extra,
        }
    )


@dataclass
class _Behaviour:
    state: str = "InTransitToCustomer"
    jobs: int = 5
    #: Answered with AccessDeniedException.
    denied_keys: list[str] = field(default_factory=list)
    #: Calls a second beyond which ThrottlingException is answered; None for no limit.
    throttle: float | None = None
    #: The part of all calls that is answered with 500.
    failing: float = 0.0
    #: Seconds before each answer.
    latency: float = 0.0


class FleetServer:
    """
    The server, as a context manager.

    :param port: 0 picks a free one; a server that is started again takes its old one.
    :param behaviour: fields of the behaviour: state, jobs, denied_keys, throttle, failing, latency.
    """

    def __init__(self, port: int = 0, **behaviour: Any) -> None:
        self.port = port
        self._behaviour = _Behaviour(**behaviour)
        self._process: Any = None

    @property
    def endpoint_url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(self.port, self._behaviour, sender), daemon=True)
        self._process.start()
        sender.close()
        self.port = receiver.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()

    def change(self, **behaviour: Any) -> None:
        """Change fields of the behaviour."""
        self._control(behaviour)
        self._behaviour = _Behaviour(**asdict(self._behaviour) | behaviour)

    def counts(self) -> dict[str, int]:
        """
        Return how often each thing happened since the server started.

        ``calls``, ``throttled``, ``failed``, ``denied``, each operation by its name, each access key
        as ``key NAME``, each cluster as its id, each of botocore's retry modes as ``mode NAME``, and the
        ``connections`` that clients opened.
        """
        return Counter(self._control({}))

    def _control(self, body: dict[str, Any]) -> dict[str, int]:
        request = Request(f"{self.endpoint_url}/control", json.dumps(body).encode())
        with urlopen(request, timeout=30) as response:
            return dict(json.load(response))


class _Handler:
    def __init__(self, behaviour: _Behaviour) -> None:
        self.behaviour = behaviour
        self.counts: Counter[str] = Counter()
        self._random = random.Random(20261123)
        self._allowance = 0.0
        self._allowed_at = time.monotonic()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known = False
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
                }
                body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
                if head[0].split()[1] == "/control":
                    for name, value in body.items():
                        setattr(self.behaviour, name, value)
                    status, answer = 200, json.dumps(self.counts).encode()
                else:
                    # Whoever controls or counts connects as well, and is no client.
                    self.counts["connections"] += not known
                    known = True
                    if self.behaviour.latency:
                        await asyncio.sleep(self.behaviour.latency)
                    status, answer = self._answer(headers, body)
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\n"
                    f"Content-Length: {len(answer)}\r\n\r\n".encode()
                )
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, bytes]:
        now = self.behaviour
        operation = headers["x-amz-target"].rpartition(".")[2]
        key = headers["authorization"].partition("Credential=")[2].partition("/")[0]
        mode = headers.get("user-agent", "").partition("cfg/retry-mode#")[2].split(" ")[0]
        self.counts.update(["calls", operation, f"key {key}", f"mode {mode}", str(body.get("ClusterId"))])
        if key in now.denied_keys:
            self.counts["denied"] += 1
            return _error(400, "AccessDeniedException", "not authorized")
        if now.throttle is not None and not self._is_allowed(now.throttle):
            self.counts["throttled"] += 1
            return _error(400, "ThrottlingException", "Rate exceeded")
        if self._random.random() < now.failing:
            self.counts["failed"] += 1
            return _error(500, "InternalFailure", "try again")
        if operation == "DescribeCluster":
            return 200, json.dumps({"ClusterMetadata": {"ClusterState": "Pending"}}).encode()
        if operation == "ListJobs":
            return 200, _page_of_account(int(body.get("NextToken", 0)), now.state)
        ids = [f"JID{body['ClusterId'][3:-4]}{number:04d}" for number in range(now.jobs)]
        return 200, json.dumps({"JobListEntries": [_entry(each, now.state) for each in ids]}).encode()

    def _is_allowed(self, rate: float) -> bool:
        now = time.monotonic()
        self._allowance = min(self._allowance + (now - self._allowed_at) * rate, rate)
        self._allowed_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def _page_of_account(start: int, state: str) -> bytes:
    numbers = range(start, min(start + _PAGE, JOBS_LISTED))
    more = {"NextToken": str(start + _PAGE)} if start + _PAGE < JOBS_LISTED else {}
    return json.dumps(
        {"JobListEntries": [_entry(job_id(number), state) for number in numbers], **more}
    ).encode()


def _entry(of: str, state: str) -> dict[str, Any]:
    return {
        "JobId": of,
        "JobState": state,
        "IsMaster": False,
        "JobType": "LOCAL_USE",
        "SnowballType": "EDGE",
        "CreationDate": 1480475524.0,
        "Description": "node",
    }


def _error(status: int, code: str, message: str) -> tuple[int, bytes]:
    return status, json.dumps({"__type": code, "message": message}).encode()


def _serve(port: int, behaviour: _Behaviour, ready: Connection) -> None:
    async def main() -> None:
        handler = _Handler(behaviour)
        server = await asyncio.start_server(handler.serve, "127.0.0.1", port, backlog=4096)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())
