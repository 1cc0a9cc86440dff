"""
What a wait was asked for, and what follows from that alone: its deadline, its delays, its verdict.

Each parameter of a wait is declared here, once: a field of :class:`WaitConfig` with its default and its
check. A sensor makes one flat dict of plain keywords of its arguments. It is what a trigger is told and
Airflow stores, and worker and triggerer both read it with :meth:`WaitConfig.read`.

Pure: no clock, no network, no Airflow.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_snowball.lifecycle import (
    ArgumentError,
    JobState,
    JobType,
    Progress,
    evaluate,
    is_at_or_past,
    parse_state,
)
from airflow_provider_snowball.validate import (
    check_cluster_id,
    check_duration,
    check_flag,
    check_job_ids,
    check_max_days_in_state,
    check_min_jobs,
    is_literal,
    plain,
)
from airflow_provider_snowball.waiting.calls import ListClusterJobs, ListJobs

__all__ = ["BACKSTOP", "LONGEST_WAIT", "SHORTEST_DELAY", "WAIT_PARAMETERS", "WaitConfig"]

#: Seconds that lie between two polls, whatever is asked for.
SHORTEST_DELAY = 1.0
#: How much later than the deadline Airflow's own timeout of a deferral comes: the trigger reports it itself.
BACKSTOP = timedelta(minutes=10)
#: More than a device may stay (360 days).
LONGEST_WAIT = timedelta(days=400)


def _parameter(check: Callable[[Any, str], Any], default: Any, *, templated: bool = False) -> Any:
    """
    Declare a parameter.

    :param check: takes a value and the parameter's name, and returns what to work with.
    :param templated: whether a template, or another task's output, may give the value.
    """
    return field(default=default, metadata={"check": check, "templated": templated})


def _check_optional_duration(value: Any, name: str) -> float | None:
    return None if value is None else check_duration(value, name)


def _check_interval(value: Any, name: str) -> float:
    # Airflow's sensors take 0 for as fast as can be; SHORTEST_DELAY is that.
    return check_duration(value, name, at_least=0)


def _check_on_overdue(value: Any, name: str) -> str:
    if value in ("warn", "fail", "notify"):
        return str(value)
    raise ArgumentError(f'{name} must be "warn", "fail" or a notifier; got {value!r} [SNB106]')


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitConfig:
    """
    What a wait was asked for. It does not change while the wait goes on.

    :param cluster_id: whose jobs are waited for; None if ``job_ids`` names jobs of whatever cluster, or none.
    :param timeout: seconds after which the wait fails.
    :param poke_interval: seconds between two polls.
    :param max_wait: the longest delay in seconds that ``exponential_backoff`` may grow to.
    :param outage_timeout: seconds that a wait bears without a listing, once it had one.
    :param silent_fail: errors that another poll might not meet never end the wait.
    :param max_days_in_state: days by state after which a job that is waited for is overdue.
    :param on_overdue: ``warn``, ``fail``, or ``notify``, which is to warn and have somebody told.
    :param describe_jobs: whether the log tells of shipments and transfers, too.
    :param tell_changes: whether somebody is to be told of each change of a device.
    :param change_interval: seconds whose changes are told of together.
    """

    target_state: JobState = _parameter(parse_state, JobState.COMPLETE, templated=True)
    cluster_id: str | None = _parameter(check_cluster_id, None, templated=True)
    job_ids: list[str] | None = _parameter(check_job_ids, None, templated=True)
    min_jobs: int = _parameter(check_min_jobs, 1, templated=True)
    ignore_cancelled: bool = _parameter(check_flag, False)
    timeout: float = _parameter(check_duration, LONGEST_WAIT.total_seconds())
    poke_interval: float = _parameter(_check_interval, 900.0)
    exponential_backoff: bool = _parameter(check_flag, False)
    max_wait: float | None = _parameter(_check_optional_duration, None)
    silent_fail: bool = _parameter(check_flag, False)
    outage_timeout: float = _parameter(check_duration, timedelta(days=2).total_seconds())
    max_days_in_state: dict[str, float] | None = _parameter(check_max_days_in_state, None)
    on_overdue: str = _parameter(_check_on_overdue, "warn")
    describe_jobs: bool = _parameter(check_flag, False)
    tell_changes: bool = _parameter(check_flag, False)
    change_interval: float = _parameter(_check_interval, 0.0)

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> WaitConfig:
        """
        Return what a flat dict of keywords asks for; names that are no parameters of a wait are passed over.

        :raises ValueError: if a value, or their combination, makes no sense.
        """
        for name, value in arguments.items():
            if any(each.__name__ == "Undefined" for each in type(value).__mro__):
                raise ArgumentError(f"{name} is a template that names what is not defined [SNB110]")
        values = {name: check(arguments[name], name) for name, check in _CHECKS.items() if name in arguments}
        if values.get("cluster_id") is None and values.get("job_ids") is None:
            raise ArgumentError("job_ids must name the jobs to wait for; got None [SNB103]")
        _check_together(values)
        return cls(**values)

    @staticmethod
    def check_literals(arguments: Mapping[str, Any]) -> None:
        """
        Check what is known of the arguments when a DAG is parsed: all but what a template will come to.

        :raises ValueError: as :meth:`read`.
        """
        known = {
            name: value
            for name, value in arguments.items()
            if name in _CHECKS and (name not in _TEMPLATED or is_literal(value))
        }
        checked = {name: _CHECKS[name](value, name) for name, value in known.items()}
        job_ids = arguments.get("job_ids")
        if isinstance(job_ids, list | tuple) and "job_ids" not in known:
            # Those of the list that are no templates.
            check_job_ids([each for each in job_ids if is_literal(each)] or None)
        if "cluster_id" not in arguments and "job_ids" in checked and checked["job_ids"] is None:
            raise ArgumentError("job_ids must name the jobs to wait for; got None [SNB103]")
        _check_together(checked)

    def arguments(self) -> dict[str, Any]:
        """Return the flat dict of plain keywords that :meth:`read` makes an equal one of."""
        left_out = {"cluster_id", "min_jobs"} if self.cluster_id is None else set()
        return {name: plain(getattr(self, name)) for name in _CHECKS if name not in left_out}

    @property
    def listing(self) -> ListClusterJobs | ListJobs:
        """The call that lists the jobs."""
        return ListJobs() if self.cluster_id is None else ListClusterJobs(self.cluster_id)

    @property
    def subject(self) -> str:
        """Whom the wait is about, as it reads in a sentence: ``cluster CID…``, ``job JID…``."""
        if self.cluster_id is not None:
            return f"cluster {self.cluster_id}"
        first, *others = self.job_ids or [""]
        return f"job {first} and {len(others)} more" if others else f"job {first}"

    @property
    def listed(self) -> str:
        """What is listed, as it reads in a sentence: ``the jobs of cluster CID…``, ``job JID…``."""
        return self.subject if self.cluster_id is None else f"the {self.jobs}"

    @property
    def jobs(self) -> str:
        """What to call the jobs after a number of them: ``jobs of cluster CID…``, ``jobs``."""
        return "jobs" if self.cluster_id is None else f"jobs of {self.subject}"

    def deadline(self, started_at: datetime) -> datetime:
        """Return when a wait that began then fails, having polled once more."""
        return started_at + timedelta(seconds=self.timeout)

    def judge(
        self,
        jobs: Sequence[Mapping[str, Any]],
        parts: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> Progress:
        """Return the verdict on one listing, with the parts of main jobs as :func:`evaluate` takes them."""
        return evaluate(
            jobs,
            self.target_state,
            job_ids=self.job_ids,
            parts=parts,
            min_jobs=self.min_jobs,
            ignore_cancelled=self.ignore_cancelled,
        )

    def wanted(self, jobs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return those of a listing's jobs that are asked for by id, or all."""
        if self.job_ids is None:
            return list(jobs)
        wanted = set(self.job_ids)
        return [job for job in jobs if job.get("JobId") in wanted]

    def delay(self, started_at: datetime, now: datetime) -> float:
        """
        Return the seconds until the next poll, which is not later than the deadline.

        With ``exponential_backoff`` the growth is that of Airflow's sensors (half the interval, doubled
        each time, each with a jitter of up to as much again). Which step it is follows from the time that
        has passed, not from a count of polls, so that a reschedule or a restart does not start it over.
        """
        left = (self.deadline(started_at) - now).total_seconds()
        return max(SHORTEST_DELAY, min(self._backoff(started_at, now), left))

    def _backoff(self, started_at: datetime, now: datetime) -> float:
        if not self.exponential_backoff:
            return self.poke_interval
        elapsed = (now - started_at).total_seconds()
        jitter = random.Random(f"{self.subject} {started_at.isoformat()}")  # noqa: S311  spreads polls, hides nothing
        step = max(self.poke_interval / 2, 1.0)
        passed = 0.0
        while True:
            delay = step + jitter.random() * step
            if self.max_wait is not None and step >= self.max_wait:
                return self.max_wait
            passed += delay
            if passed > elapsed:
                return delay if self.max_wait is None else min(delay, self.max_wait)
            step *= 2


