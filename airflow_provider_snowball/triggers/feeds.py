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


@dataclass(frozen=True, slots=True)
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


class Seat:
    """
    One who takes part in a feed, until it leaves: when its next answer is due, and who waits for it.

    A class with slots, and a future, not a coroutine, to wait for: ten thousand waits hold one each,
    and the more objects they are made of, the longer the event loop stands still while Python
    collects its garbage.
    """

    __slots__ = ("_asked_at", "_feed", "_future", "due", "earliest")

    _future: asyncio.Future[Answer]

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.first_after(0.0)

    def first_after(self, delay: float, age: float = 0.0) -> None:
        """Plan the first answer, in ``delay`` seconds; it may be ``age`` seconds old by then."""
        self.due = self._asked_at = self._feed.now() + delay
        self.earliest = self.due - age

    def again_after(self, delay: float, *, exactly: bool = False) -> None:
        """Plan the next answer: ``delay`` seconds after the last one was asked for, or exactly from now."""
        now = self._feed.now()
        # From when the last poll began: then waits that share it are due together for the next.
        self.due = now + delay if exactly else max(self._asked_at + delay * self._feed.stretch, now)
        # Another's poll is as good as one's own once half of the delay is over.
        self.earliest = self.due - (self.due - now) / 2

    def answer(self) -> asyncio.Future[Answer]:
        """
        Return the answer to come, of a poll that begins at ``earliest`` or later; at ``due``, poll for it.

        Asking ahead is what lets waits share: who is due first polls for all whose ``earliest`` has come.
        """
        self._future = asyncio.get_running_loop().create_future()
        self._feed.ask(self)
        return self._future

    def take(self, answer: Answer) -> None:
        """Take the answer in, unless whoever waited for it has gone."""
        self._asked_at = answer.asked_at
        if not self._future.done():
            self._future.set_result(answer)

    def leave(self) -> None:
        """Take part no more. The last to leave closes the feed, and its client after the last feed."""
        self._feed.leave(self)


class Feed:
    """
    One call, made again whenever somebody's answer is due, for all who ask for it.

    All times are those of the event loop's clock.

    ``stretch`` is by what the delay until the next poll is multiplied.

    :param client: makes the call, and is told when the last seat was left.
    """

    def __init__(self, client: _Client, call: Call) -> None:
        self._client = client
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._seats = 0
        self._asking: dict[Seat, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._poll: asyncio.Task[None] | None = None
        self._last: Answer | None = None
        self.stretch = 1.0

    def now(self) -> float:
        """Return the time."""
        return self._loop.time()

    def seat(self) -> Seat:
        """Return a seat, to be left in the end."""
        self._seats += 1
        return Seat(self)

    def ask(self, seat: Seat) -> None:
        """Answer a seat: at once if there is a fresh answer, else as soon as there is one."""
        if self._last is not None and self._last.asked_at >= seat.earliest:
            seat.take(self._last)
        else:
            self._asking[seat] = None
            self._plan(seat.due)

    def leave(self, seat: Seat) -> None:
        """Take a seat back."""
        self._asking.pop(seat, None)
        self._seats -= 1
        if not self._asking:
            self._unplan()
        if not self._seats:
            if self._poll is not None:
                self._poll.cancel()
            self._client.drop(self._call)

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
        for seat in list(self._asking):
            if seat not in self._asking or seat.earliest > answer.asked_at:
                continue
            del self._asking[seat]
            seat.take(answer)
            told += 1
            if told % _TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)
        self._poll = None
        if self._asking:
            self._plan(min(seat.due for seat in self._asking))

    async def _answer(self) -> Answer:
        asked_at = self._loop.time()
        try:
            return Answer(asked_at, reply=await self._client.shared.call(self._call))
        except RequestError as error:
            return Answer(asked_at, error=error)
        except Exception as error:
            # Whoever asked is told: it must never wait for a poll that broke off.
            log.exception("A poll broke off")
            broken = RequestError(ErrorKind.PASSING, f"{type(error).__name__}: {error}")
            broken.__cause__ = error
            return Answer(asked_at, error=broken)


class _Client:
    """
    A shared client, and the feeds that it makes calls for.

    :param on_idle: called when the last feed was closed.
    """

    def __init__(self, parameters: Mapping[str, Any], on_idle: Callable[[], None]) -> None:
        self.shared = SharedClient(parameters, calls_per_second=_calls_per_second())
        self._on_idle = on_idle
        self._feeds: dict[Call, Feed] = {}

    def feed(self, call: Call) -> Feed:
        """Return the feed of a call, a new one if there is none."""
        if call not in self._feeds:
            self._feeds[call] = Feed(self, call)
        return self._feeds[call]

    def drop(self, call: Call) -> None:
        """Let go of a feed that nobody takes part in."""
        del self._feeds[call]
        if not self._feeds:
            self.shared.close()
            self._on_idle()


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
        Return a seat in the feed of a call, to be left in the end.

        :param parameters: the four AWS parameters. Nothing is shared across different ones.
        """
        who = _who(parameters)
        if who not in self._clients:
            self._clients[who] = _Client(parameters, lambda: self._drop(who))
        return self._clients[who].feed(call).seat()

    async def ask_now(self, parameters: Mapping[str, Any], call: Call) -> Any:
        """
        Make a call at once, or share one that others make.

        :raises RequestError: for any error, told apart.
        """
        seat = self.seat(parameters, call)
        try:
            return (await seat.answer()).open()
        finally:
            seat.leave()

    def region_of(self, parameters: Mapping[str, Any]) -> str | None:
        """Return the region that a client in use asks, None as long as it is not known."""
        client = self._clients.get(_who(parameters))
        return None if client is None else client.shared.region

    def _drop(self, who: str) -> None:
        del self._clients[who]


def _who(parameters: Mapping[str, Any]) -> str:
    return json.dumps([parameters[name] for name in AWS_PARAMETERS], sort_keys=True, default=repr)


_REGISTERS: WeakKeyDictionary[asyncio.AbstractEventLoop, Register] = WeakKeyDictionary()


def _calls_per_second() -> float:
    rate = float(conf.getfloat("snowball", "max_calls_per_second", fallback=DEFAULT_CALLS_PER_SECOND))
    if not rate > 0:
        raise ValueError(f"[snowball] max_calls_per_second must be more than 0; got {rate:g}")
    return rate
