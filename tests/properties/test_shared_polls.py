"""Shared polls under generated joins, leaves, answers and failures, on a clock that only tests move."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from airflow_provider_snowball.triggers.shared_polls import PollResult, SharedPolls, Subscription
from airflow_provider_snowball.waiting.calls import Call, ErrorKind, ListClusterJobs, ListJobs, RequestError
from tests.fakes.clock_loop import run_on_clock, settle
from tests.fakes.fleet_server import cluster_id
from tests.properties.profile import examples

AWS = {"aws_conn_id": "fleet", "region_name": None, "verify": None, "botocore_config": None}
#: Whom a waiter may wait for: two calls of one client, and one of them by another.
KEYS: Sequence[tuple[Mapping[str, Any], Call]] = [
    (AWS, ListClusterJobs(cluster_id(1))),
    (AWS, ListJobs()),
    (AWS | {"aws_conn_id": "other"}, ListJobs()),
]
#: The part of a delay by which a poll may come early.
JITTER = 0.1
#: Seconds after its deadline at which a waiter is told, whatever hangs.
GRACE = 20.0
#: What floats leave of a microsecond.
TINY = 1e-6


@dataclass(frozen=True)
class Join:
    """
    Somebody comes.

    :param lasts: seconds until its deadline.
    """

    key: int
    delay: float
    first: float
    age: float
    lasts: float


@dataclass(frozen=True)
class Leave:
    """One of those who are there is cancelled."""

    which: int


@dataclass(frozen=True)
class Pass:
    """Time passes, or nothing but what can happen at once."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """
    What becomes of a call.

    :param latency: seconds that it takes; infinite for one that hangs.
    """

    latency: float
    outcome: str


@dataclass(frozen=True)
class Script:
    """Who comes and goes, and the answers in their turn, over and over."""

    actions: list[Join | Leave | Pass]
    answers: list[Answer]


def scripts() -> st.SearchStrategy[Script]:
    """Return scripts."""
    join = st.builds(
        Join,
        key=st.sampled_from([0, 0, 0, 1, 2]),
        delay=st.sampled_from([1.0, 10.0, 60.0, 600.0]),
        first=st.sampled_from([0.0, 0.0, 5.0, 300.0]),
        age=st.sampled_from([0.0, 300.0, 5.0, 3000.0]),
        lasts=st.sampled_from([0.0, 30.0, 400.0, 5000.0, math.inf]),
    )
    leave = st.builds(Leave, st.integers(0, 9))
    pass_ = st.builds(Pass, st.sampled_from([30.0, 0.0, 0.5, 5.0, 100.0, 700.0]))
    answer = st.builds(
        Answer,
        latency=st.sampled_from([0.5, 0.0, 0.5, 20.0, 0.0, math.inf]),
        outcome=st.sampled_from(["reply", "reply", "throttled", "denied", "breaks off"]),
    )
    return st.builds(
        Script,
        # Few scripts of nobody, or of no time.
        actions=st.tuples(
            st.lists(join, min_size=1, max_size=3),
            st.lists(st.one_of(join, pass_, pass_, leave), min_size=4, max_size=25),
        ).map(lambda parts: [*parts[0], *parts[1]]),
        answers=st.lists(answer, min_size=1, max_size=6),
    )


@dataclass
class Called:
    """A call, and when it began and was over; infinite for one that is under way."""

    call: Call
    began: float
    over: float = math.inf


class Client:
    """Answers as a script says."""

    region = "us-east-1"
    local_url = None

    def __init__(self, room: Room, parameters: Mapping[str, Any]) -> None:
        self._room = room
        self._parameters = parameters
        self.closed = 0

    async def call(self, call: Call) -> Any:
        room, called = self._room, Called(call, now())
        if self.closed:
            room.faults.append("a call by a closed client")
        key = KEYS.index((self._parameters, call))
        if not all(each.over <= called.began for each in room.calls[key]):
            room.faults.append("two at once")
        if all(each.subscription.due > called.began + TINY for each in room.asking(key)):
            room.faults.append("a call that nobody needs yet")
        room.calls[key].append(called)
        answer = room.next_answer()
        try:
            if answer.latency == math.inf:
                await asyncio.Event().wait()
            await asyncio.sleep(answer.latency)
        finally:
            called.over = now()
        match answer.outcome:
            case "throttled":
                raise RequestError(ErrorKind.TRANSIENT, "Rate exceeded", throttled=True)
            case "denied":
                raise RequestError(ErrorKind.DENIED, "not authorized")
            case "breaks off":
                raise KeyError("JobListEntries")
        return [key]

    def close(self) -> None:
        self.closed += 1


@dataclass(eq=False)
class Waiter:
    """Takes result after result until its deadline, as a trigger does."""

    room: Room
    join: Join
    subscription: Subscription = field(init=False)
    asks: bool = False

    async def go_on(self) -> None:
        """Wait until the deadline, or until it is cancelled."""
        join = self.join
        deadline = now() + join.lasts
        self.subscription = self.room.polls.subscribe(*KEYS[join.key])
        try:
            self.subscription.tell_by(join.lasts + GRACE)
            first = min(join.first, join.lasts)
            self.subscription.first_after(first, age=min(join.age, first) if join.first else join.age)
            result = await self._ask()
            while now() < deadline:
                left = deadline - now()
                self.subscription.again_after(min(join.delay, left), exactly=join.delay >= left)
                asked_at = now()
                assert self.subscription.due <= max(
                    asked_at + min(join.delay, left), result.polled_at + join.delay
                )
                result = await self._ask()
                assert _is_no_answer(result) or result.polled_at >= asked_at - TINY, "a result twice"
            self.room.seen["deadline"] += 1
        finally:
            self.subscription.end()
            self.room.waiters.pop(self, None)

    async def _ask(self) -> PollResult:
        """Return a result, once it is one that was asked for, in its time."""
        asked_at, subscription = now(), self.subscription
        self.asks = True
        try:
            result = await subscription.result()
        finally:
            self.asks = False
        room, at = self.room, now()
        assert at <= subscription.latest + TINY, "told too late"
        if _is_no_answer(result):
            assert at >= subscription.latest - TINY, "given up too early"
        else:
            assert result.polled_at >= subscription.earliest - TINY, "older than what was asked for"
            assert result.error is not None or result.reply == [self.join.key], "another's result"
            if result.polled_at < asked_at:
                room.seen["fresh enough"] += 1
        _assert_polled_throughout(room.calls[self.join.key], max(subscription.due, asked_at), at)
        room.seen["reply" if result.error is None else str(result.error)] += 1
        return result


class Room:
    """Everybody who waits, and the calls that were made for them, by key."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.polls = SharedPolls(make_client=self._make)
        self.waiters: dict[Waiter, asyncio.Task[None]] = {}
        self.calls: list[list[Called]] = [[] for _ in KEYS]
        #: What was wrong within calls, where an exception would be taken for the call's.
        self.faults: list[str] = []
        self.seen = Counter[str]()
        self._answers = answers
        self._clients: list[Client] = []
        self._tasks: list[asyncio.Task[None]] = []

    def _make(self, parameters: Mapping[str, Any]) -> Client:
        client = Client(self, parameters)
        self._clients.append(client)
        return client

    def next_answer(self) -> Answer:
        """Return the next answer in turn."""
        made = sum(map(len, self.calls))
        return self._answers[(made - 1) % len(self._answers)]

    def asking(self, key: int) -> list[Waiter]:
        """Return who waits for a result."""
        return [each for each in self.waiters if each.join.key == key and each.asks]

    async def act(self, action: Join | Leave | Pass) -> None:
        """Do it."""
        match action:
            case Join():
                waiter = Waiter(self, action)
                self.waiters[waiter] = asyncio.create_task(waiter.go_on())
                self._tasks.append(self.waiters[waiter])
            case Leave(which):
                if self.waiters:
                    waiter = list(self.waiters)[which % len(self.waiters)]
                    self.waiters.pop(waiter).cancel()
            case Pass(seconds):
                await asyncio.sleep(seconds)
                await settle()
                self.check()

    def check(self) -> None:
        """Assert what holds whenever nothing is left that can happen at once."""
        assert self.faults == []
        for key in range(len(KEYS)):
            under_way = [each for each in self.calls[key] if each.over == math.inf]
            there = [each for each in self.waiters if each.join.key == key]
            assert there or not under_way, "a call for nobody"
            for waiter in self.asking(key):
                assert waiter.subscription.latest >= now() - TINY, "not told in time"
                assert under_way or waiter.subscription.due >= now() - TINY, "nobody polls for who is due"

    async def empty(self) -> None:
        """Have all leave, and assert that nothing is left of them, nor of anybody before."""
        for task in self.waiters.values():
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        assert [each for each in ended if each and not isinstance(each, asyncio.CancelledError)] == []
        await settle()
        self.check()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert [each.closed for each in self._clients] == [1] * len(self._clients)
        assert all(self.polls.region_of(parameters) is None for parameters, _ in KEYS)
        calls = [len(each) for each in self.calls]
        await asyncio.sleep(10_000)
        assert [len(each) for each in self.calls] == calls