_CHECKS: Mapping[str, Callable[[Any, str], Any]] = {
    each.name: each.metadata["check"] for each in fields(WaitConfig)
}
_TEMPLATED = frozenset(each.name for each in fields(WaitConfig) if each.metadata["templated"])
#: The names of the parameters, with their defaults.
WAIT_PARAMETERS: Mapping[str, Any] = {each.name: plain(each.default) for each in fields(WaitConfig)}


def _check_together(known: Mapping[str, Any]) -> None:
    """Check combinations of values that were checked one by one; what is not among them is not known."""
    target, job_ids, days = (known.get(name) for name in ("target_state", "job_ids", "max_days_in_state"))
    if known.get("ignore_cancelled") and target is JobState.CANCELLED:
        raise ArgumentError(
            "ignore_cancelled leaves out the very jobs that target_state Cancelled waits for [SNB107]"
        )
    if job_ids is not None and known.get("min_jobs", 1) > len(set(job_ids)):
        raise ArgumentError(
            f"min_jobs is {known['min_jobs']}, but job_ids names {len(set(job_ids))} jobs: "
            "so many are never listed among them [SNB107]"
        )
    if "max_days_in_state" in known and not days and known.get("on_overdue", "warn") != "warn":
        raise ArgumentError(
            "on_overdue can do nothing without max_days_in_state, the days that make jobs overdue [SNB107]"
        )
    if known.get("change_interval") and known.get("tell_changes") is False:
        raise ArgumentError("change_interval can do nothing without on_change or publish_devices [SNB107]")
    if target is not None and target is not JobState.CANCELLED:
        for state in days or ():
            if all(is_at_or_past(state, target, job_type) for job_type in JobType):
                raise ArgumentError(
                    f"max_days_in_state can do nothing for {state}: a job in it is at or past {target}, "
                    "and is not waited for [SNB107]"
                )
