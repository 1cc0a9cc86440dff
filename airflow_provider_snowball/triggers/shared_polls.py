"""Polls that waits share: one for each call that any of them asks for, however many there are."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from airflow_provider_snowball.aws import AWS_PARAMETERS
from airflow_provider_snowball.triggers.rate_cap import calls_per_second
from airflow_provider_snowball.triggers.shared_client import SharedClient
from airflow_provider_snowball.waiting.calls import Call, ErrorKind, RequestError

__all__ = ["Client", "PollResult", "SharedPoll", "SharedPolls", "Subscription"]

log = logging.getLogger(__name__)

#: A poll may come earlier by up to this part of its delay, so that crowds that began together drift apart.
_JITTER = 0.1


class Client(Protocol):
    """What makes the calls: a :class:`SharedClient`."""

    @property
    def region(self) -> str | None:
        """The region that is asked, None as long as it is not known."""

    @property
    def local_url(self) -> str | None:
        """Where the local Snowball that is asked lists its jobs; None for AWS."""

    async def call(self, call: Call) -> Any:
        """Make a call, or raise RequestError."""

    def close(self) -> None:
        """Let go of everything."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """
    What a poll brought: a reply, or an error.

    :param polled_at: when the poll began, in seconds of the event loop's clock.
    """

    polled_at: float
    reply: Any = None
    error: RequestError | None = None

    @property
    def outcome(self) -> Any:
        """The reply, or the error, which is each caller's own to raise."""
        return self.reply if self.error is None else self.error.copy()


class Subscription:
    """
    One wait's part in a shared poll, until it ends: when its next result is due, and who waits for it.

    A class with slots, and a future, not a coroutine, to wait for: ten thousand waits hold one each,
    and the more objects they are made of, the longer the event loop stands still while Python
    collects its garbage.
    """

    __slots__ = ("_future", "_poll", "_polled_at", "due", "earliest", "latest")

    _future: asyncio.Future[PollResult]

    def __init__(self, poll: SharedPoll) -> None:
        self._poll = poll
        #: When it is told at the latest, however long a poll takes.
        self.latest = math.inf
        self.first_after(0.0)

    def first_after(self, delay: float, age: float = 0.0) -> None:
        """Plan the first result, in ``delay`` seconds; it may be ``age`` seconds old by then."""
        self.due = self._polled_at = self._poll.now() + delay
        self.earliest = self.due - age

    def again_after(self, delay: float, *, exactly: bool = False) -> None:
        """Plan the next result: ``delay`` seconds after the last poll, or exactly from now."""
        now = self._poll.now()
        # From when the last poll began: then waits that share it are due together for the next.
        self.due = now + delay if exactly else max(self._polled_at + delay * self._poll.stretch, now)
        # Another's poll is as good as one's own once half of the delay is over.
        self.earliest = self.due - (self.due - now) / 2

    def tell_by(self, delay: float) -> None:
        """Set the time, in ``delay`` seconds, from which on it is told that there is no result yet."""
        self.latest = self._poll.now() + delay

    def result(self) -> asyncio.Future[PollResult]:
        """
        Return the result to come, of a poll that begins at ``earliest`` or later; at ``due``, poll for it.

        Asking ahead is what lets waits share: who is due first polls for all whose ``earliest`` has come.
        """
        self._future = asyncio.get_running_loop().create_future()
        self._poll.ask(self)
        return self._future

    def take(self, result: PollResult) -> None:
        """Take a result in, unless whoever waited for it has gone."""
        self._polled_at = result.polled_at
        if not self._future.done():
            self._future.set_result(result)

    def end(self) -> None:
        """Take part no more. The last to go ends the shared poll, and its client after the last of those."""
        self._poll.end(self)


