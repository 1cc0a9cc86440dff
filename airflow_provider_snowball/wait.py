"""
The judgement of a wait, as one small state machine that every mode drives.

Pure: no clock, no network, no Airflow. What a listing, an error or the time means is decided here
and nowhere else; a worker's loop and a trigger's coroutine only carry out what is asked of them.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any

from airflow_provider_snowball.lifecycle import (
    ClusterState,
    Progress,
    evaluate,
    portable,
)

__all__ = [
    "Again",
    "Done",
    "ErrorKind",
    "Fail",
    "FailKind",
    "News",
    "Request",
    "RequestError",
    "Step",
    "Terms",
    "Wait",
    "drive",
    "drive_async",
    "format_duration",
]

#: A cluster that lists too few jobs is itself looked at no more often than this.
ASK_CLUSTER_EVERY = timedelta(hours=1)
#: What a wait's memory may hold; a later version may have left more in it.
_TIMES = frozenset({"heard_at", "asked_at", "refused_at"})


class ErrorKind(Enum):
    """What an error of a call means, before anything is known of the wait that made the call."""

    NOT_FOUND = "not found"
    BAD_INPUT = "bad input"
    #: Access, credentials, region or connection: wrong at the start; once it worked, somebody may mend it.
    REFUSED = "refused"
    #: Throttling, 5xx, time-outs, lost connections.
    PASSING = "passing"


class RequestError(Exception):
    """A call that failed, told apart by :class:`ErrorKind`; ``__cause__`` is the exception as it came."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class FailKind(StrEnum):
    """Why a wait failed. The values travel in trigger events: they stay."""

    UNREACHABLE = "unreachable"
    CLUSTER_ENDED = "cluster_ended"
    REQUEST = "request"
    TIMEOUT = "timeout"
    BLIND = "blind"
    ERROR = "error"


class Request(Enum):
    """What a poll asks of whoever drives it."""

    LIST_JOBS = "list jobs"
    DESCRIBE_CLUSTER = "describe cluster"


@dataclass(frozen=True)
class News:
    """A line for the log, with its level."""

    level: int
    text: str


@dataclass(frozen=True)
class Done:
    """The target is reached; ``jobs`` is the list seen, in the portable form."""

    jobs: list[dict[str, Any]]


@dataclass(frozen=True)
class Fail:
    """The wait has failed; ``error`` is the exception behind it, where there is one."""

    kind: FailKind
    message: str
    error: BaseException | None = None


@dataclass(frozen=True)
class Again:
    """Poll again after ``delay`` seconds, with a client built anew if ``new_client``."""

    delay: float
    new_client: bool = False


Step = Done | Fail | Again


@dataclass(frozen=True, kw_only=True)
class Terms:
    """
    What a wait was asked for. It does not change while the wait goes on.

    :param subject: whose jobs are waited for, as it reads in a sentence: ``cluster CID…``.
    :param started_at: when this try's wait began (aware).
    :param timeout: seconds after which the wait fails.
    :param interval: seconds between two polls.
    :param max_wait: the longest delay in seconds that ``exponential_backoff`` may grow to.
    :param max_blind_time: seconds that a wait bears without any answer, once it had one.
    :param silent_fail: errors that another poll might not meet never end the wait.
    :param shortest_delay: seconds that lie between two polls whatever else is asked for.
    :raises ValueError: if the target and ``ignore_cancelled`` contradict each other.
    """

    subject: str
    target_state: str
    started_at: datetime
    timeout: float
    interval: float
    job_ids: Sequence[str] | None = None
    min_jobs: int = 1
    ignore_cancelled: bool = False
    exponential_backoff: bool = False
    max_wait: float | None = None
    max_blind_time: float = timedelta(days=2).total_seconds()
    silent_fail: bool = False
    shortest_delay: float = 0.0

    def __post_init__(self) -> None:
        """Judge an empty listing, so that terms that make no sense fail before the first call."""
        self.judge([])

    @property
    def deadline(self) -> datetime:
        """When the wait fails, having polled once more."""
        return self.started_at + timedelta(seconds=self.timeout)

    def presumably_asked_at(self, now: datetime) -> datetime:
        """
        Return when a wait that remembers nothing has last looked at the cluster itself, at the latest.

        It looks at its first poll and then in the first poll of each hour, so that the poll before
        this one, one delay ago, fell into an hour in which it had looked.
        """
        elapsed = (now - self.started_at).total_seconds()
        # The next delay is at least as long as the last one was.
        previous = max(elapsed - self._backoff(elapsed), 0.0)
        return self.started_at + previous // ASK_CLUSTER_EVERY.total_seconds() * ASK_CLUSTER_EVERY

    def judge(self, jobs: Sequence[Mapping[str, Any]]) -> Progress:
        """Return the verdict on one listing."""
        return evaluate(
            jobs,
            self.target_state,
            job_ids=self.job_ids,
            min_jobs=self.min_jobs,
            ignore_cancelled=self.ignore_cancelled,
        )

    def delay_at(self, now: datetime) -> float:
        """
        Return the seconds until the next poll, which is never later than the deadline.

        With ``exponential_backoff`` the growth is that of Airflow's sensors (half the interval, doubled
        each time, each with a jitter of up to as much again). Which step it is follows from the time that
        has passed, not from a count of polls, so that a reschedule or a restart does not start it over.
        """
        left = (self.deadline - now).total_seconds()
        delay = self._backoff((now - self.started_at).total_seconds())
        return max(self.shortest_delay, min(delay, left), 0.0)

    def _backoff(self, elapsed: float) -> float:
        if not self.exponential_backoff:
            return self.interval
        jitter = random.Random(f"{self.subject} {self.started_at.isoformat()}")  # noqa: S311  spreads polls, hides nothing
        step = max(self.interval / 2, 1.0)
        passed = 0.0
        while True:
            delay = step + jitter.random() * step
            if self.max_wait is not None and step >= self.max_wait:
                return self.max_wait
            passed += delay
            if passed > elapsed:
                return delay if self.max_wait is None else min(delay, self.max_wait)
            step *= 2


