"""
What a listing does not show: the parts of main jobs, jobs that are not listed, clusters that have ended.

Pure, as the machine is: it yields the calls that it needs, and is sent their replies.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_snowball.lifecycle import ClusterState, Progress, is_main, portable
from airflow_provider_snowball.waiting.calls import (
    Call,
    DescribeCluster,
    DescribeJob,
    ErrorKind,
    RequestError,
)
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.text import LogLines, capitalized

__all__ = ["DESCRIBE_EVERY", "CloserLook", "Hopeless", "Parts"]

#: Why jobs are not listed, of the cluster or of the jobs themselves, is asked no more often than this.
DESCRIBE_EVERY = timedelta(hours=1)

_Entry = Mapping[str, Any]
#: Entries of job parts, by the id of their main job.
Parts = dict[str, Sequence[_Entry]]
#: ``job`` and ``parts``, as DescribeJob is replied to.
_Description = dict[str, Any]
_FOUND = "found "


@dataclass(frozen=True, slots=True)
class Hopeless:
    """
    Why what is not listed never will be.

    :param error: the exception behind it, where there is one.
    """

    text: str
    error: BaseException | None = None


class CloserLook:
    """
    Asks for what a listing does not show, and remembers what it found.

    :param config: what is waited for.
    :param lines: takes what there is to say.
    :param memory: what :meth:`memory` returned in another process, or a part of it.
    :param keeps_on: whether one job that does not exist keeps nobody from the others.
    """

    __slots__ = ("_config", "_denied_at", "_described_at", "_found", "_keeps_on", "_lines")

    def __init__(
        self,
        config: WaitConfig,
        lines: LogLines,
        memory: Mapping[str, str] | None = None,
        *,
        keeps_on: bool,
    ) -> None:
        known = memory or {}

        def time_of(name: str) -> datetime | None:
            return datetime.fromisoformat(known[name]) if name in known else None

        self._config = config
        self._lines = lines
        self._keeps_on = keeps_on
        self._described_at = time_of("described_at")
        self._denied_at = time_of("description_denied_at")
        #: Jobs that are not listed, as they were described last, with their parts, by id.
        self._found: dict[str, _Description] = {
            name.removeprefix(_FOUND): json.loads(value)
            for name, value in known.items()
            if name.startswith(_FOUND)
        }

    def memory(self) -> dict[str, str]:
        """Return what another process needs to know: ISO 8601 times, and the found jobs as JSON."""
        times = {"described_at": self._described_at, "description_denied_at": self._denied_at}
        known = {name: time.isoformat() for name, time in times.items() if time is not None}
        return known | {f"{_FOUND}{job_id}": json.dumps(each) for job_id, each in self._found.items()}

    def parts_of_main_jobs(self, jobs: Sequence[_Entry]) -> Generator[Call, Any, Parts]:
        """
        Return the job parts of each main job waited for by id: a listing does not say whose they are.

        :raises RequestError: if that cannot be known now.
        """
        parts: Parts = {}
        if self._config.cluster_id is not None:
            return parts
        for job in self._config.wanted(jobs):
            if not is_main(job):
                continue
            job_id = job["JobId"]
            try:
                parts[job_id] = (yield DescribeJob(job_id))["parts"]
            except RequestError as error:
                is_nowhere = error.kind is ErrorKind.NOT_FOUND and self._keeps_on
                if error.kind is not ErrorKind.DENIED and not is_nowhere:
                    raise
                self._lines.say(
                    f"parts of {job_id}",
                    f"Main job {job_id} cannot be described, so that the devices of its job parts are not "
                    f"waited for ({error}) [SNB412]",
                    logging.WARNING,
                )
        return parts

    def at_what_is_lacking(self, progress: Progress, now: datetime) -> Generator[Call, Any, Hopeless | None]:
        """Look for what a verdict lacks, at most hourly; return why it will never be listed, if so."""
        self._found = {key: each for key, each in self._found.items() if key in progress.missing}
        if not progress.lacking or not self._is_time_to_describe(now):
            return None
        if self._config.cluster_id is not None:
            return (yield from self._describe_cluster(self._config.cluster_id, progress))
        return (yield from self._look_for(progress.missing))

    def add_found(self, jobs: list[_Entry], parts: Parts) -> bool:
        """Add the jobs that were found unlisted, and their parts; return whether there are any."""
        jobs += [each["job"] for each in self._found.values()]
        parts |= {job_id: each["parts"] for job_id, each in self._found.items()}
        return bool(self._found)

    def _describe_cluster(self, cluster_id: str, progress: Progress) -> Generator[Call, Any, Hopeless | None]:
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
        return Hopeless(f"Cluster {cluster_id} is {state} and will list no more jobs: {progress} [SNB403]")

    def _look_for(self, missing: Sequence[str]) -> Generator[Call, Any, Hopeless | None]:
        """Find jobs that exist without being listed, and tell whether one does not exist at all."""
        hopeless = None
        for job_id in missing:
            try:
                found = yield DescribeJob(job_id)
            except RequestError as error:
                if error.kind is ErrorKind.NOT_FOUND:
                    hopeless = hopeless or Hopeless(f"Job {job_id} does not exist: {error}", error.__cause__)
                    if self._keeps_on:
                        continue
                    return hopeless
                self._on_no_description(
                    error,
                    f"Job {job_id} is not listed and cannot be described, so that one that does not exist "
                    "would be waited for until the timeout",
                )
                return hopeless
            self._found[job_id] = {
                "job": portable(found["job"]),
                "parts": [portable(part) for part in found["parts"]],
            }
        return hopeless

    def _is_time_to_describe(self, now: datetime) -> bool:
        if self._denied_at is not None:
            return False
        # Not before then either, lest a clock that was set back puts it off.
        if self._described_at is not None and timedelta(0) <= now - self._described_at < DESCRIBE_EVERY:
            return False
        self._described_at = now
        return True

    def _on_no_description(self, error: RequestError, meaning: str) -> None:
        # Looking closer only ends a hopeless wait sooner: not being able to is no reason to fail.
        if error.kind is ErrorKind.DENIED:
            self._denied_at = self._described_at
            self._lines.say("describe", f"{meaning} ({error}) [SNB412]", logging.WARNING)
        else:
            self._lines.say(
                "describe",
                f"{capitalized(self._config.subject)} was not described: {error}",
                logging.DEBUG,
            )
