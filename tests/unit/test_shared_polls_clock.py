"""What the waits of one triggerer share, and what they do not, on a clock that only tests move."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_snowball.triggers import base, shared_polls
from airflow_provider_snowball.triggers.shared_polls import PollResult, SharedPolls, Subscription
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger
from airflow_provider_snowball.waiting.calls import (
    Call,
    DescribeCluster,
    ErrorKind,
    ListClusterJobs,
    ListJobs,
    RequestError,
)
from tests.fakes.clock_loop import BEGINNING, ClockLoop, run_on_clock, settle
from tests.fakes.fleet_server import cluster_id
from tests.fakes.scripted_client import Script, ScriptedClients, throttled
from tests.fakes.scripted_snowball import job

AWS = {"aws_conn_id": "fleet", "region_name": None, "verify": None, "botocore_config": None}
HERE = ListClusterJobs(cluster_id(1))
THERE = ListClusterJobs(cluster_id(2))
#: The part of a delay by which a poll may come early.
JITTER = 0.1


@pytest.fixture(autouse=True)
def _same_jitter_each_time() -> None:
    random.seed(20261123)


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Waiter:
    """Takes result after result of one subscription, as a trigger does."""

    subscription: Subscription
    delay: float
    #: Each result with the time that it was handed over.
    results: list[tuple[float, PollResult]] = field(default_factory=list)

    async def go_on(self) -> None:
        try:
            while True:
                result = await self.subscription.result()
                self.results.append((now(), result))
                self.subscription.again_after(self.delay)
        finally:
            self.subscription.end()


class Crowd:
    """Waiters that come and go."""

    def __init__(self, polls: SharedPolls) -> None:
        self._polls = polls
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def join(self, delay: float, call: Call = HERE, *, age: float = 0.0, first: float = 0.0) -> Waiter:
        subscription = self._polls.subscribe(AWS, call)
        subscription.first_after(first, age=age)
        waiter = Waiter(subscription, delay)
        self._tasks[id(waiter)] = asyncio.create_task(waiter.go_on())
        return waiter

    def leave(self, waiter: Waiter) -> None:
        self._tasks.pop(id(waiter)).cancel()

    async def all_leave(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()


def shared(clients: ScriptedClients) -> tuple[SharedPolls, Crowd]:
    polls = SharedPolls(make_client=clients)
    return polls, Crowd(polls)


def in_turn(*replies: Any) -> Script:
    """Return a script of one reply after the other; the last is given for ever."""
    left = list(replies)

    def script(call: Call, now: float) -> Any:
        return left.pop(0) if len(left) > 1 else left[0]

    return script


class TestSharing:
    @pytest.mark.parametrize("waits", [1, 60, 1000])
    def test_calls_do_not_grow_with_the_waits(self, waits: int) -> None:
        async def main() -> None:
            clients = ScriptedClients(latency=0.5)
            _, crowd = shared(clients)
            waiters = [crowd.join(10.0) for _ in range(waits)]
            await asyncio.sleep(1000)
            times = clients.only.times
            assert times[0] == 0.0
            gaps = [later - earlier for earlier, later in pairwise(times)]
            assert min(gaps) >= 10.0 * (1 - JITTER)
            assert max(gaps) <= 10.0 + 1e-6
            # Each sees each poll, as soon as it is over.
            over = [time for time in times if time + 0.5 <= 1000]
            for waiter in waiters:
                assert [result.polled_at for _, result in waiter.results] == over
                assert all(at == pytest.approx(result.polled_at + 0.5) for at, result in waiter.results)
            await crowd.all_leave()

        run_on_clock(main())

    def test_who_is_due_first_polls_for_all_whose_half_time_is_over(self) -> None:
        async def main() -> None:
            clients = ScriptedClients()
            _, crowd = shared(clients)
            quick, patient = crowd.join(60.0), crowd.join(3600.0)
            await asyncio.sleep(24 * 3600)
            assert [result.polled_at for _, result in quick.results] == clients.only.times
            seen = [result.polled_at for _, result in patient.results]
            assert set(seen) <= set(clients.only.times)
            gaps = [later - earlier for earlier, later in pairwise(seen)]
            assert min(gaps) >= 1800 * (1 - JITTER)
            # At the first poll after its half time.
            assert max(gaps) <= 1800 + 60
            await crowd.all_leave()

        run_on_clock(main())

    def test_different_calls_are_polled_apart_and_drift_apart(self) -> None:
        async def main() -> None:
            clients = ScriptedClients()
            _, crowd = shared(clients)
            calls = [ListClusterJobs(cluster_id(number)) for number in range(20)] + [ListJobs()]
            for call in calls:
                crowd.join(100.0, call)
            await asyncio.sleep(10_000)
            times = {call: [time for time, made in clients.only.calls if made == call] for call in calls}
            # All began at once; by the end, no two are polled together.
            assert {each[0] for each in times.values()} == {0.0}
            assert len({each[-1] for each in times.values()}) == len(calls)
            assert all(100 <= len(each) <= 100 / (1 - JITTER) + 1 for each in times.values())
            await crowd.all_leave()

        run_on_clock(main())

    @pytest.mark.parametrize(
        "other",
        [
            {"aws_conn_id": None},
            {"region_name": "eu-west-1"},
            {"verify": False},
            {"botocore_config": {"read_timeout": 11}},
        ],
        ids=lambda other: next(iter(other)),
    )
    def test_nothing_across_other_parameters(self, other: dict[str, Any]) -> None:
        async def main() -> None:
            clients = ScriptedClients()
            polls = SharedPolls(make_client=clients)
            for parameters in (AWS, AWS | other, AWS | other):
                await polls.subscribe(parameters, HERE).result()
            assert [parameters for parameters, _ in clients.made] == [AWS, AWS | other]
            assert [client.times for _, client in clients.made] == [[0.0], [0.0]]

        run_on_clock(main())

    def test_each_gets_an_error_of_its_own(self) -> None:
        async def main() -> None:
            error = throttled()
            polls = SharedPolls(make_client=ScriptedClients(in_turn(error)))
            first, second = await asyncio.gather(*(polls.subscribe(AWS, HERE).result() for _ in range(2)))
            assert first is second
            outcomes = [first.outcome, second.outcome]
            assert outcomes[0] is not outcomes[1]
            assert error not in outcomes
            assert [(str(each), each.kind, each.code, each.throttled) for each in outcomes] == [
                ("Rate exceeded", ErrorKind.TRANSIENT, "ThrottlingException", True)
            ] * 2

        run_on_clock(main())

    def test_a_call_that_breaks_off_is_told_to_all_and_ends_nothing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> None:
            broken = KeyError("JobListEntries")
            _, crowd = shared(ScriptedClients(in_turn(broken, ["reply"])))
            waiters = [crowd.join(10.0) for _ in range(3)]
            await asyncio.sleep(11)
            for waiter in waiters:
                first, second = (result.outcome for _, result in waiter.results)
                assert isinstance(first, RequestError)
                assert (first.kind, str(first)) == (ErrorKind.TRANSIENT, "KeyError: 'JobListEntries'")
                assert first.__cause__ is broken
                assert second == ["reply"]
            await crowd.all_leave()

        run_on_clock(main())
        assert "A poll broke off" in caplog.text


class TestJoining:
    def test_who_comes_late_is_served_what_is_fresh_enough(self) -> None:
        async def main() -> None:
            clients = ScriptedClients(in_turn(["old"], ["new"]))
            _, crowd = shared(clients)
            crowd.join(600.0)
            await asyncio.sleep(300)
            late = crowd.join(600.0, age=300.0)
            await settle()
            assert [(at, result.polled_at, result.reply) for at, result in late.results] == [
                (300.0, 0.0, ["old"])
            ]
            too_late = crowd.join(600.0, age=299.0)
            await settle()
            assert [(at, result.polled_at, result.reply) for at, result in too_late.results] == [
                (300.0, 300.0, ["new"])
            ]
            assert clients.only.times == [0.0, 300.0]
            await crowd.all_leave()

        run_on_clock(main())

    def test_no_error_is_kept_for_who_comes_late(self) -> None:
        async def main() -> None:
            clients = ScriptedClients(in_turn(["reply"], throttled()))
            _, crowd = shared(clients)
            crowd.join(600.0)
            await asyncio.sleep(700)
            assert len(clients.only.times) == 2
            late = crowd.join(600.0, age=3600.0)
            await settle()
            # What was fresh before the error is still the freshest that there is.
            assert late.results[0][1].outcome == ["reply"]
            assert [at for at, _ in late.results] == [700.0, 700.0]
            # The error that it got next, as it was due by then, serves nobody who comes now.
            later = crowd.join(600.0, age=300.0)
            await settle()
            assert [at for at, _ in later.results] == [700.0]
            assert clients.only.times[2:] == [700.0, 700.0]
            await crowd.all_leave()

        run_on_clock(main())

    def test_a_poll_that_began_too_early_is_not_waited_for_in_vain(self) -> None:
        async def main() -> None:
            clients = ScriptedClients(latency=30.0)
            _, crowd = shared(clients)
            crowd.join(600.0)
            await asyncio.sleep(10)
            late, patient = crowd.join(600.0, age=9.0), crowd.join(600.0, age=10.0)
            await asyncio.sleep(60)
            # One poll at a time: that of who came late begins when the first is over.
            assert clients.only.times == [0.0, 30.0]
            assert [(at, result.polled_at) for at, result in late.results] == [(60.0, 30.0)]
            assert [(at, result.polled_at) for at, result in patient.results] == [(30.0, 0.0)]
            await crowd.all_leave()

        run_on_clock(main())

    def test_first_polls_are_planned(self) -> None:
        async def main() -> None:
            clients = ScriptedClients()
            _, crowd = shared(clients)
            waiter = crowd.join(600.0, first=100.0, age=50.0)
            await asyncio.sleep(99)
            assert clients.only.times == []
            await asyncio.sleep(1.5)
            assert clients.only.times == [100.0]
            assert len(waiter.results) == 1
            await crowd.all_leave()

        run_on_clock(main())

    def test_an_earlier_one_moves_the_poll_forward(self) -> None:
        async def main() -> None:
            clients = ScriptedClients()
            _, crowd = shared(clients)
            crowd.join(600.0, first=500.0)
            await settle()
            crowd.join(600.0, first=200.0)
            await asyncio.sleep(499)
            assert clients.only.times == [200.0]
            await asyncio.sleep(2)
            # The other had not asked for anything as old as that.
            assert clients.only.times == [200.0, 500.0]
            await crowd.all_leave()

        run_on_clock(main())

    def test_an_exact_one_is_polled_for_at_that_very_time(self) -> None:
        async def main() -> None:
            clients = ScriptedClients()
            polls, crowd = shared(clients)
            crowd.join(10.0)
            exact = polls.subscribe(AWS, THERE)
            await exact.result()
            exact.again_after(1234.5, exactly=True)
            assert (await exact.result()).polled_at == now() == 1234.5
            exact.end()
            await crowd.all_leave()

        run_on_clock(main())


class TestLeaving:
    def test_the_last_to_go_ends_the_poll_and_then_the_client(self) -> None:
        async def main() -> None:
            clients = ScriptedClients()
            _, crowd = shared(clients)
            here, also_here, there = crowd.join(10.0), crowd.join(10.0), crowd.join(10.0, THERE)
            await asyncio.sleep(5)
            crowd.leave(here)
            await asyncio.sleep(100)
            client = clients.only
            assert {call for time, call in client.calls if time > 5} == {HERE, THERE}
            crowd.leave(also_here)
            await settle()
            assert client.closed == 0
            await asyncio.sleep(100)
            assert {call for time, call in client.calls if time > 106} == {THERE}
            crowd.leave(there)
            await settle()
            assert client.closed == 1
            calls = len(client.calls)
            await asyncio.sleep(3600)
            assert (len(client.calls), client.closed) == (calls, 1)
            # Whoever comes then gets another one.
            crowd.join(10.0)
            await settle()
            assert [each.closed for _, each in clients.made] == [1, 0]
            await crowd.all_leave()

        run_on_clock(main())

    def test_a_poll_under_way_is_cancelled_when_nobody_is_left(self) -> None:
        async def main() -> None:
            clients = ScriptedClients(latency=30.0)
            _, crowd = shared(clients)
            first, second = crowd.join(600.0), crowd.join(600.0)
            await asyncio.sleep(10)
            crowd.leave(first)
            await settle()
            assert (clients.only.cancelled, clients.only.closed) == (0, 0)
            crowd.leave(second)
            await settle()
            assert (clients.only.cancelled, clients.only.closed) == (1, 1)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run_on_clock(main())

    @pytest.mark.parametrize("after", [0.0, 15.0, 45.0], ids=["at once", "in a poll", "between two"])
    def test_it_takes_nothing_from_the_others(self, after: float) -> None:
        async def main() -> None:
            clients = ScriptedClients(latency=30.0)
            _, crowd = shared(clients)
            goes, *stay = (crowd.join(60.0) for _ in range(3))
            await asyncio.sleep(after)
            crowd.leave(goes)
            await asyncio.sleep(300 - after)
            # At 0 and then each minute, a little early, each half a minute long.
            over = [time for time in clients.only.times if time <= 270]
            assert [len(waiter.results) for waiter in stay] == [len(over)] * 2
            assert 5 <= len(stay[0].results) <= 6
            await crowd.all_leave()

        run_on_clock(main())

    def test_nobody_polls_for_one_that_has_gone(self) -> None:
        async def main() -> None:
            clients = ScriptedClients()
            polls, crowd = shared(clients)
            hasty, patient = crowd.join(10.0), crowd.join(3600.0)
            await settle()
            crowd.leave(hasty)
            await settle()
            # Its timer was left; a poll that nobody is due for would serve nobody.
            await asyncio.sleep(1700)
            assert len(patient.results) == 1
            await crowd.all_leave()
            assert polls.region_of(AWS) is None

        run_on_clock(main())


class TestAskNow:
    def test_calls_at_the_same_time_are_one(self) -> None:
        async def main() -> None:
            clients = ScriptedClients(
                in_turn({"ClusterState": "InUse"}, {"ClusterState": "Complete"}), latency=2.0
            )
            polls = SharedPolls(make_client=clients)
            describe = DescribeCluster(cluster_id(1))
            replies = await asyncio.gather(*(polls.ask_now(AWS, describe) for _ in range(50)))
            assert replies == [{"ClusterState": "InUse"}] * 50
            assert now() == 2.0
            assert clients.only.calls == [(0.0, describe)]
            assert clients.only.closed == 1

        run_on_clock(main())

    def test_errors_are_raised_to_each(self) -> None:
        async def main() -> None:
            clients = ScriptedClients(in_turn(throttled()), latency=2.0)
            polls = SharedPolls(make_client=clients)
            asked = [polls.ask_now(AWS, HERE) for _ in range(3)]
            raised = await asyncio.gather(*asked, return_exceptions=True)
            assert len({id(error) for error in raised}) == 3
            assert {str(error) for error in raised} == {"Rate exceeded"}
            assert clients.only.closed == 1

        run_on_clock(main())

    def test_one_that_is_cancelled_leaves_nothing(self) -> None:
        async def main() -> None:
            clients = ScriptedClients(latency=2.0)
            polls = SharedPolls(make_client=clients)
            task = asyncio.create_task(polls.ask_now(AWS, HERE))
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.wait([task])
            await settle()
            assert (clients.only.cancelled, clients.only.closed) == (1, 1)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run_on_clock(main())


@pytest.mark.parametrize("seed", range(30))
def test_whoever_comes_and_goes_is_served_in_time(seed: int) -> None:
    """
    What holds in every history: nobody is forgotten, served too old a result, or polled for too often.

    Waits of random delays come and go at random, while calls take random time and some fail.
    """
    chance = random.Random(seed)

    def script(call: Call, now: float) -> Any:
        return throttled() if chance.random() < 0.2 else [now]

    @dataclass
    class Asked:
        earliest: float
        due: float
        at: float

    async def wait(polls: SharedPolls, delay: float, latency: float) -> None:
        subscription = polls.subscribe(AWS, chance.choice([HERE, THERE]))
        if chance.random() < 0.5:
            subscription.first_after(chance.uniform(0, delay), age=chance.uniform(0, delay))
        try:
            while True:
                asked = Asked(subscription.earliest, subscription.due, now())
                result = await subscription.result()
                assert result.polled_at >= asked.earliest
                # A poll of its own, or one that was under way at that time and one after it.
                assert now() <= max(asked.due, asked.at) + 2 * latency + 1e-6
                exactly = chance.random() < 0.1
                subscription.again_after(delay, exactly=exactly)
                planned = now() if exactly else result.polled_at
                if exactly:
                    assert subscription.due == planned + delay
                else:
                    early = max(planned + delay * (1 - JITTER), now())
                    assert early - 1e-6 <= subscription.due <= max(planned + delay, now()) + 1e-6
        finally:
            subscription.end()

    async def main() -> None:
        latency = chance.choice([0.0, 0.3, 5.0])
        clients = ScriptedClients(script, latency=latency)
        polls = SharedPolls(make_client=clients)
        tasks: list[asyncio.Task[None]] = []
        delays = [chance.choice([1.0, 10.0, 60.0, 900.0]) for _ in range(chance.randrange(1, 40))]
        for delay in delays:
            await asyncio.sleep(chance.expovariate(1 / 30))
            tasks.append(asyncio.create_task(wait(polls, delay, latency)))
            if chance.random() < 0.4:
                chance.choice(tasks).cancel()
        await asyncio.sleep(chance.uniform(0, 2000))
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert [client.closed for _, client in clients.made] == [1] * len(clients.made)

    run_on_clock(main())


async def _only_event_of(trigger: ClusterJobsTrigger) -> dict[str, Any]:
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    return dict(events[0].payload)


@dataclass
class Triggerer:
    """Runs triggers on the clock as Airflow's triggerer does, with a client that lists one cluster's jobs."""

    loop: ClockLoop
    clients: ScriptedClients
    polls: SharedPolls

    def wait_for(self, cluster: int = 1, *, began: float | None = 0.0, **more: Any) -> ClusterJobsTrigger:
        """
        Return a trigger.

        :param began: how long ago the wait began on a worker, with a listing; None if it begins here.
        """
        memory = None
        if began is not None:
            date = (self.loop.date() - timedelta(seconds=began)).isoformat()
            memory = {"started_at": date, "listed_at": date}
        arguments = {
            "cluster_id": cluster_id(cluster),
            "target_state": "WithCustomer",
            "timeout": 86400.0,
            "poke_interval": 60.0,
            "memory": memory,
            **{name: value for name, value in AWS.items() if name == "aws_conn_id"},
        }
        trigger = ClusterJobsTrigger(**arguments | more)
        trigger.task_instance = None
        return trigger

    def start(self, trigger: ClusterJobsTrigger) -> asyncio.Task[dict[str, Any]]:
        """Run a trigger in the background, to its one event."""

        return self.loop.create_task(_only_event_of(trigger))

    async def stop(self, *tasks: asyncio.Task[dict[str, Any]]) -> None:
        """Cancel triggers, as a triggerer that ends does."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


