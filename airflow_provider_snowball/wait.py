"""
The judgement of a wait, as one small state machine that every mode drives.

Pure: no clock, no network, no Airflow. What a listing, an error or the time means is decided here
and nowhere else; a worker's loop and a trigger's coroutine only carry out what is asked of them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

from airflow_provider_snowball.calls import Call
from airflow_provider_snowball.lifecycle import ClusterState, Progress, portable
from airflow_provider_snowball.terms import ASK_CLUSTER_EVERY, Terms, format_duration

__all__ = [
    "Again",
    "Done",
    "ErrorKind",
    "Fail",
    "FailKind",
    "News",
    "RequestError",
    "Step",
    "Wait",
    "drive",
    "drive_async",
]

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
    """
    A call that failed, told apart by :class:`ErrorKind`; ``__cause__`` is the exception as it came.

    :param code: the API's code, or the name of the exception's class.
    :param throttled: whether it failed for coming too often.
    """

    def __init__(self, kind: ErrorKind, message: str, *, code: str = "", throttled: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.throttled = throttled

    def copy(self) -> RequestError:
        """Return the same error to be raised once more: a traceback belongs to one raising only."""
        twin = RequestError(self.kind, str(self), code=self.code, throttled=self.throttled)
        twin.__cause__ = self.__cause__
        return twin


class FailKind(StrEnum):
    """Why a wait failed. The values travel in trigger events: they stay."""

    UNREACHABLE = "unreachable"
    CLUSTER_ENDED = "cluster_ended"
    REQUEST = "request"
    TIMEOUT = "timeout"
    BLIND = "blind"
    ERROR = "error"


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

    def poll(self, clock: Callable[[], datetime]) -> Generator[Call, Any, Step]:
        """
        Poll once: yield what is to be asked, be sent the answer or thrown a :class:`RequestError`.

        Drive it with :func:`drive` or :func:`drive_async`.
        """
        try:
            jobs = yield self.terms.source
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
                cluster = yield self.terms.inquiry
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
        blind = (now - self._heard_at).total_seconds()
        patient = not self.succeeded and blind < self.terms.patience
        permanent = error.kind in (ErrorKind.NOT_FOUND, ErrorKind.BAD_INPUT)
        if permanent or (error.kind is ErrorKind.REFUSED and not self.succeeded and not patient):
            return Fail(FailKind.REQUEST, f"Cannot list the jobs of {subject}: {error}", error.__cause__)
        if not self.terms.silent_fail:
            if not self.succeeded and not patient:
                return Fail(FailKind.ERROR, f"Cannot list the jobs of {subject}: {error}", error.__cause__)
            if blind >= self.terms.max_blind_time:
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


def drive(flow: Generator[Call, Any, Step], answer: Callable[[Call], Any]) -> Step:
    """Carry a poll out. ``answer`` makes the call that is asked for, or raises RequestError."""
    try:
        call = next(flow)
        while True:
            try:
                reply = answer(call)
            except RequestError as error:
                call = flow.throw(error)
            else:
                call = flow.send(reply)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # what a generator returns is untyped here


async def drive_async(flow: Generator[Call, Any, Step], answer: Callable[[Call], Awaitable[Any]]) -> Step:
    """Carry a poll out as :func:`drive` does, with an ``answer`` to be awaited."""
    try:
        call = next(flow)
        while True:
            try:
                reply = await answer(call)
            except RequestError as error:
                call = flow.throw(error)
            else:
                call = flow.send(reply)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # as above


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