class Wait:
    """
    One wait and what it remembers between two polls.

    :param terms: what was asked for.
    :param now: when this memory begins (aware). Without a known success, blindness counts from here.
    :param succeeded: whether this wait has had an answer before, perhaps in another process.
    :param memory: what :meth:`memory` returned in that process, or a part of it.
    """

    def __init__(
        self,
        terms: Terms,
        *,
        now: datetime,
        succeeded: bool = False,
        memory: Mapping[str, str] | None = None,
    ) -> None:
        times = {key: datetime.fromisoformat(value) for key, value in (memory or {}).items() if key in _TIMES}
        self.terms = terms
        self.succeeded = succeeded
        self._heard_at = times.get("heard_at", now)
        self._asked_at = times.get("asked_at")
        self._refused_at = times.get("refused_at")
        self._said: dict[str, str] = {}
        self._news: list[News] = []

    def memory(self) -> dict[str, str]:
        """Return what the same wait needs to know in another process, as ISO 8601 times by name."""
        times = {
            "heard_at": self._heard_at,
            "asked_at": self._asked_at,
            "refused_at": self._refused_at,
        }
        return {key: value.isoformat() for key, value in times.items() if value is not None}

    def take_news(self) -> list[News]:
        """Return the lines that are new since the last call: what changed, not what is."""
        news, self._news = self._news, []
        return news

    def poll(self, clock: Callable[[], datetime]) -> Generator[Request, Any, Step]:
        """
        Poll once: yield what is to be asked, be sent the answer or thrown a :class:`RequestError`.

        Drive it with :func:`drive` or :func:`drive_async`.
        """
        try:
            jobs = yield Request.LIST_JOBS
        except RequestError as error:
            return self._on_error(error, clock())
        progress = self._on_listing(jobs, clock())
        if progress.done:
            wanted = None if self.terms.job_ids is None else set(self.terms.job_ids)
            return Done([portable(job) for job in jobs if wanted is None or job.get("JobId") in wanted])
        if progress.failed:
            return Fail(FailKind.UNREACHABLE, progress.describe_failure(self.terms.subject))
        if (progress.too_few or progress.missing) and self._is_time_to_ask(clock()):
            try:
                cluster = yield Request.DESCRIBE_CLUSTER
            except RequestError as error:
                self._on_no_description(error)
            else:
                state = cluster.get("ClusterState")
                if state in (ClusterState.CANCELLED, ClusterState.COMPLETE):
                    return Fail(
                        FailKind.CLUSTER_ENDED,
                        f"{_capital(self.terms.subject)} is {state} and will list no more jobs: {progress}",
                    )
        if clock() >= self.terms.deadline:
            return self._timed_out(progress.describe_late())
        return Again(self.terms.delay_at(clock()))

    def _on_listing(self, jobs: Sequence[Mapping[str, Any]], now: datetime) -> Progress:
        if "error" in self._said:
            blind = format_duration((now - self._heard_at).total_seconds())
            self._say("error", logging.INFO, f"{_capital(self.terms.subject)} answers again after {blind}")
            del self._said["error"]
        self.succeeded = True
        self._heard_at = now
        progress = self.terms.judge(jobs)
        name = _capital(self.terms.subject)
        self._say("progress", logging.INFO, f"{name}: {progress}")
        if progress.ignored:
            ids = ", ".join(job.id for job in progress.ignored)
            self._say("ignored", logging.WARNING, f"{name}: cancelled jobs are ignored: {ids}")
        if progress.unknown:
            named = ", ".join(map(str, progress.unknown))
            self._say(
                "unknown",
                logging.WARNING,
                f"{name}: states unknown to this version, taken as waiting: {named}",
            )
        return progress

    def _is_time_to_ask(self, now: datetime) -> bool:
        if self._refused_at or (self._asked_at and now - self._asked_at < ASK_CLUSTER_EVERY):
            return False
        self._asked_at = now
        return True

    def _on_no_description(self, error: RequestError) -> None:
        # Looking at the cluster only ends a hopeless wait sooner: not being able to is no reason to fail.
        if error.kind is ErrorKind.REFUSED:
            self._refused_at = self._asked_at
            self._say(
                "describe",
                logging.WARNING,
                f"{_capital(self.terms.subject)} cannot be described, so that a cancelled cluster without "
                f"jobs would be waited for until the timeout; allow snowball:DescribeCluster ({error})",
            )
        else:
            self._say("describe", logging.DEBUG, f"{_capital(self.terms.subject)} was not described: {error}")

    def _on_error(self, error: RequestError, now: datetime) -> Step:
        subject = self.terms.subject
        permanent = error.kind in (ErrorKind.NOT_FOUND, ErrorKind.BAD_INPUT)
        if permanent or (error.kind is ErrorKind.REFUSED and not self.succeeded):
            return Fail(FailKind.REQUEST, f"Cannot list the jobs of {subject}: {error}", error.__cause__)
        if not self.terms.silent_fail:
            if not self.succeeded:
                return Fail(FailKind.ERROR, f"Cannot list the jobs of {subject}: {error}", error.__cause__)
            if (now - self._heard_at).total_seconds() >= self.terms.max_blind_time:
                limit = format_duration(self.terms.max_blind_time)
                return Fail(
                    FailKind.BLIND,
                    f"No listing of the jobs of {subject} for {limit} (max_blind_time); last error: {error}",
                    error.__cause__,
                )
        if now >= self.terms.deadline:
            return self._timed_out(f"the last poll of {subject} failed: {error}")
        self._say("error", logging.WARNING, f"Cannot list the jobs of {subject}, will poll again: {error}")
        return Again(self.terms.delay_at(now), new_client=error.kind is ErrorKind.REFUSED)

    def _timed_out(self, what: str) -> Fail:
        return Fail(FailKind.TIMEOUT, f"Timed out after {format_duration(self.terms.timeout)}: {what}")

    def _say(self, topic: str, level: int, text: str) -> None:
        if self._said.get(topic) != text:
            self._said[topic] = text
            self._news.append(News(level, text))


def drive(flow: Generator[Request, Any, Step], answer: Callable[[Request], Any]) -> Step:
    """Carry a poll out. ``answer`` makes the call that is asked for, or raises RequestError."""
    try:
        request = next(flow)
        while True:
            try:
                reply = answer(request)
            except RequestError as error:
                request = flow.throw(error)
            else:
                request = flow.send(reply)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # what a generator returns is untyped here


async def drive_async(
    flow: Generator[Request, Any, Step], answer: Callable[[Request], Awaitable[Any]]
) -> Step:
    """Carry a poll out as :func:`drive` does, with an ``answer`` to be awaited."""
    try:
        request = next(flow)
        while True:
            try:
                reply = await answer(request)
            except RequestError as error:
                request = flow.throw(error)
            else:
                request = flow.send(reply)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # as above


def format_duration(seconds: float) -> str:
    """Return a duration as a person says it, in its two largest units: ``90 days``, ``1 hour 30 minutes``."""
    if seconds < 1:
        return f"{seconds:.2g} seconds"
    parts = []
    rest = round(seconds)
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts[:2])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
