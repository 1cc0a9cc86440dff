"""
The judgement of a wait, as one small state machine that every mode drives.

Pure: no clock, no network, no Airflow. What a listing, an error or the time means is decided here and
nowhere else; a worker's loop and a trigger's coroutine only carry out what is asked of them::

    listing or error ──> Wait.judge ──> Done(jobs)     the wait is over
                          │      ▲      Fail(kind)     the wait is over
                     call │      │ reply, or error     Again(delay)   poll once more, after the delay
                          ▼      │
                     whoever drives it

"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any, TypeVar

from airflow_provider_snowball.lifecycle import Progress, portable
from airflow_provider_snowball.waiting.calls import Call, DescribeJob, ErrorKind, RequestError
from airflow_provider_snowball.waiting.changes import Changes, News
from airflow_provider_snowball.waiting.closer_look import CloserLook, Hopeless, Parts
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.devices import describe_delivery, devices_of, is_on_the_road
from airflow_provider_snowball.waiting.journal import Journal
from airflow_provider_snowball.waiting.text import NAMED, LogLine, capitalized, format_duration
from airflow_provider_snowball.waiting.time_in_state import Overdue, TimeInState

__all__ = [
    "Again",
    "Done",
    "Fail",
    "FailKind",
    "Step",
    "Wait",
    "drive",
    "drive_async",
]

#: What a poll that fails may take, besides the delay before it.
_HANGING = timedelta(minutes=10)
#: How much of an outage may be forgotten, as a part of what the wait bears.
_FORGOTTEN = 1 / 8
#: An outage of this many seconds is no hiccup.
_LONG_OUTAGE = 3600.0
#: The fewest nodes of a cluster (AWS Snowball Edge developer guide, "Clustering overview").
_FEWEST_NODES = 3


class FailKind(StrEnum):
    """Why a wait failed. The values travel in trigger events: they stay."""

    UNREACHABLE = "unreachable"
    CLUSTER_ENDED = "cluster_ended"
    OVERDUE = "overdue"
    #: What is asked for, or the way to it, is wrong, and stays wrong.
    PERMANENT = "permanent"
    #: No listing for as long as the wait bears that.
    OUTAGE = "outage"
    #: An error that another try may not meet.
    TRANSIENT = "transient"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Done:
    """
    The target is reached; ``jobs`` is the list seen, in the portable form.

    :param news: what there is to tell, where that was asked for; of the other steps, too.
    """

    jobs: list[dict[str, Any]]
    news: News | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """
    The wait has failed; ``error`` is the exception behind it, where there is one.

    :param overdue: jobs that the last poll found overdue, and that somebody is to be told of.
    """

    kind: FailKind
    message: str
    error: BaseException | None = None
    news: News | None = None
    overdue: tuple[Overdue, ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """
    Poll again after ``delay`` seconds, with a client built anew if ``new_client``.

    :param overdue: jobs that somebody is to be told of; :meth:`Wait.mark_told` once that is done.
    :param keep: whether the wait would be another without what it knows since :meth:`Wait.mark_kept`: an
        alarm or the end of an outage would come late, or never, if this process ended now.
    """

    delay: float
    new_client: bool = False
    overdue: tuple[Overdue, ...] = ()
    keep: bool = False
    news: News | None = None

    @property
    def needs_worker(self) -> bool:
        """Whether a wait in a triggerer has to come back to a worker before it goes on."""
        return bool(self.overdue) or self.keep or (self.news is not None and self.news.due)


Step = Done | Fail | Again


class Standing(Enum):
    """What is known of a wait when a call of its fails."""

    #: It has had no listing: what is wrong may always have been.
    UNPROVEN = "unproven"
    #: Nor has this one, but an earlier try got so far that Airflow tries again.
    RETRIED = "retried"
    #: It has had none that it knows of, and bears that for a while.
    PATIENT = "patient"
    #: It has had one: what is wrong was right before.
    PROVEN = "proven"


class Reaction(Enum):
    """What a wait does about an error."""

    #: Fail for good.
    END = "end"
    #: Fail so that Airflow's ``retries`` apply.
    RAISE = "raise"
    #: Poll again, until the outage has lasted too long.
    BEAR = "bear"


_END, _RAISE, _BEAR = Reaction.END, Reaction.RAISE, Reaction.BEAR
#: What an error means, by its kind and by what is known of the wait.
REACTIONS: Mapping[ErrorKind, Mapping[Standing, Reaction]] = {
    kind: dict(zip(Standing, row, strict=True))
    for kind, row in {
        #                     UNPROVEN RETRIED  PATIENT  PROVEN
        ErrorKind.NOT_FOUND: (_END, _END, _END, _END),
        ErrorKind.BAD_INPUT: (_END, _END, _END, _END),
        ErrorKind.DENIED: (_END, _RAISE, _BEAR, _BEAR),
        ErrorKind.TRANSIENT: (_RAISE, _RAISE, _BEAR, _BEAR),
    }.items()
}

#: What of a memory is found and not told yet. It stays.
_UNTOLD = "untold"
_Entry = Mapping[str, Any]
#: What a judgement comes to.
T = TypeVar("T")


class Wait:
    """
    One wait and what it remembers between two polls.

    :param config: what was asked for.
    :param started_at: when the wait began (aware), for one that remembers nothing.
    :param memory: what :meth:`memory` returned in another process, or a part of it.
    :param patience: seconds for which errors are borne by a wait that knows of no listing.
    :param retried: whether an earlier try of the same wait has failed, for a reason that may not come again.
    """

    __slots__ = (
        "_changes",
        "_closer_look",
        "_deliveries_denied_at",
        "_failed_at",
        "_failing_since",
        "_kept_alarms",
        "_kept_outage",
        "_lines",
        "_listed_at",
        "_patience",
        "_retried",
        "_time_in_state",
        "_untold",
        "config",
        "started_at",
    )

    def __init__(
        self,
        config: WaitConfig,
        *,
        started_at: datetime,
        memory: Mapping[str, str] | None = None,
        patience: float = 0.0,
        retried: bool = False,
    ) -> None:
        known = memory or {}

        def time_of(name: str) -> datetime | None:
            return datetime.fromisoformat(known[name]) if name in known else None

        self.config = config
        self.started_at = time_of("started_at") or started_at
        self._listed_at = time_of("listed_at")
        self._failing_since = time_of("failing_since")
        self._failed_at = time_of("failed_at")
        self._deliveries_denied_at = time_of("deliveries_denied_at")
        self._patience = patience
        self._retried = retried
        self._time_in_state = TimeInState(config.max_days_in_state, memory)
        self._lines = Journal(memory)
        self._closer_look = CloserLook(config, self._lines, memory, keeps_on=False)
        self._changes = Changes(config.change_interval, memory) if config.tell_changes else None
        #: What was found and not told yet.
        self._untold: News | None = None
        if self._changes is not None and _UNTOLD in known:
            self._untold = News.of(json.loads(known[_UNTOLD]))
        self.mark_kept()

    def memory(self) -> dict[str, str]:
        """
        Return all that the same wait needs to know in another process, as texts by name.

        ISO 8601 times, and as JSON the jobs that were described since they are not listed.
        """
        times = {
            "started_at": self.started_at,
            "listed_at": self._listed_at,
            "failing_since": self._failing_since,
            "failed_at": self._failed_at,
            "deliveries_denied_at": self._deliveries_denied_at,
        }
        known = {name: time.isoformat() for name, time in times.items() if time is not None}
        changes = self._changes.memory() if self._changes is not None else {}
        if self._untold is not None:
            changes |= {_UNTOLD: json.dumps(self._untold.plain())}
        return (
            known | self._closer_look.memory() | self._time_in_state.memory() | self._lines.memory() | changes
        )

    def mark_kept(self) -> None:
        """Note that :meth:`memory` is kept where it outlives this process."""
        self._kept_alarms = self._time_in_state.alarms()
        #: Seconds of the present outage that are known there.
        self._kept_outage = 0.0
        if self._failing_since is not None and self._failed_at is not None:
            self._kept_outage = (self._failed_at - self._failing_since).total_seconds()

    @property
    def deadline(self) -> datetime:
        """When the wait fails, having polled once more."""
        return self.config.deadline(self.started_at)

    def take_lines(self) -> tuple[LogLine, ...]:
        """Return the lines for the log that are new since the last call: what changed, not what is."""
        return self._lines.take()

    def mark_told(self, overdue: Sequence[Overdue], now: datetime) -> None:
        """Note that somebody was told of overdue jobs, so that nobody is told again."""
        self._time_in_state.mark_told(overdue, now)

    def mark_news_told(self, news: News, now: datetime) -> None:
        """Note that somebody was told of changes, so that nobody is told again."""
        self._untold = None
        if self._changes is not None:
            self._changes.mark_told(news, now)

    def judge(
        self, listing: Sequence[_Entry] | RequestError, clock: Callable[[], datetime]
    ) -> Generator[Call, Any, Step]:
        """
        Judge what a poll brought: yield what else is to be asked, be sent replies or thrown RequestErrors.

        Drive it with :func:`drive` or :func:`drive_async`.

        :param listing: the jobs that ``config.listing`` listed, or why it did not.
        """
        if isinstance(listing, RequestError):
            return self._with_untold(self._on_error(listing, clock()))
        jobs = list(listing)
        try:
            parts = yield from self._closer_look.parts_of_main_jobs(jobs)
        except RequestError as error:
            return self._with_untold(self._on_error(error, clock()))
        self._on_listing(clock())
        progress = self.config.judge(jobs, parts)
        hopeless = yield from self._closer_look.at_what_is_lacking(progress, clock())
        if self._closer_look.add_found(jobs, parts):
            progress = self.config.judge(jobs, parts)
        now = clock()
        yield from self._report(progress, now)
        step = self._hopeless(hopeless) if hopeless else self._verdict(progress, jobs, parts, now)
        if isinstance(step, Fail):
            # There is no later poll to tell of it.
            step = replace(step, overdue=self._find_overdue(now))
        return self._with_news(step, progress, now)

    def _verdict(self, progress: Progress, jobs: Sequence[_Entry], parts: Parts, now: datetime) -> Step:
        if progress.done:
            return Done(self._result(jobs, parts))
        if progress.failed:
            return Fail(FailKind.UNREACHABLE, progress.describe_failure(self.config.jobs))
        if now >= self.deadline:
            return self._timed_out(progress.describe_late())
        return self._go_on(now)

    def _hopeless(self, found: Hopeless) -> Fail:
        of_cluster = self.config.cluster_id is not None
        return Fail(FailKind.CLUSTER_ENDED if of_cluster else FailKind.PERMANENT, found.text, found.error)

    def _with_news(self, step: Step, progress: Progress, now: datetime) -> Step:
        """Return a step with what there is to tell, where that was asked for."""
        if self._changes is None:
            return step
        devices = devices_of(progress, self._time_in_state, self._lines.deliveries)
        news = self._changes.find(devices, now, at_once=not isinstance(step, Again))
        self._untold = news if news.changes else None
        return replace(step, news=news)

    def _with_untold(self, step: Step) -> Step:
        """Return a step with what was found before and not told: at an end there is no later time."""
        if not isinstance(step, Fail):
            return step
        overdue: tuple[Overdue, ...] = ()
        if self._listed_at is not None and self.config.on_overdue != "fail":
            overdue = self._time_in_state.overdue(self._listed_at)
        news = None if self._untold is None else replace(self._untold, due=True)
        return replace(step, news=news, overdue=overdue)

    def _go_on(self, now: datetime) -> Again | Fail:
        if self.config.on_overdue == "fail" and (found := self._time_in_state.overdue(now)):
            return Fail(FailKind.OVERDUE, self._describe(found))
        overdue = self._find_overdue(now)
        alarms = self._time_in_state.alarms()
        # An outage that is over must not be taken for the beginning of the next one either.
        keep = not alarms <= self._kept_alarms or self._kept_outage > 0
        if self._kept_alarms:
            # A job may come back to a state.
            self._kept_alarms &= alarms
        return Again(self._delay(now), overdue=overdue, keep=keep)

    def _find_overdue(self, now: datetime) -> tuple[Overdue, ...]:
        """Return the jobs that somebody is to be told of as overdue, having told the log."""
        overdue = self._time_in_state.overdue(now)
        if not overdue or self.config.on_overdue == "fail":
            return ()
        self._lines.add(self._describe(overdue), logging.WARNING)
        if self.config.on_overdue == "warn":
            self.mark_told(overdue, now)
        return overdue

    def _describe(self, overdue: Sequence[Overdue]) -> str:
        return f"{capitalized(self.config.subject)}: overdue: {', '.join(map(str, overdue))} [SNB405]"

    def _delay(self, now: datetime) -> float:
        """Return the seconds until the next poll, having told of it where nothing was told for long."""
        delay = self.config.delay(self.started_at, now)
        self._lines.tell_daily(
            capitalized(self.config.subject),
            now,
            next_poll=now + timedelta(seconds=delay),
            ends_at=self.deadline,
        )
        return delay

    def _result(self, jobs: Sequence[_Entry], parts: Parts) -> list[dict[str, Any]]:
        found = self.config.wanted(jobs)
        for job in list(found):
            known = {each.get("JobId") for each in found}
            found += [part for part in parts.get(job.get("JobId", ""), ()) if part.get("JobId") not in known]
        return [portable(job) for job in found]

    def _on_listing(self, now: datetime) -> None:
        self._lines.count(failed=False)
        if self._failing_since is not None:
            lasted = format_duration(max((now - self._failing_since).total_seconds(), 0.0))
            self._lines.add(f"{capitalized(self.config.subject)} is listed again after {lasted}")
            self._lines.forget("error")
            self._lines.forget("outage")
        self._listed_at = now
        self._failing_since = self._failed_at = None

    def _report(self, progress: Progress, now: datetime) -> Generator[Call, Any, None]:
        name = capitalized(self.config.subject)
        others = (*progress.unreachable, *progress.reached, *progress.ignored)
        moved = self._time_in_state.see(progress.waiting, others, now)
        deliveries = None
        if self.config.describe_jobs and self._deliveries_denied_at is None:
            goes_on = not (progress.done or progress.failed) and now < self.deadline
            if goes_on and (self._lines.has_news(progress, moved=moved) or self._lines.is_quiet(now)):
                deliveries = yield from self._ask_for_deliveries(progress, now)
        self._lines.tell(name, progress, self._time_in_state, now, moved=moved, deliveries=deliveries)
        if 0 < progress.listed < _FEWEST_NODES and self._takes_all_for_all:
            self._lines.say(
                "few",
                f"{name} lists {progress.listed} jobs, and a cluster has at least {_FEWEST_NODES}: set "
                "min_jobs to the number of devices ordered, or the wait may be over before all are listed"
                " [SNB409]",
                logging.WARNING,
            )
        if progress.ignored:
            ids = ", ".join(job.id for job in progress.ignored)
            self._lines.say("ignored", f"{name}: cancelled jobs are ignored: {ids} [SNB410]", logging.WARNING)
        if progress.unknown:
            named = ", ".join(map(str, progress.unknown))
            self._lines.say(
                "unknown",
                f"{name}: states unknown to this version, taken as waiting: {named} [SNB411]",
                logging.WARNING,
            )

    def _ask_for_deliveries(
        self, progress: Progress, now: datetime
    ) -> Generator[Call, Any, dict[str, str] | None]:
        """Return what is known of devices beside their states, by JobId; None if nothing is."""
        found: dict[str, str] = {}
        there = [job for job in (*progress.waiting, *progress.reached) if is_on_the_road(job.state)]
        for job in there[:NAMED]:
            try:
                reply = yield DescribeJob(job.id)
            except RequestError as error:
                # It is told for whoever reads the log: not to know it is no reason to fail.
                if error.kind is ErrorKind.DENIED:
                    self._deliveries_denied_at = now
                    self._lines.add(
                        f"{capitalized(self.config.subject)}: shipments are not told of, since describe_jobs "
                        f"needs more rights ({error}) [SNB412]",
                        logging.WARNING,
                    )
                else:
                    self._lines.add(f"Job {job.id} was not described: {error}", logging.DEBUG)
                return None
            found[job.id] = describe_delivery(reply["delivery"])
        return found

    @property
    def _takes_all_for_all(self) -> bool:
        """Whether what is listed of a cluster is all that is waited for, however little it is."""
        config = self.config
        return config.cluster_id is not None and config.min_jobs == 1 and config.job_ids is None

    def _on_error(self, error: RequestError, now: datetime) -> Step:
        self._lines.count(failed=True)
        failing = self._fail_at(now)
        standing = self._standing(failing)
        what = f"Cannot list {self.config.listed}"
        match REACTIONS[error.kind][standing]:
            case Reaction.END:
                return Fail(FailKind.PERMANENT, f"{what}: {error}", error.__cause__)
            case Reaction.RAISE if not self.config.silent_fail:
                if self._patience:
                    return self._outage(self._patience, error)
                return Fail(FailKind.TRANSIENT, f"{what}: {error}", error.__cause__)
        lasts_too_long = standing is Standing.PROVEN and failing >= self.config.outage_timeout
        if lasts_too_long and not self.config.silent_fail:
            return self._outage(self.config.outage_timeout, error, " (outage_timeout)")
        if now >= self.deadline:
            return self._timed_out(f"the last poll of {self.config.subject} failed: {error}")
        self._lines.say("error", f"{what}, will poll again [SNB413]: {error}", logging.WARNING)
        if failing >= _LONG_OUTAGE:
            self._warn_of_outage()
        return Again(
            self._delay(now),
            new_client=error.kind is ErrorKind.DENIED,
            keep=self._outage_is_to_be_kept(standing, failing),
        )

    def _warn_of_outage(self) -> None:
        bears = "the wait goes on (silent_fail)"
        if not self.config.silent_fail:
            bears = f"the wait fails after {format_duration(self.config.outage_timeout)} (outage_timeout)"
        self._lines.say(
            "outage",
            f"No listing of {self.config.listed} for {format_duration(_LONG_OUTAGE)}; {bears} [SNB414]",
            logging.WARNING,
        )

    def _outage_is_to_be_kept(self, standing: Standing, failing: float) -> bool:
        """Tell whether an outage that would count anew has become a good part of what the wait bears."""
        if standing is not Standing.PROVEN or self.config.silent_fail:
            return False
        return failing - self._kept_outage >= self.config.outage_timeout * _FORGOTTEN

    def _fail_at(self, now: datetime) -> float:
        """Note a failed poll; return the seconds of this outage, but for time in which nobody asked."""
        since, last = self._failing_since or now, self._failed_at or now
        due = timedelta(seconds=self.config.delay(self.started_at, last))
        if now - last > 2 * due + _HANGING:
            # A scheduler or triggerer was away: nothing is known of that time.
            since += now - last - due
        self._failing_since, self._failed_at = since, now
        return (now - since).total_seconds()

    def _standing(self, failing: float) -> Standing:
        if self._listed_at is not None:
            return Standing.PROVEN
        if failing < self._patience:
            return Standing.PATIENT
        return Standing.RETRIED if self._retried else Standing.UNPROVEN

    def _outage(self, lasted: float, error: RequestError, named: str = "") -> Fail:
        return Fail(
            FailKind.OUTAGE,
            f"No listing of {self.config.listed} for {format_duration(lasted)}{named} [SNB406]; "
            f"last error: {error}",
            error.__cause__,
        )

    def _timed_out(self, what: str) -> Fail:
        return Fail(
            FailKind.TIMEOUT, f"Timed out after {format_duration(self.config.timeout)} [SNB407]: {what}"
        )


def drive(judging: Generator[Call, Any, T], ask: Callable[[Call], Any]) -> T:
    """Carry a judgement out. ``ask`` makes the call that is asked for, or raises RequestError."""
    try:
        call = next(judging)
        while True:
            try:
                reply = ask(call)
            except RequestError as error:
                call = judging.throw(error)
            else:
                call = judging.send(reply)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # what a generator returns is untyped here


async def drive_async(judging: Generator[Call, Any, T], ask: Callable[[Call], Awaitable[Any]]) -> T:
    """Carry a judgement out as :func:`drive` does, with an ``ask`` to be awaited."""
    try:
        call = next(judging)
        while True:
            try:
                reply = await ask(call)
            except RequestError as error:
                call = judging.throw(error)
            else:
                call = judging.send(reply)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # as above
