"""
A Snowball for the fire: a state for each cluster, faults on demand, and a log of the polls.

One process of its own, with plain HTTP: what is fired at must not be slowed down by whoever fires.
"""

from __future__ import annotations

import asyncio
import json
import math
import multiprocessing
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

__all__ = ["FireSnowball", "Log", "cluster_id", "job_id", "jobs_of"]

JOBS = 5


def cluster_id(number: int) -> str:
    """Return the id of a cluster."""
    return f"CID123e4567-e89b-12d3-a456-{number:012d}"


def job_id(cluster: str, number: int = 0) -> str:
    """Return the id of one of a cluster's jobs."""
    return f"JID{cluster[3:-4]}{int(cluster[-3:]):03d}{number}"


@dataclass(frozen=True)
class Log:
    """
    What a server has seen, in Unix time, by cluster.

    :param polls: when it was listed, whatever was answered.
    :param answers: when it was listed and that was answered well.
    :param moves: when its jobs were in which state, from then on.
    """

    polls: dict[str, list[float]]
    answers: dict[str, list[float]]
    moves: dict[str, list[tuple[float, str]]]

    def moved_at(self, cluster: str, state: str) -> float:
        """Return when a cluster's jobs were first in a state; later than anything if they never were."""
        return min((at for at, there in self.moves.get(cluster, ()) if there == state), default=math.inf)

    def answered(self, cluster: str, since: float, until: float) -> bool:
        """Tell whether a listing of a cluster was answered well between two times."""
        return any(since < at < until for at in self.answers.get(cluster, ()))


class FireSnowball:
    """The server, as a context manager."""

    def __init__(self) -> None:
        self.port = 0
        self._process: Any = None

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(sender,), daemon=True)
        self._process.start()
        sender.close()
        self.port = receiver.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()

    def connection_fields(self, key: str) -> dict[str, Any]:
        """Return the fields of an Airflow connection to the server."""
        options = {"read_timeout": 5, "connect_timeout": 5}
        extra = {
            "region_name": "us-east-1",
            "endpoint_url": f"http://127.0.0.1:{self.port}",
            "config_kwargs": options,
        }
        return {"conn_type": "aws", "login": key, "password": "testing", "extra": json.dumps(extra)}

    def move(self, states: Mapping[str, str]) -> None:
        """Have all jobs of clusters be in other states."""
        self._control(states=dict(states))

    def fail(self, clusters: list[str]) -> None:
        """Answer for these clusters with 500 from now on."""
        self._control(failing=clusters)

    def fault(self, kind: str | None) -> None:
        """Answer all calls badly: ``hang``, ``reset``, ``throttle``, ``500`` or ``torn``; None for well."""
        self._control(fault=kind)

    def log(self) -> Log:
        """Return what it has seen."""
        told = self._control(all=True)
        moves = {cluster: [(at, state) for at, state in each] for cluster, each in told["moves"].items()}
        return Log(told["polls"], told["answers"], moves)

    def polls(self) -> dict[str, list[float]]:
        """Return when each cluster was listed, whatever was answered, in Unix time."""
        return dict(self._control()["polls"])

    def _control(self, **change: Any) -> dict[str, Any]:
        request = Request(f"http://127.0.0.1:{self.port}/control", json.dumps(change).encode())
        with urlopen(request, timeout=30) as response:
            return dict(json.load(response))


class _Server:
    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.failing: set[str] = set()
        self.fault: str | None = None
        self.polls: dict[str, list[float]] = {}
        self.answers: dict[str, list[float]] = {}
        self.moves: dict[str, list[tuple[float, str]]] = {}

    def control(self, change: dict[str, Any]) -> None:
        for cluster, state in change.get("states", {}).items():
            self.moves.setdefault(cluster, []).append((time.time(), state))
            self.states[cluster] = state
        self.failing |= set(change.get("failing", ()))
        if "fault" in change:
            self.fault = change["fault"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
                }
                body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
                if head[0].split()[1] == "/control":
                    self.control(body)
                    # Only what is asked for: this is asked often.
                    all_of_it = {"answers": self.answers, "moves": self.moves} if body.get("all") else {}
                    writer.write(_answer(200, {"polls": self.polls, **all_of_it}))
                else:
                    fault = self.fault
                    answer = self._answer(headers["x-amz-target"].rpartition(".")[2], body)
                    if fault == "hang":
                        # For longer than anybody waits for an answer.
                        await asyncio.sleep(30)
                    if fault == "reset":
                        writer.transport.abort()
                        return
                    writer.write(answer[:-20] if fault == "torn" else answer)
                    if fault == "torn":
                        await writer.drain()
                        break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    def _answer(self, operation: str, body: dict[str, Any]) -> bytes:
        cluster = str(body.get("ClusterId"))
        if operation == "ListClusterJobs":
            self.polls.setdefault(cluster, []).append(time.time())
        if self.fault == "throttle":
            return _answer(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
        if self.fault == "500" or cluster in self.failing:
            return _answer(500, {"__type": "InternalFailure", "message": "try again"})
        if operation == "ListClusterJobs" and self.fault is None:
            self.answers.setdefault(cluster, []).append(time.time())
        if operation == "DescribeCluster":
            return _answer(200, {"ClusterMetadata": {"ClusterState": "InUse"}})
        if operation == "ListJobs":
            return _answer(200, {"JobListEntries": [each for one in self.states for each in self._jobs(one)]})
        if operation == "DescribeJob":
            [found] = [
                each for one in self.states for each in self._jobs(one) if each["JobId"] == body["JobId"]
            ]
            return _answer(200, {"JobMetadata": found})
        return _answer(200, {"JobListEntries": self._jobs(cluster)})

    def _jobs(self, cluster: str) -> list[dict[str, Any]]:
        return jobs_of(cluster, self.states[cluster])


def jobs_of(cluster: str, state: str) -> list[dict[str, Any]]:
    """Return the listing of a cluster whose jobs are in a state."""
    return [
        {
            "JobId": job_id(cluster, number),
            "JobState": state,
            "IsMaster": False,
            "JobType": "LOCAL_USE",
            "SnowballType": "EDGE",
            "CreationDate": 1480475524.0,
        }
        for number in range(JOBS)
    ]


def _answer(status: int, body: Any) -> bytes:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text


def _serve(ready: Connection) -> None:
    async def main() -> None:
        server = await asyncio.start_server(_Server().serve, "127.0.0.1", 0, backlog=512)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())
