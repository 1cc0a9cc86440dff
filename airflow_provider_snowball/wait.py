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

from airflow_provider_snowball.calls import Call, DescribeCluster, DescribeJob, ListClusterJobs, ListJobs
from airflow_provider_snowball.durations import format_duration
from airflow_provider_snowball.lifecycle import ClusterState, Progress, portable
from airflow_provider_snowball.sightings import Overdue, Sightings
from airflow_provider_snowball.terms import ASK_EVERY, Terms

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
    OVERDUE = "overdue"


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
    """
    Poll again after ``delay`` seconds, with a client built anew if ``new_client``.

    :param overdue: jobs that were found overdue in this poll.
    """

    delay: float
    new_client: bool = False
    overdue: tuple[Overdue, ...] = ()


Step = Done | Fail | Again
_Entry = Mapping[str, Any]
#: Entries of job parts, by the id of their main job.
_Parts = dict[str, Sequence[_Entry]]


class Wait:
    """
    One wait and what it remembers between two polls.

    :param terms: what was asked for.
    :param now: when this memory begins (aware). Without a known success, blindness counts from here.
    :param succeeded: whether this wait has had an answer before, perhaps in another process.
    :param memory: what :meth:`memory` returned in that process, or a part of it.
    """

    __slots__ = (
        "_asked_at",
        "_heard_at",
        "_news",
        "_refused_at",
        "_said",
        "_sightings",
        "succeeded",
        "terms",
    )

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
        self._sightings = Sightings(terms.max_days_in_state, memory)
        self._said: dict[str, str] = {}
        # A tuple: of an empty one there is only one, however many waits.
        self._news: tuple[News, ...] = ()

    def memory(self) -> dict[str, str]:
        """Return what the same wait needs to know in another process, as ISO 8601 times by name."""
        times = {
            "heard_at": self._heard_at,
            "asked_at": self._asked_at,
            "refused_at": self._refused_at,
        }
        known = {key: value.isoformat() for key, value in times.items() if value is not None}
        return known | self._sightings.memory()

    def seen(self) -> dict[str, str]:
        """Return the part of :meth:`memory` that is about jobs: it stays true however late it is read."""
        return self._sightings.memory()

    def take_news(self) -> tuple[News, ...]:
        """Return the lines that are new since the last call: what changed, not what is."""
        news, self._news = self._news, ()
        return news

    def poll(self, clock: Callable[[], datetime]) -> Generator[Call, Any, Step]:
        """
        Poll once: yield what is to be asked, be sent the answer or thrown a :class:`RequestError`.

        Drive it with :func:`drive` or :func:`drive_async`.
        """
        try:
            jobs = list((yield self.terms.source))
            parts = yield from self._follow_main_jobs(jobs)
        except RequestError as error:
            return self._on_error(error, clock())
        self._on_answer(clock())
        progress = self.terms.judge(jobs, parts)
        end = None
        if progress.lacking and self._is_time_to_ask(clock()):
            if isinstance(self.terms.source, ListClusterJobs):
                end = yield from self._ask_after(self.terms.source.cluster_id, progress)
            else:
                end = yield from self._look_for(progress.missing, jobs, parts)
                progress = self.terms.judge(jobs, parts)
        self._sightings.see(progress.waiting, clock())
        self._tell(progress, clock())
        if end is not None:
            return end
        if progress.done:
            return Done(self._result(jobs, parts))
        if progress.failed:
            return Fail(FailKind.UNREACHABLE, progress.describe_failure(self.terms.jobs))
        if clock() >= self.terms.deadline:
            return self._timed_out(progress.describe_late())
        overdue = self._sightings.newly_overdue(clock())
        if overdue:
            text = f"{_capital(self.terms.subject)}: overdue: {', '.join(map(str, overdue))}"
            if self.terms.on_overdue == "fail":
                return Fail(FailKind.OVERDUE, text)
            self._news += (News(logging.WARNING, text),)
        return Again(self.terms.delay_at(clock()), overdue=tuple(overdue))

    def _follow_main_jobs(self, jobs: Sequence[_Entry]) -> Generator[Call, Any, _Parts]:
        """Return the job parts of each main job waited for by id: a listing does not say whose they are."""
        parts: _Parts = {}
        if not isinstance(self.terms.source, ListJobs):
            return parts
        for job in self._wanted(jobs):
            if not job.get("IsMaster"):
                continue
            job_id = job["JobId"]
            try:
                parts[job_id] = (yield DescribeJob(job_id))["parts"]
            except RequestError as error:
                if error.kind is not ErrorKind.REFUSED:
                    raise
                self._say(
                    f"parts of {job_id}",
                    logging.WARNING,
                    f"Main job {job_id} cannot be described, so that the devices of its job parts are not "
                    f"waited for ({error})",
                )
        return parts

    def _ask_after(self, cluster_id: str, progress: Progress) -> Generator[Call, Any, Fail | None]:
        """Tell whether a cluster that lists too little will never list more."""
        try:
            cluster = yield DescribeCluster(cluster_id)
        except RequestError as error:
            self._on_no_description(
                error,
                f"Cluster {cluster_id} cannot be described, so that a cancelled cluster without jobs would "
                "be waited for until the timeout",
            )
            return None
        state = cluster.get("ClusterState")
        if state not in (ClusterState.CANCELLED, ClusterState.COMPLETE):
            return None
        return Fail(
            FailKind.CLUSTER_ENDED, f"Cluster {cluster_id} is {state} and will list no more jobs: {progress}"
        )

    def _look_for(
        self, missing: Sequence[str], jobs: list[_Entry], parts: _Parts
    ) -> Generator[Call, Any, Fail | None]:
        """Add jobs that exist without being listed, and tell whether one does not exist at all."""
        for job_id in missing:
            try:
                found = yield DescribeJob(job_id)
            except RequestError as error:
                if error.kind is ErrorKind.NOT_FOUND:
                    return Fail(FailKind.REQUEST, f"Job {job_id} does not exist: {error}", error.__cause__)
                self._on_no_description(
                    error,
                    f"Job {job_id} is not listed and cannot be described, so that one that does not exist "
                    "would be waited for until the timeout",
                )
                return None
            jobs.append(found["job"])
            parts[job_id] = found["parts"]
        return None

    def _wanted(self, jobs: Sequence[_Entry]) -> list[_Entry]:
        if self.terms.job_ids is None:
            return list(jobs)
        wanted = set(self.terms.job_ids)
        return [job for job in jobs if job.get("JobId") in wanted]

    def _result(self, jobs: Sequence[_Entry], parts: _Parts) -> list[dict[str, Any]]:
        found = self._wanted(jobs)
        for job in list(found):
            known = {each.get("JobId") for each in found}
            found += [part for part in parts.get(job.get("JobId", ""), ()) if part.get("JobId") not in known]
        return [portable(job) for job in found]

    def _on_answer(self, now: datetime) -> None:
        if "error" in self._said:
            blind = format_duration((now - self._heard_at).total_seconds())
            self._say("error", logging.INFO, f"{_capital(self.terms.subject)} answers again after {blind}")
            del self._said["error"]
        self.succeeded = True
        self._heard_at = now

    def _tell(self, progress: Progress, now: datetime) -> None:
        name = _capital(self.terms.subject)
        line = f"{name}: {progress}"
        # How long it has been is told with a change, but is none.
        if self._said.get("progress") != line:
            late = self._sightings.describe(now)
            self._said["progress"] = line
            self._news += (News(logging.INFO, f"{line}; {late}" if late else line),)
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

    def _is_time_to_ask(self, now: datetime) -> bool:
        if self._refused_at or (self._asked_at and now - self._asked_at < ASK_EVERY):
            return False
        self._asked_at = now
        return True

    def _on_no_description(self, error: RequestError, meaning: str) -> None:
        # Looking closer only ends a hopeless wait sooner: not being able to is no reason to fail.
        if error.kind is ErrorKind.REFUSED:
            self._refused_at = self._asked_at
            self._say("describe", logging.WARNING, f"{meaning} ({error})")
        else:
            self._say("describe", logging.DEBUG, f"{_capital(self.terms.subject)} was not described: {error}")

    def _on_error(self, error: RequestError, now: datetime) -> Step:
        blind = (now - self._heard_at).total_seconds()
        patient = not self.succeeded and blind < self.terms.patience
        permanent = error.kind in (ErrorKind.NOT_FOUND, ErrorKind.BAD_INPUT)
        if permanent or (error.kind is ErrorKind.REFUSED and not self.succeeded and not patient):
            return Fail(FailKind.REQUEST, f"Cannot list {self.terms.listing}: {error}", error.__cause__)
        if not self.terms.silent_fail:
            if not self.succeeded and not patient:
                return Fail(FailKind.ERROR, f"Cannot list {self.terms.listing}: {error}", error.__cause__)
            if blind >= self.terms.max_blind_time:
                limit = format_duration(self.terms.max_blind_time)
                return Fail(
                    FailKind.BLIND,
                    f"No listing of {self.terms.listing} for {limit} (max_blind_time); last error: {error}",
                    error.__cause__,
                )
        if now >= self.terms.deadline:
            return self._timed_out(f"the last poll of {self.terms.subject} failed: {error}")
        self._say("error", logging.WARNING, f"Cannot list {self.terms.listing}, will poll again: {error}")
        return Again(self.terms.delay_at(now), new_client=error.kind is ErrorKind.REFUSED)

    def _timed_out(self, what: str) -> Fail:
        return Fail(FailKind.TIMEOUT, f"Timed out after {format_duration(self.terms.timeout)}: {what}")

    def _say(self, topic: str, level: int, text: str) -> None:
        if self._said.get(topic) != text:
            self._said[topic] = text
            self._news += (News(level, text),)


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