class SharedPoll:
    """
    One call, made again whenever a subscription is due, for all who subscribe to it.

    All times are those of the event loop's clock.

    ``stretch`` is by what the delay until the next poll is multiplied.

    :param client: makes the call.
    :param on_idle: called when the last subscription has ended.
    """

    def __init__(self, client: Client, call: Call, on_idle: Callable[[], None]) -> None:
        self._client = client
        self._call = call
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._subscriptions = 0
        self._asking: dict[Subscription, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._polling: asyncio.Task[None] | None = None
        self._last: PollResult | None = None
        self.stretch = 1.0

    def now(self) -> float:
        """Return the time."""
        return self._loop.time()

    def subscribe(self) -> Subscription:
        """Return a subscription, to be ended."""
        self._subscriptions += 1
        return Subscription(self)

    def ask(self, subscription: Subscription) -> None:
        """Hand a result over: at once if there is a fresh one, else as soon as there is one."""
        if self._last is not None and self._last.polled_at >= subscription.earliest:
            subscription.take(self._last)
        else:
            self._asking[subscription] = None
            self._plan(subscription.due if self._polling is None else subscription.latest)

    def end(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        self._asking.pop(subscription, None)
        self._subscriptions -= 1
        if not self._asking:
            self._unplan()
        if not self._subscriptions:
            if self._polling is not None:
                self._polling.cancel()
            self._on_idle()

    def _plan(self, at: float) -> None:
        """Have the timer go off then at the latest: to poll, or during a poll, to tell who cannot wait."""
        if at == math.inf or (self._timer is not None and self._timer.when() <= at):
            return
        self._unplan()
        self._timer = self._loop.call_at(at, self._begin if self._polling is None else self._give_up)

    def _unplan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._timer = None
        due = min(each.due for each in self._asking)
        if due > self.now():
            # Whoever was due now has gone. Looked for here, and not by each who goes: all go at once.
            self._plan(due)
            return
        self._polling = self._loop.create_task(self._run())
        self._plan(min(each.latest for each in self._asking))

    def _give_up(self) -> None:
        self._timer = None
        now = self.now()
        error = RequestError(ErrorKind.TRANSIENT, "no answer yet", code="NoAnswerYet")
        for subscription in [each for each in self._asking if each.latest <= now]:
            del self._asking[subscription]
            subscription.take(PollResult(now, error=error))
        if self._asking:
            self._plan(min(each.latest for each in self._asking))

    async def _run(self) -> None:
        result = await self._poll()
        self.stretch = 1.0 - _JITTER * random.random()  # noqa: S311  spreads polls, hides nothing
        # Only what succeeded is kept for those who come late.
        if result.error is None:
            self._last = result
        for subscription in [each for each in self._asking if each.earliest <= result.polled_at]:
            del self._asking[subscription]
            subscription.take(result)
        self._polling = None
        self._unplan()
        if self._asking:
            self._plan(min(each.due for each in self._asking))

    async def _poll(self) -> PollResult:
        polled_at = self._loop.time()
        try:
            return PollResult(polled_at, reply=await self._client.call(self._call))
        except RequestError as error:
            return PollResult(polled_at, error=error)
        except Exception as error:
            # Whoever asked is told: it must never wait for a poll that broke off.
            log.exception("A poll broke off")
            broken = RequestError(ErrorKind.TRANSIENT, f"{type(error).__name__}: {error}")
            broken.__cause__ = error
            return PollResult(polled_at, error=broken)


class SharedPolls:
    """
    The clients of one event loop, and the polls that are shared through each: a triggerer has one.

    :param make_client: makes a client of the four AWS parameters.
    """

    def __init__(self, make_client: Callable[[Mapping[str, Any]], Client] | None = None) -> None:
        self._make_client = make_client or _make_client
        self._clients: dict[str, tuple[Client, dict[Call, SharedPoll]]] = {}

    @classmethod
    def of_this_loop(cls) -> SharedPolls:
        """Return the running event loop's own."""
        return _OF_LOOPS.setdefault(asyncio.get_running_loop(), cls())

    def subscribe(self, parameters: Mapping[str, Any], call: Call) -> Subscription:
        """
        Return a subscription to a call, to be ended.

        :param parameters: the four AWS parameters. Nothing is shared across different ones.
        """
        who = _who(parameters)
        if who not in self._clients:
            self._clients[who] = (self._make_client(parameters), {})
        client, polls = self._clients[who]
        if call not in polls:
            polls[call] = SharedPoll(client, call, lambda: self._drop(who, call))
        return polls[call].subscribe()

    async def ask_now(self, parameters: Mapping[str, Any], call: Call) -> Any:
        """
        Make a call at once, or share one that others make.

        :raises RequestError: for any error, told apart.
        """
        subscription = self.subscribe(parameters, call)
        try:
            outcome = (await subscription.result()).outcome
        finally:
            subscription.end()
        if isinstance(outcome, RequestError):
            raise outcome
        return outcome

    def region_of(self, parameters: Mapping[str, Any]) -> str | None:
        """Return the region that a client in use asks, None as long as it is not known."""
        found = self._clients.get(_who(parameters))
        return None if found is None else found[0].region

    def local_url_of(self, parameters: Mapping[str, Any]) -> str | None:
        """Return where the local Snowball lists its jobs that a client in use asks; None for AWS."""
        found = self._clients.get(_who(parameters))
        return None if found is None else found[0].local_url

    def _drop(self, who: str, call: Call) -> None:
        client, polls = self._clients[who]
        del polls[call]
        if not polls:
            del self._clients[who]
            client.close()


def _who(parameters: Mapping[str, Any]) -> str:
    return json.dumps([parameters[name] for name in AWS_PARAMETERS], sort_keys=True, default=repr)


_OF_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, SharedPolls] = WeakKeyDictionary()


def _make_client(parameters: Mapping[str, Any]) -> Client:
    return SharedClient(parameters, calls_per_second=calls_per_second())
