"""Polls that waits share: one for each call that any of them asks for, however many there are."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from airflow_provider_snowball.aws import AWS_PARAMETERS
from airflow_provider_snowball.calls import Call
from airflow_provider_snowball.compat import conf
from airflow_provider_snowball.triggers.clients import SharedClient
from airflow_provider_snowball.triggers.metrics import count_waits
from airflow_provider_snowball.wait import ErrorKind, RequestError

__all__ = ["Answer", "Feed", "Register"]

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


@dataclass
class _Shared:
    """Something that lives for as long as anybody uses it."""

    thing: Any
    users: int = 0


@dataclass
class Register:
    """The clients and feeds of one event loop: a triggerer has one."""

    _clients: dict[str, _Shared] = field(default_factory=dict)
    _feeds: dict[tuple[str, Call], _Shared] = field(default_factory=dict)

    @classmethod
    def of_this_loop(cls) -> Register:
        """Return the running event loop's own."""
        return _REGISTERS.setdefault(asyncio.get_running_loop(), cls())

    @contextmanager
    def feed(self, parameters: Mapping[str, Any], call: Call) -> Iterator[Feed]:
        """
        Take part in the feed of a call; the last to leave closes it, and its client after the last feed.

        :param parameters: the four AWS parameters. Nothing is shared across different ones.
        """
        who = _who(parameters)
        with (
            _use(
                self._clients, who, lambda: SharedClient(parameters, calls_per_second=_calls_per_second())
            ) as client,
            _use(self._feeds, (who, call), lambda: Feed(lambda: client.call(call))) as feed,
        ):
            yield feed

    def region_of(self, parameters: Mapping[str, Any]) -> str | None:
        """Return the region that a client in use asks, None as long as it is not known."""
        client = self._clients.get(_who(parameters))
        return None if client is None else client.thing.region

    @contextmanager
    def wait(self, parameters: Mapping[str, Any], call: Call) -> Iterator[Feed]:
        """Take part in a feed as a wait does, which operations may count."""
        with count_waits(), self.feed(parameters, call) as feed:
            yield feed


def _who(parameters: Mapping[str, Any]) -> str:
    return json.dumps([parameters[name] for name in AWS_PARAMETERS], sort_keys=True, default=repr)


_REGISTERS: WeakKeyDictionary[asyncio.AbstractEventLoop, Register] = WeakKeyDictionary()


@contextmanager
def _use(things: dict[Any, _Shared], key: Any, make: Callable[[], Any]) -> Iterator[Any]:
    shared = things.get(key)
    if shared is None:
        shared = things[key] = _Shared(make())
    shared.users += 1
    try:
        yield shared.thing
    finally:
        shared.users -= 1
        if not shared.users:
            del things[key]
            shared.thing.close()


def _calls_per_second() -> float:
    rate = float(conf.getfloat("snowball", "max_calls_per_second", fallback=DEFAULT_CALLS_PER_SECOND))
    if not rate > 0:
        raise ValueError(f"[snowball] max_calls_per_second must be more than 0; got {rate:g}")
    return rate
