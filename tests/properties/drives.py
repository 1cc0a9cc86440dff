"""Play a history to a wait, as each mode of a sensor drives it, on a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from airflow_provider_snowball.waiting.calls import (
    Call,
    DescribeCluster,
    DescribeJob,
    ErrorKind,
    ListClusterJobs,
    ListJobs,
    RequestError,
)
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Done, Fail, Step, Wait, drive
from tests.properties.histories import CLUSTER, START, History, Poll
from tests.properties.reference import Asked, GoesOn, ReferenceWait, Trouble, Verdict

__all__ = ["MODES", "Ask", "Outcome", "arguments_of", "play", "play_reference"]

#: Makes a call at the time of a poll, or raises RequestError.
Ask = Callable[[Poll, Call], Any]

#: A history that goes on for longer has shown all that it has.
MOST_POLLS = 40
KINDS = {
    "not found": ErrorKind.NOT_FOUND,
    "bad input": ErrorKind.BAD_INPUT,
    "denied": ErrorKind.DENIED,
    "transient": ErrorKind.TRANSIENT,
}


@dataclass(frozen=True)
class Outcome:
    """How a wait ended, if it did; and after how many polls."""

    polls: int
    end: Done | Fail | None


def arguments_of(asked: Asked) -> dict[str, Any]:
    """Return the flat dict of keywords that asks the same."""
    found: dict[str, Any] = {
        "target_state": asked.target,
        "job_ids": None if asked.job_ids is None else list(asked.job_ids),
        "ignore_cancelled": asked.ignore_cancelled,
        "timeout": asked.timeout,
        "poke_interval": asked.poke_interval,
        "exponential_backoff": asked.backoff,
        "max_wait": asked.max_wait,
        "silent_fail": asked.silent_fail,
        "outage_timeout": asked.outage_timeout,
    }
    if asked.of_cluster:
        found |= {"cluster_id": CLUSTER, "min_jobs": asked.min_jobs}
    return found


def answer(poll: Poll, call: Call) -> Any:
    """Answer a call as a history has it, without a network."""
    reply: Any
    match call:
        case ListClusterJobs() | ListJobs():
            reply = poll.listing()
            if not isinstance(reply, Trouble):
                return reply
        case DescribeCluster():
            reply = poll.cluster()
            if not isinstance(reply, Trouble):
                return {"ClusterState": reply}
        case DescribeJob(job_id):
            reply = poll.job(job_id)
            if not isinstance(reply, Trouble):
                return {"job": reply[0], "parts": reply[1]}
    raise RequestError(KINDS[reply.kind], reply.words)


#: What becomes of a wait between two polls, by mode.
def _stays(wait: Wait, number: int, history: History) -> Wait:
    return wait


def _is_rescheduled(wait: Wait, number: int, history: History) -> Wait:
    memory = json.loads(json.dumps(wait.memory()))
    config = WaitConfig.read(json.loads(json.dumps(wait.config.arguments())))
    return Wait(config, started_at=START + timedelta(days=9999), memory=memory)


def _is_deferred(wait: Wait, number: int, history: History) -> Wait:
    return _is_rescheduled(wait, number, history) if number == 1 else wait


def _is_handed_back(wait: Wait, number: int, history: History) -> Wait:
    back = number == 1 or number in history.hand_backs
    return _is_rescheduled(wait, number, history) if back else wait


MODES: dict[str, Callable[[Wait, int, History], Wait]] = {
    "poke": _stays,
    "reschedule": _is_rescheduled,
    "deferrable": _is_deferred,
    "handed back": _is_handed_back,
}


def play(
    history: History, mode: str, ask: Ask = answer, polls: int = MOST_POLLS
) -> tuple[Outcome, list[float]]:
    """
    Return how the wait ended, and the delays that it asked for.

    :param ask: makes the calls.
    :param polls: how many at the most.
    """
    config = WaitConfig.read(arguments_of(history.asked))
    wait = Wait(config, started_at=START)
    now, delays = START, list[float]()

    def clock() -> datetime:
        return now

    for number in range(polls):
        poll = history.poll(number)
        if number:
            wait = MODES[mode](wait, number, history)
            now += timedelta(seconds=delays[-1] + poll.late)
        try:
            given = ask(poll, config.listing)
        except RequestError as error:
            given = error
        step: Step = drive(wait.judge(given, clock), partial(ask, poll))
        if not isinstance(step, Again):
            return Outcome(number + 1, step), delays
        delays.append(step.delay)
    return Outcome(polls, None), delays


def play_reference(
    history: History,
    delays: Sequence[float],
    polls: int = MOST_POLLS,
    *,
    patience: float = 0.0,
    jitter: float = 0.0,
) -> tuple[int, Verdict | None]:
    """
    Return the reference's verdict at polls that come as late as a wait asked for, each delay checked.

    :param polls: how many at the most.
    :param patience: that of a wait that began in a triggerer.
    :param jitter: the part of a delay by which a poll may come early.
    """
    reference = ReferenceWait(history.asked, patience)
    at = timedelta(0)
    for number in range(polls):
        poll = history.poll(number)
        if number:
            if number > len(delays):
                raise AssertionError(f"the wait ended at poll {number}, and should go on")
            at += timedelta(seconds=delays[number - 1] + poll.late)
        found = reference.poll(at.total_seconds(), poll, poll.late if number else 0.0)
        if isinstance(found, Verdict):
            return number + 1, found
        assert isinstance(found, GoesOn)
        if number < len(delays):
            shortest = found.shortest * (1 - jitter)
            assert shortest - 1e-5 <= delays[number] <= found.longest + 1e-5, (number, found, delays)
    return polls, None
