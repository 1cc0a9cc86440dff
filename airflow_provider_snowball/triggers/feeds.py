"""Polls that waits share: one for each call that any of them asks for, however many there are."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from airflow_provider_snowball.aws import AWS_PARAMETERS
from airflow_provider_snowball.calls import Call
from airflow_provider_snowball.compat import conf
from airflow_provider_snowball.triggers.clients import SharedClient
from airflow_provider_snowball.wait import ErrorKind, RequestError

__all__ = ["Answer", "Feed", "Register", "Seat"]

log = logging.getLogger(__name__)

#: After this many waits were told, others get the event loop.
_TOLD_AT_ONCE = 20
#: A poll may come earlier by up to this part of its delay, so that crowds that began together drift apart.
_JITTER = 0.1
DEFAULT_CALLS_PER_SECOND = 20.0


@dataclass(frozen=True)
class Answer:
    """
    What a poll brought.

    :param asked_at: when the poll began, in seconds of the event loop's clock.
    """

    asked_at: float
    reply: Any = None
    error: RequestError | None = None

    def open(self) -> Any:
        """
        Return the reply.

        :raises RequestError: if there is none; each caller gets an exception of its own.
        """
        if self.error is not None:
            raise self.error.copy()
        return self.reply


@dataclass(eq=False, slots=True)
class _Ask:
    due: float
    earliest: float
    future: asyncio.Future[Answer]


class Feed:
    """
    One call, made again whenever somebody's answer is due, for all who ask for it.

    All times are those of the event loop's clock.

    ``seats`` is how many take part; ``stretch`` is by what the delay until the next poll is multiplied.

    :param make: makes the call; raises RequestError.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._asks: dict[_Ask, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._poll: asyncio.Task[None] | None = None
        self._last: Answer | None = None
        self.stretch = 1.0
        self.seats = 0

    async def ask(self, *, due: float, earliest: float) -> Answer:
        """
        Wait for an answer whose poll began at ``earliest`` or later; at ``due``, poll for it.

        Asking ahead is what lets waits share: who is due first polls for all whose ``earliest`` has come.
        """
        if self._last is not None and self._last.asked_at >= earliest:
            return self._last
        ask = _Ask(due, earliest, self._loop.create_future())
        self._asks[ask] = None
        self._plan(due)
        try:
            return await ask.future
        finally:
            self._asks.pop(ask, None)
            if not self._asks:
                self._unplan()

    def close(self) -> None:
        """Stop polling at once."""
        self._unplan()
        if self._poll is not None:
            self._poll.cancel()

    def _plan(self, due: float) -> None:
        if self._poll is not None or (self._timer is not None and self._timer.when() <= due):
            return
        self._unplan()
        self._timer = self._loop.call_at(due, self._begin)

    def _unplan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._timer = None
        self._poll = self._loop.create_task(self._run())

    async def _run(self) -> None:
        answer = await self._answer()
        self.stretch = 1.0 - _JITTER * random.random()  # noqa: S311  spreads polls, hides nothing
        # Only good news is kept for those who come late.
        if answer.error is None:
            self._last = answer
        told = 0
        for ask in list(self._asks):
            if ask.earliest > answer.asked_at or ask.future.done():
                continue
            ask.future.set_result(answer)
            told += 1
            if told % _TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)
        self._poll = None
        if waiting := [ask.due for ask in self._asks if not ask.future.done()]:
            self._plan(min(waiting))

    async def _answer(self) -> Answer:
        asked_at = self._loop.time()
        try:
            return Answer(asked_at, reply=await self._make())
        except RequestError as error:
            return Answer(asked_at, error=error)
        except Exception as error:
            # Whoever asked is told: it must never wait for a poll that broke off.
            log.exception("A poll broke off")
            broken = RequestError(ErrorKind.PASSING, f"{type(error).__name__}: {error}")
            broken.__cause__ = error
            return Answer(asked_at, error=broken)


class _Client:
    """A shared client, and the feeds that it makes calls for."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.shared = SharedClient(parameters, calls_per_second=_calls_per_second())
        self.feeds: dict[Call, Feed] = {}

    def feed(self, call: Call) -> Feed:
        """Return the feed of a call, a new one if there is none."""
        if call not in self.feeds:
            self.feeds[call] = Feed(lambda: self.shared.call(call))
        return self.feeds[call]


class Register:
    """The clients and feeds of one event loop: a triggerer has one."""

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}

    @classmethod
    def of_this_loop(cls) -> Register:
        """Return the running event loop's own."""
        return _REGISTERS.setdefault(asyncio.get_running_loop(), cls())

    def seat(self, parameters: Mapping[str, Any], call: Call) -> Seat:
        """
        Return a seat in the feed of a call.

        :param parameters: the four AWS parameters. Nothing is shared across different ones.
        """
        return Seat(self._clients, parameters, call)

    def region_of(self, parameters: Mapping[str, Any]) -> str | None:
        """Return the region that a client in use asks, None as long as it is not known."""
        client = self._clients.get(_who(parameters))
        return None if client is None else client.shared.region


class Seat:
    """
    One who takes part in a feed, for as long as this context manager is entered.

    The last to leave closes the feed, and its client after the last feed.

    A class with slots, not a generator: ten thousand waits hold one each, and the more objects they
    are made of, the longer the event loop stands still while Python collects its garbage.
    """

    __slots__ = ("_call", "_clients", "_feed", "_parameters", "_who")

    def __init__(self, clients: dict[str, _Client], parameters: Mapping[str, Any], call: Call) -> None:
        self._clients = clients
        self._parameters = parameters
        self._call = call
        self._who = _who(parameters)

    def __enter__(self) -> Feed:
        """Take the seat."""
        if self._who not in self._clients:
            self._clients[self._who] = _Client(self._parameters)
        self._feed = self._clients[self._who].feed(self._call)
        self._feed.seats += 1
        return self._feed

    def __exit__(self, *_: object) -> None:
        """Leave it."""
        self._feed.seats -= 1
        if self._feed.seats:
            return
        client = self._clients[self._who]
        self._feed.close()
        del client.feeds[self._call]
        if not client.feeds:
            client.shared.close()
            del self._clients[self._who]


def _who(parameters: Mapping[str, Any]) -> str:
    return json.dumps([parameters[name] for name in AWS_PARAMETERS], sort_keys=True, default=repr)


_REGISTERS: WeakKeyDictionary[asyncio.AbstractEventLoop, Register] = WeakKeyDictionary()


def _calls_per_second() -> float:
    rate = float(conf.getfloat("snowball", "max_calls_per_second", fallback=DEFAULT_CALLS_PER_SECOND))
    if not rate > 0:
        raise ValueError(f"[snowball] max_calls_per_second must be more than 0; got {rate:g}")
    return rate