def now() -> float:
    return asyncio.get_running_loop().time()


def _is_no_answer(result: PollResult) -> bool:
    return result.error is not None and result.error.code == "NoAnswerYet"


def _assert_polled_throughout(calls: Sequence[Called], since: float, until: float) -> None:
    """Assert that whoever had a result later than it was due waited for calls, and for nothing else."""
    at = since
    for called in calls:
        if called.began <= at + TINY:
            at = max(at, min(called.over, until))
    assert at >= until - TINY, f"nobody polled from {at} to {until}"


def play(script: Script) -> Counter[str]:
    """Play a script to its end; return how often what was seen."""
    seen = Counter[str]()

    async def main() -> None:
        room = Room(script.answers)
        for action in script.actions:
            await room.act(action)
        await room.empty()
        seen.update(room.seen)
        seen["shared"] += sum(map(len, room.calls)) < room.seen["reply"]

    run_on_clock(main())
    return seen


@examples(500)
@given(scripts())
def test_each_has_its_results_in_time_and_nothing_is_left(script: Script) -> None:
    play(script)


def test_the_scripts_are_of_every_kind() -> None:
    seen = Counter[str]()

    @seed(20261126)
    @settings(max_examples=500)
    @given(scripts())
    def count(script: Script) -> None:
        seen.update(set(+play(script)))

    count()
    for what in (
        "reply",
        "Rate exceeded",
        "not authorized",
        "KeyError: 'JobListEntries'",
        "no answer yet",
        "fresh enough",
        "shared",
        "deadline",
    ):
        assert seen[what] >= 5, seen
