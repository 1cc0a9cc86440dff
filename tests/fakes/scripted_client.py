"""In-process clients for SharedPolls(make_client=...), without threads: they run on a ClockLoop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_snowball.waiting.calls import Call, ErrorKind, RequestError

__all__ = ["ScriptedClient", "ScriptedClients", "throttled"]

#: The seconds that a call takes, whichever it is or by the call.
Latency = float | Callable[[Call], float]

#: What a client replies to a call, or raises, given the time on the loop's clock.
Script = Callable[[Call, float], Any]


def throttled() -> RequestError:
    """Return an error that another poll may not meet."""
    return RequestError(ErrorKind.TRANSIENT, "Rate exceeded", code="ThrottlingException", throttled=True)


def _nothing(call: Call, now: float) -> list[Any]:
    return []


class ScriptedClient:
    """
    One client.

    :param script: makes the reply to a call when it is over; an exception that it returns is raised.
    :param latency: seconds that a call takes, or a function that says how many.
    """

    def __init__(
        self, script: Script = _nothing, *, latency: Latency = 0.0, region: str | None = None
    ) -> None:
        self.script = script
        self.latency = latency
        self.region = region
        self.local_url: str | None = None
        #: The calls that were begun, each with its time on the loop's clock.
        self.calls: list[tuple[float, Call]] = []
        #: How many calls were cancelled before they were over.
        self.cancelled = 0
        self.closed = 0

    @property
    def times(self) -> list[float]:
        """When calls were begun."""
        return [time for time, _ in self.calls]

    async def call(self, call: Call) -> Any:
        """Note the call, let it take its time, and do what the script says."""
        assert not self.closed, "a call by a closed client"
        loop = asyncio.get_running_loop()
        self.calls.append((loop.time(), call))
        try:
            if seconds := self.latency(call) if callable(self.latency) else self.latency:
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        reply = self.script(call, loop.time())
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self) -> None:
        """Note it."""
        self.closed += 1


class ScriptedClients:
    """
    What makes clients, and keeps them in the order that they were made in.

    :param script: of the clients to come; ``script`` may be set to another one.
    """

    def __init__(
        self, script: Script = _nothing, *, latency: Latency = 0.0, region: str | None = None
    ) -> None:
        self.made: list[tuple[Mapping[str, Any], ScriptedClient]] = []
        self.script = script
        self._latency = latency
        self._region = region

    def __call__(self, parameters: Mapping[str, Any]) -> ScriptedClient:
        """Make one, of the four AWS parameters."""
        client = ScriptedClient(self.script, latency=self._latency, region=self._region)
        self.made.append((dict(parameters), client))
        return client

    @property
    def only(self) -> ScriptedClient:
        """The one client that was made."""
        ((_, client),) = self.made
        return client

    @property
    def times(self) -> list[float]:
        """When any of them began a call."""
        return sorted(time for _, client in self.made for time in client.times)
