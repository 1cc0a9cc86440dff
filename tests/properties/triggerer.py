"""Play a history to a real trigger, on an event loop whose clock jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_snowball.triggers import base, shared_polls
from airflow_provider_snowball.triggers.events import interim_of, step_of
from airflow_provider_snowball.triggers.shared_polls import SharedPolls
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger, JobsTrigger
from airflow_provider_snowball.waiting.calls import Call, RequestError
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Step, Wait, drive
from tests.fakes.clock_loop import BEGINNING, ClockLoop, run_on_clock
from tests.properties.drives import Ask, Outcome, arguments_of
from tests.properties.histories import History

__all__ = ["PATIENCE", "TRIGGER_MODES", "play_in_triggerer"]

AWS = {"aws_conn_id": "properties", "region_name": None, "verify": None, "botocore_config": None}
#: Seconds for which a wait that began in a triggerer bears errors before its first success.
PATIENCE = 3600.0
#: Where a wait begins, by mode, with its patience.
TRIGGER_MODES = {"deferrable": 0.0, "start_from_trigger": PATIENCE}


class _Client:
    """
    Makes calls in the loop itself, since its clock would overtake a thread.

    :param polls: after so many listings, nothing more is answered, and ``enough`` is set.
    """

    region = None
    local_url: str | None = None

    def __init__(self, history: History, ask: Ask, polls: int, times: list[datetime], listing: Call) -> None:
        self._history, self._ask, self._polls = history, ask, polls
        self._times, self._listing = times, listing
        self.enough = asyncio.Event()

    async def call(self, call: Call) -> Any:
        if call == self._listing:
            if len(self._times) == self._polls:
                self.enough.set()
                await asyncio.Event().wait()
            self._times.append(_date())
        return self._ask(self._history.poll(len(self._times) - 1), call)

    def close(self) -> None:
        """Nothing is held."""


def play_in_triggerer(history: History, mode: str, ask: Ask, polls: int) -> tuple[Outcome, list[float]]:
    """Return how a wait ended, and the seconds between its polls, of which there are so many at the most."""
    found: list[tuple[Step | None, list[datetime]]] = []

    async def main() -> None:
        found.append(await _play(history, mode, ask, polls))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_now", _date)
        run_on_clock(main())
    ((end, times),) = found
    delays = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    if isinstance(end, Again):
        raise AssertionError("a trigger ends a wait")
    return Outcome(len(times), end), delays


async def _play(history: History, mode: str, ask: Ask, polls: int) -> tuple[Step | None, list[datetime]]:
    config = WaitConfig.read(arguments_of(history.asked))
    times: list[datetime] = []
    handed_over: dict[str, Any] = {}
    if mode == "deferrable":
        times.append(_date())
        step, memory = _on_worker(config, history, ask)
        if not isinstance(step, Again):
            return step, times
        next_poll = _date() + timedelta(seconds=step.delay)
        handed_over = {"memory": memory, "next_poll": next_poll.isoformat()}
    client = _Client(history, ask, polls, times, config.listing)

    def make(parameters: Mapping[str, Any]) -> _Client:
        return client

    shared_polls._OF_LOOPS[asyncio.get_running_loop()] = SharedPolls(make_client=make)
    kind = ClusterJobsTrigger if history.asked.of_cluster else JobsTrigger
    while True:
        trigger = kind(**config.arguments(), **AWS, **handed_over)
        trigger.task_instance = None
        event = await _first(_event_of(trigger), client.enough)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        if event is None:
            return None, times
        if (interim := interim_of(event)) is None:
            return step_of(event), times
        # What a worker does then, at once.
        goes_on, memory = interim
        next_poll = _date() + timedelta(seconds=goes_on.delay)
        handed_over = {"memory": memory, "next_poll": next_poll.isoformat()}


def _on_worker(config: WaitConfig, history: History, ask: Ask) -> tuple[Step, dict[str, str]]:
    """Poll once, as a worker does before it defers."""
    wait = Wait(config, started_at=BEGINNING)
    given: Any
    try:
        given = ask(history.poll(0), config.listing)
    except RequestError as error:
        given = error
    step = drive(wait.judge(given, _date), partial(ask, history.poll(0)))
    return step, wait.memory()


async def _event_of(trigger: ClusterJobsTrigger | JobsTrigger) -> dict[str, Any]:
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    return dict(events[0].payload)


async def _first(
    running: Coroutine[Any, Any, dict[str, Any]], enough: asyncio.Event
) -> dict[str, Any] | None:
    """Return what a coroutine does, or None once it is enough."""
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(running), asyncio.create_task(enough.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    event: dict[str, Any] | None = tasks[0].result() if tasks[0].done() else None
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # What was cancelled in turn.
    await asyncio.sleep(0)
    return event


def _date() -> datetime:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ClockLoop)
    return loop.date()
