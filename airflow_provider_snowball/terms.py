"""
What a wait was asked for, and what follows from that alone: its deadline, its delays, its verdict.

Pure: no clock, no network, no Airflow.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_snowball.calls import ListClusterJobs, ListJobs
from airflow_provider_snowball.lifecycle import Progress, check_min_jobs, evaluate
from airflow_provider_snowball.sightings import check_max_days_in_state
from airflow_provider_snowball.validate import check_cluster_id, check_job_ids, check_named_jobs

__all__ = ["ASK_EVERY", "BACKSTOP", "Terms"]

#: Why jobs are not listed, of the cluster or of the jobs themselves, is asked no more often than this.
ASK_EVERY = timedelta(hours=1)
#: How much later than the deadline Airflow's own timeout of a deferral comes: the trigger reports it itself.
BACKSTOP = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """
    What a wait was asked for. It does not change while the wait goes on.

    :param source: the call that lists the jobs.
    :param started_at: when this try's wait began (aware).
    :param timeout: seconds after which the wait fails.
    :param interval: seconds between two polls.
    :param max_wait: the longest delay in seconds that ``exponential_backoff`` may grow to.
    :param max_blind_time: seconds that a wait bears without any answer, once it had one.
    :param silent_fail: errors that another poll might not meet never end the wait.
    :param shortest_delay: seconds that lie between two polls whatever else is asked for.
    :param patience: seconds that a wait bears without its first answer, unless there will never be one.
    :param max_days_in_state: days by state after which a job that is waited for is overdue.
    :param on_overdue: ``warn``, ``fail``, or ``notify``, which is to warn and have somebody told.
    :raises ValueError: if an id, the target, ``min_jobs`` or their combination makes no sense.
    """

    source: ListClusterJobs | ListJobs
    target_state: str
    started_at: datetime
    timeout: float
    interval: float
    job_ids: Sequence[str] | None = None
    min_jobs: int | str = 1
    ignore_cancelled: bool = False
    exponential_backoff: bool = False
    max_wait: float | None = None
    max_blind_time: float = timedelta(days=2).total_seconds()
    silent_fail: bool = False
    shortest_delay: float = 0.0
    patience: float = 0.0
    max_days_in_state: Mapping[str, float] | None = None
    on_overdue: str = "warn"

    def __post_init__(self) -> None:
        """Check what may have come from a template, so that terms that make no sense fail before any call."""
        if isinstance(self.source, ListClusterJobs):
            check_cluster_id(self.source.cluster_id)
        # A rendered template is text.
        object.__setattr__(self, "min_jobs", check_min_jobs(self.min_jobs))
        check = check_named_jobs if isinstance(self.source, ListJobs) else check_job_ids
        object.__setattr__(self, "job_ids", check(self.job_ids))
        object.__setattr__(self, "max_days_in_state", check_max_days_in_state(self.max_days_in_state))
        self.judge([])

    @property
    def subject(self) -> str:
        """Whom the wait is about, as it reads in a sentence: ``cluster CID…``, ``job JID…``."""
        if isinstance(self.source, ListClusterJobs):
            return f"cluster {self.source.cluster_id}"
        first, *others = self.job_ids or ()
        return f"job {first} and {len(others)} more" if others else f"job {first}"

    @property
    def listing(self) -> str:
        """What is listed, as it reads in a sentence: ``the jobs of cluster CID…``, ``job JID…``."""
        return f"the {self.jobs}" if isinstance(self.source, ListClusterJobs) else self.subject

    @property
    def jobs(self) -> str:
        """What to call the jobs after a number of them: ``jobs of cluster CID…``, ``jobs``."""
        return f"jobs of {self.subject}" if isinstance(self.source, ListClusterJobs) else "jobs"

    @property
    def deadline(self) -> datetime:
        """When the wait fails, having polled once more."""
        return self.started_at + timedelta(seconds=self.timeout)

    def presumably_asked_at(self, now: datetime) -> datetime:
        """
        Return when a wait that remembers nothing has last asked why jobs are not listed, at the latest.

        It asks at its first poll and then in the first poll of each hour, so that the poll before
        this one, one delay ago, fell into an hour in which it had asked.
        """
        elapsed = (now - self.started_at).total_seconds()
        # The next delay is at least as long as the last one was.
        previous = max(elapsed - self._backoff(elapsed), 0.0)
        return self.started_at + previous // ASK_EVERY.total_seconds() * ASK_EVERY

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
            min_jobs=int(self.min_jobs),
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