Scene = Callable[[Triggerer], Coroutine[Any, Any, None]]
#: Plays a scene with clients of a script.
Play = Callable[..., None]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    def run(scene: Scene, script: Script, **client: Any) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, ClockLoop)
            clients = ScriptedClients(script, **client)
            polls = SharedPolls(make_client=clients)
            monkeypatch.setattr(base, "_now", loop.date)
            monkeypatch.setitem(shared_polls._OF_LOOPS, loop, polls)
            await scene(Triggerer(loop, clients, polls))

        run_on_clock(main())

    return run


def arrives(at: float) -> Script:
    """Return the script of clusters of five whose devices are with the customer from then on."""

    def script(call: Call, now: float) -> Any:
        assert isinstance(call, ListClusterJobs)
        state = "WithCustomer" if now >= at else "InTransitToCustomer"
        return [job(number, state) for number in range(1, 6)]

    return script


class TestTriggers:
    def test_a_crowd_ends_at_one_poll(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            tasks = [triggerer.start(triggerer.wait_for()) for _ in range(500)]
            events = await asyncio.gather(*tasks)
            assert [event["status"] for event in events] == ["done"] * 500
            times = triggerer.clients.only.times
            assert now() == times[-1] >= 3600 > times[-2]
            # A poll a minute, up to a tenth early.
            assert 61 <= len(times) <= 3600 / (60 * (1 - JITTER)) + 2
            assert triggerer.clients.only.closed == 1

        play(scene, arrives(3600.0))

    def test_the_shortest_interval_leads_and_the_patient_keep_their_pace(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            hasty = triggerer.start(triggerer.wait_for(poke_interval=60.0))
            patient = [triggerer.start(triggerer.wait_for(poke_interval=3600.0)) for _ in range(5)]
            assert (await hasty)["status"] == "done"
            assert 90 <= now() <= 150
            assert not any(task.done() for task in patient)
            ended_at = now()
            await asyncio.gather(*patient)
            # Then nobody polls but for them: not earlier than they would have by themselves.
            assert 3600 * (1 - JITTER) <= now() <= 3600
            assert [time for time in triggerer.clients.only.times if time > ended_at] == [now()]

        play(scene, arrives(90.0))

    @pytest.mark.parametrize(("began", "calls"), [(40.0, [0.0]), (29.0, [0.0, 30.0])])
    def test_a_late_joiner_is_served_without_a_call(
        self, began: float, calls: list[float], play: Play
    ) -> None:
        """After a restart, say; but not with what is older than the wait: its jobs may be newer."""

        async def scene(triggerer: Triggerer) -> None:
            first = triggerer.start(triggerer.wait_for(target_state="Complete", poke_interval=60.0))
            await asyncio.sleep(30)
            event = await triggerer.start(triggerer.wait_for(poke_interval=60.0, began=began))
            assert (event["status"], now()) == ("done", 30.0)
            assert triggerer.clients.only.times == calls
            assert not first.done()
            await triggerer.stop(first)

        play(scene, arrives(0.0))

    @pytest.mark.parametrize("late", [0.0, 100.0])
    def test_the_last_poll_is_never_a_kept_result(self, late: float, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            first = triggerer.start(triggerer.wait_for(poke_interval=3600.0))
            await asyncio.sleep(60)
            event = await triggerer.start(
                triggerer.wait_for(poke_interval=3600.0, timeout=600.0, began=600.0 + late)
            )
            assert (event["status"], now()) == ("done", 60.0)
            assert triggerer.clients.only.times == [0.0, 60.0]
            await triggerer.stop(first)

        play(scene, arrives(30.0))

    def test_it_is_exactly_at_the_deadline(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            crowd = [triggerer.start(triggerer.wait_for(poke_interval=7.0)) for _ in range(3)]
            event = await triggerer.start(triggerer.wait_for(poke_interval=600.0, timeout=1000.0))
            assert event["kind"] == "timeout"
            # Dates go by microseconds.
            assert now() == pytest.approx(1000.0, abs=1e-5)
            assert now() in triggerer.clients.only.times
            await triggerer.stop(*crowd)

        play(scene, arrives(5000.0))

    def test_it_is_told_though_nothing_answers(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            event = await triggerer.start(triggerer.wait_for(timeout=1000.0))
            assert event["kind"] == "timeout"
            assert 1000.0 <= now() <= 1030.0

        play(scene, arrives(0.0), latency=100_000.0)

    def test_it_is_told_though_nothing_tells_of_the_cluster(self, play: Play) -> None:
        def script(call: Call, now: float) -> Any:
            return [job(1, "InTransitToCustomer")]

        def latency(call: Call) -> float:
            return 0.0 if isinstance(call, ListClusterJobs) else 100_000.0

        async def scene(triggerer: Triggerer) -> None:
            event = await triggerer.start(triggerer.wait_for(timeout=1000.0, min_jobs=5))
            assert event["kind"] == "timeout"
            assert 1000.0 <= now() <= 1030.0
            # It was asked for, in vain.
            assert any(isinstance(call, DescribeCluster) for _, call in triggerer.clients.only.calls)

        play(scene, script, latency=latency)

    def test_each_keeps_its_own_verdict(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            targets = ["New", "WithCustomer", "Complete", "Cancelled"]
            waits = [triggerer.wait_for(target_state=each, timeout=600.0) for each in targets]
            events = await asyncio.gather(*map(triggerer.start, waits))
            ends = [event.get("kind", event["status"]) for event in events]
            assert ends == ["done", "done", "timeout", "timeout"]
            assert "0 of 5 jobs at or past Complete" in events[2]["message"]
            assert now() == pytest.approx(600.0, abs=1e-5)

        play(scene, arrives(0.0))

    def test_nothing_is_left_of_those_that_were_cancelled(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            before = asyncio.all_tasks()
            tasks = [triggerer.start(triggerer.wait_for(number % 5)) for number in range(20)]
            await asyncio.sleep(150)
            await triggerer.stop(*tasks)
            client = triggerer.clients.only
            assert client.closed == 1
            assert triggerer.polls.region_of(AWS) is None
            calls = len(client.calls)
            await asyncio.sleep(3600)
            assert len(client.calls) == calls
            assert asyncio.all_tasks() == before

        play(scene, arrives(5000.0), latency=1.0)

    def test_one_that_is_cancelled_takes_nothing_from_the_others(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            first, *others = (triggerer.start(triggerer.wait_for()) for _ in range(3))
            await asyncio.sleep(30)
            await triggerer.stop(first)
            ended = await asyncio.gather(*others)
            assert [event["status"] for event in ended] == ["done", "done"]
            assert 90 <= now() <= 150

        play(scene, arrives(90.0))

    def test_a_wait_between_two_polls_is_few_objects(self, play: Play) -> None:
        # The more there are, the longer Python's garbage collection stops the event loop of ten thousand.
        async def scene(triggerer: Triggerer) -> None:
            async def objects(waits: int) -> int:
                tasks = [triggerer.start(triggerer.wait_for(poke_interval=600.0)) for _ in range(waits)]
                await asyncio.sleep(1)
                gc.collect()
                count = len(gc.get_objects())
                await triggerer.stop(*tasks)
                return count

            await objects(1)
            few, many = await objects(100), await objects(300)
            # A dozen of these are the test's and asyncio's: a task, its coroutines, context, future, ...
            assert round((many - few) / 200) <= 20

        play(scene, arrives(5000.0))

    def test_every_wait_ends_once_through_failures_and_an_outage(self, play: Play) -> None:
        chance = random.Random(20261123)
        arrived = arrives(7200.0)

        def script(call: Call, now: float) -> Any:
            if 1800 <= now < 5400 or chance.random() < 0.2:
                return throttled()
            return arrived(call, now)

        async def scene(triggerer: Triggerer) -> None:
            waits = [triggerer.wait_for(number % 100, poke_interval=300.0) for number in range(1000)]
            tasks = [triggerer.start(wait) for wait in waits]
            await asyncio.sleep(7199)
            assert not any(task.done() for task in tasks)
            # Had one fired twice, start() would have told.
            events = await asyncio.gather(*tasks)
            assert [event["status"] for event in events] == ["done"] * 1000
            assert triggerer.clients.only.closed == 1

        play(scene, script)

    def test_a_crowd_that_a_new_triggerer_takes_over_polls_once_for_each_cluster(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            past = (BEGINNING - timedelta(hours=1)).isoformat()
            waits = [triggerer.wait_for(number % 10, began=7200.0, next_poll=past) for number in range(200)]
            tasks = [triggerer.start(wait) for wait in waits]
            await asyncio.sleep(30)
            calls = triggerer.clients.only.calls
            assert sorted(str(call) for _, call in calls) == sorted(
                str(ListClusterJobs(cluster_id(number))) for number in range(10)
            )
            await triggerer.stop(*tasks)

        play(scene, arrives(5000.0))

    def test_the_first_poll_is_where_the_worker_planned_it(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            planned = (BEGINNING + timedelta(seconds=100)).isoformat()
            event = await triggerer.start(triggerer.wait_for(next_poll=planned))
            assert (event["status"], triggerer.clients.only.times) == ("done", [100.0])

        play(scene, arrives(50.0))

    @pytest.mark.parametrize(
        ("began", "region"), [(None, "eu-west-1"), (0.0, None)], ids=["in the triggerer", "on a worker"]
    )
    def test_a_wait_without_a_worker_tells_its_region(
        self, began: float | None, region: str | None, play: Play
    ) -> None:
        async def scene(triggerer: Triggerer) -> None:
            event = await triggerer.start(triggerer.wait_for(began=began))
            assert (event["status"], event.get("region")) == ("done", region)

        play(scene, arrives(0.0), region="eu-west-1")

    def test_a_refusal_of_one_connection_is_not_anothers(self, play: Play) -> None:
        async def scene(triggerer: Triggerer) -> None:
            good = triggerer.start(triggerer.wait_for())
            await settle()
            denied = RequestError(ErrorKind.DENIED, "not authorized", code="AccessDeniedException")
            triggerer.clients.script = in_turn(denied)
            bad = triggerer.wait_for(aws_conn_id="other", memory={"started_at": BEGINNING.isoformat()})
            event = await triggerer.start(bad)
            assert (event["kind"], event["message"]) == (
                "permanent",
                f"Cannot list the jobs of cluster {cluster_id(1)}: not authorized",
            )
            assert (await good)["status"] == "done"
            assert [len(client.calls) for _, client in triggerer.clients.made] == [3, 1]

        play(scene, arrives(90.0))


def test_a_clock_of_months_has_timers_still() -> None:
    """Of the tests' own clock: floats tell apart no nanoseconds then, which asyncio's loop counts in."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ClockLoop)
        loop.jump(26738653.0)
        for number in range(2000):
            await asyncio.sleep(0.251967926 + number / 997)
        return loop.time()

    assert run_on_clock(main()) == pytest.approx(26741161.95)
