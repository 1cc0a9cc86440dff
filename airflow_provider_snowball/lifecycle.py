"""
The states of a Snowball job and the one verdict on what "reached" means.

Pure: standard library only. Every mode of every sensor asks this module; nothing else that waits or judges
compares job states. The emulator's API, which could move to moto, has states of its own; a test holds them
against these.

The order of states is that of the page "Statuses of Snowball Edge jobs" of the AWS Snowball Edge
developer guide. The names are those of the API:
https://docs.aws.amazon.com/snowball/latest/api-reference/API_JobListEntry.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

__all__ = [
    "PATHS",
    "ArgumentError",
    "ClusterState",
    "Job",
    "JobListEntry",
    "JobState",
    "JobType",
    "Progress",
    "evaluate",
    "has_ended",
    "is_at_or_past",
    "is_main",
    "parse_cluster_state",
    "parse_state",
    "portable",
]


class ArgumentError(ValueError):
    """What a caller passed in has the wrong form. What else is a ValueError comes from elsewhere."""


class JobState(StrEnum):
    """The 13 values of ``JobState``, in the order in which an import job walks through them."""

    NEW = "New"
    LISTING = "Listing"
    PENDING = "Pending"
    PREPARING_APPLIANCE = "PreparingAppliance"
    PREPARING_SHIPMENT = "PreparingShipment"
    IN_TRANSIT_TO_CUSTOMER = "InTransitToCustomer"
    WITH_CUSTOMER = "WithCustomer"
    IN_TRANSIT_TO_AWS = "InTransitToAWS"
    WITH_AWS_SORTING_FACILITY = "WithAWSSortingFacility"
    WITH_AWS = "WithAWS"
    IN_PROGRESS = "InProgress"
    COMPLETE = "Complete"
    CANCELLED = "Cancelled"


class JobType(StrEnum):
    """The values of ``JobType``."""

    IMPORT = "IMPORT"
    EXPORT = "EXPORT"
    LOCAL_USE = "LOCAL_USE"


class ClusterState(StrEnum):
    """The values of ``ClusterState``; a cluster's states are not its jobs' states."""

    AWAITING_QUORUM = "AwaitingQuorum"
    PENDING = "Pending"
    IN_USE = "InUse"
    COMPLETE = "Complete"
    CANCELLED = "Cancelled"


class JobListEntry(TypedDict, total=False):
    """One job of a listing, in the API's keys. Any of them may be missing."""

    JobId: str
    JobState: str
    IsMaster: bool
    JobType: str
    SnowballType: str
    CreationDate: datetime
    Description: str


_IMPORT = tuple(state for state in JobState if state is not JobState.CANCELLED)
_BEFORE_DEVICE = _IMPORT[: _IMPORT.index(JobState.PREPARING_SHIPMENT)]
_WITH_DEVICE = _IMPORT[_IMPORT.index(JobState.PREPARING_SHIPMENT) : _IMPORT.index(JobState.IN_PROGRESS)]

#: The order of states of each job type, first to last; Cancelled stands outside every path.
#: One word, InProgress, is two moments: an import's comes after the device's journey, an export's before it.
PATHS: Mapping[JobType, tuple[JobState, ...]] = {
    JobType.IMPORT: _IMPORT,
    # Nothing is imported, so InProgress is not expected; a job that shows it is where IMPORT has it.
    JobType.LOCAL_USE: _IMPORT,
    JobType.EXPORT: (*_BEFORE_DEVICE, JobState.IN_PROGRESS, *_WITH_DEVICE, JobState.COMPLETE),
}

_ENDED = frozenset({JobState.COMPLETE, JobState.CANCELLED})
_KNOWN_STATES = frozenset(JobState)
_KNOWN_TYPES = frozenset(JobType)
#: What people call states, with the API's name for each.
_OTHER_WORDS = {
    "arrived": "WithCustomer",
    "canceled": "Cancelled",
    "completed": "Complete",
    "delivered": "WithCustomer",
    "done": "Complete",
    "exporting": "InProgress",
    "importing": "InProgress",
    "imported": "Complete",
    "intransit": "InTransitToCustomer",
    "returned": "WithAWS",
    "shipped": "InTransitToCustomer",
}
#: How many jobs a sentence names before it says "and N more"; a cluster has 16 at most.
_NAMED = 20


def parse_state(value: object, name: str = "target_state") -> JobState:
    """
    Return ``value`` as a :class:`JobState`; ``name`` is what the message calls it.

    :raises ArgumentError: if it is none of the 13 states; the message names them.
    """
    if isinstance(value, str) and value in _KNOWN_STATES:
        return JobState(value)
    hint = f"; did you mean {meant}?" if (meant := _state_meant_by(value)) else ""
    raise ArgumentError(f"{name} must be one of {', '.join(JobState)}; got {value!r}{hint} [SNB104]")


def _state_meant_by(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    # Only where somebody has erred.
    from difflib import get_close_matches

    word = "".join(filter(str.isalnum, value)).lower()
    names = _OTHER_WORDS | {str(state).lower(): str(state) for state in JobState}
    return next((names[each] for each in get_close_matches(word, names, n=1, cutoff=0.8)), None)


def parse_cluster_state(value: object, name: str = "cluster_state") -> ClusterState:
    """
    Return ``value`` as a :class:`ClusterState`; ``name`` is what the message calls it.

    :raises ArgumentError: if it is none of the 5 states; the message names them.
    """
    if isinstance(value, str) and value in frozenset(ClusterState):
        return ClusterState(value)
    raise ArgumentError(f"{name} must be one of {', '.join(ClusterState)}; got {value!r} [SNB104]")


def is_at_or_past(state: str | None, target: JobState, job_type: str | None) -> bool:
    """
    Tell whether a job in ``state`` has reached ``target`` on the path of its own type.

    Without a known type it has only if it has on every known path. An unknown state has reached nothing.
    """
    if state not in _KNOWN_STATES:
        return False
    if state == JobState.CANCELLED or target is JobState.CANCELLED:
        return state == target
    paths = [PATHS[JobType(job_type)]] if job_type in _KNOWN_TYPES else PATHS.values()
    return all(path.index(JobState(state)) >= path.index(target) for path in paths)


def has_ended(state: str | None) -> bool:
    """Tell whether no job leaves a state."""
    return state in _ENDED


def portable(job: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a listed job as plain str, bool, None and numbers, in the API's own keys.

    Dates become ISO 8601 with their offset, enums plain str, so that any XCom backend can store
    the job and any trigger event can carry it. Calling it again changes nothing.
    """
    return {_plain(key): _plain(value) for key, value in job.items()}


def is_main(entry: Mapping[str, Any]) -> bool:
    """Tell whether a listed job is the main job of an export: its devices are those of its parts."""
    return bool(entry.get("IsMaster")) or str(entry.get("JobId")).startswith("MID")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        # str() of a (str, Enum) member would be its name, not its value. Half a character, which JSON can
        # have, has no bytes: it would end the triggerer that is to hand it on.
        return str.__str__(value).encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return portable(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@dataclass(frozen=True)
class Job:
    """What a verdict remembers of a job: its id, its state, its description and its type, as listed."""

    id: str
    state: str | None
    description: str | None = field(default=None, compare=False)
    job_type: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.id} {self.state or 'without a state'}"


@dataclass(frozen=True)
class Progress:
    """
    The verdict on one listing. Each job that counts stands in exactly one of the tuples.

    :param reached: at or past the target.
    :param waiting: on their way to it, those in a state that this version does not know included.
    :param unreachable: ended without reaching it, so that they never will.
    :param ignored: cancelled and left out because ``ignore_cancelled`` is set.
    :param missing: asked for by id and not listed yet.
    :param listed: how many jobs count for ``min_jobs``.
    """

    target: JobState
    min_jobs: int
    listed: int
    reached: tuple[Job, ...] = ()
    waiting: tuple[Job, ...] = ()
    unreachable: tuple[Job, ...] = ()
    ignored: tuple[Job, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def nothing_left(self) -> bool:
        """Enough jobs are listed, and all of them were cancelled and ignored."""
        return (
            self.listed >= self.min_jobs
            and bool(self.ignored)
            and not (self.reached or self.waiting or self.unreachable or self.missing)
        )

    @property
    def failed(self) -> bool:
        """The target cannot be reached any more."""
        return bool(self.unreachable) or self.nothing_left

    @property
    def too_few(self) -> bool:
        """Fewer jobs are listed than ``min_jobs`` (and none is beyond reach)."""
        return not self.unreachable and self.listed < self.min_jobs

    @property
    def lacking(self) -> bool:
        """Jobs are waited for that are not listed (and none is beyond reach)."""
        return not self.failed and (self.too_few or bool(self.missing))

    @property
    def done(self) -> bool:
        """Every job that counts has reached the target."""
        return not (self.failed or self.too_few or self.waiting or self.missing)

    @property
    def unknown(self) -> tuple[Job, ...]:
        """The waiting jobs whose state this version does not know."""
        return tuple(job for job in self.waiting if job.state not in _KNOWN_STATES)

    @property
    def total(self) -> int:
        """How many jobs are to reach the target, those not listed yet included."""
        return len(self.reached) + len(self.waiting) + len(self.unreachable) + len(self.missing)

    @property
    def past(self) -> tuple[Job, ...]:
        """The jobs that have left the target behind: their devices are no longer there."""
        return tuple(job for job in self.reached if job.state != self.target)

    @property
    def _score(self) -> str:
        line = f"{len(self.reached)} of {self.total} jobs at or past {self.target}"
        return f"{line}, {len(self.past)} of them past it" if self.past else line

    @property
    def _lacking(self) -> str:
        # Of jobs waited for by their ids, what is missing is said already.
        if not self.too_few or (self.missing and self.min_jobs == 1):
            return ""
        return f"; {self.listed} of at least {self.min_jobs} listed"

    def __str__(self) -> str:
        """Return the counts in a line: ``3 of 5 jobs at or past WithCustomer (2 InTransitToCustomer)``."""
        counts = Counter(job.state or "without a state" for job in (*self.waiting, *self.unreachable))
        rest = [f"{count} {state}" for state, count in counts.items()]
        if self.missing:
            rest.append(f"{len(self.missing)} not listed yet")
        if self.ignored:
            rest.append(f"{len(self.ignored)} Cancelled and ignored")
        line = f"{self._score} ({', '.join(rest)})" if rest else self._score
        return line + self._lacking

    def describe_late(self) -> str:
        """Name each late job: ``3 of 5 jobs at or past WithCustomer (JID… InTransitToCustomer, …)``."""
        late = [str(job) for job in self.waiting] + [f"{job_id} not listed" for job_id in self.missing]
        shown = late[:_NAMED] + ([f"and {len(late) - _NAMED} more"] if len(late) > _NAMED else [])
        line = f"{self._score} ({', '.join(shown)})" if shown else self._score
        return line + self._lacking

    def describe_failure(self, jobs: str = "jobs") -> str:
        """
        Say why the target cannot be reached, naming every job that makes it so.

        :param jobs: what to call them, such as ``jobs of cluster CID…``.
        """
        if self.nothing_left:
            named = ", ".join(job.id for job in self.ignored)
            count = len(self.ignored)
            return (
                f"Nothing left to wait for: all {count} {jobs} are Cancelled and ignored ({named}) [SNB402]"
            )
        named = ", ".join(str(job) for job in self.unreachable)
        return f"{len(self.unreachable)} of {self.total} {jobs} cannot reach {self.target}: {named} [SNB401]"


def evaluate(
    jobs: Iterable[Mapping[str, Any]],
    target: JobState | str,
    *,
    job_ids: Sequence[str] | None = None,
    parts: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    min_jobs: int = 1,
    ignore_cancelled: bool = False,
) -> Progress:
    """
    Judge one listing, alone: whether every job has reached ``target``, and whether each still can.

    Reached means at or past the target on the job's own path: between two listings a device can
    arrive and leave again. The rules apply in this order: which jobs count (all, or ``job_ids``);
    jobs that ended short of the target; fewer jobs than ``min_jobs``; nothing left; all reached.

    An export's main job has no device: where its parts are known, they count in its place.

    :param jobs: entries of ListClusterJobs or ListJobs, all pages; every key may be missing.
    :param target: the state to reach. Cancelled is reached only by Cancelled.
    :param job_ids: judge these only; one that is not listed yet is waited for.
    :param parts: entries of the job parts of main jobs that ``job_ids`` names, by the main job's id.
    :param min_jobs: how many jobs must be listed before all of them can be "every job".
    :param ignore_cancelled: leave cancelled jobs out of "every job"; they still count for ``min_jobs``.
    :raises ArgumentError: if target, ``min_jobs`` or their combination makes no sense.
    """
    goal = parse_state(target)
    if min_jobs < 1:
        raise ArgumentError(
            f"min_jobs must be at least 1: an empty listing is not all there; got {min_jobs} [SNB105]"
        )
    if ignore_cancelled and goal is JobState.CANCELLED:
        raise ArgumentError(
            "ignore_cancelled leaves out the very jobs that target_state Cancelled waits for [SNB107]"
        )

    entries = list(jobs)
    counted, missing = (
        (_all_that_count(entries), ())
        if job_ids is None
        else _those_that_count(entries, job_ids, parts or {})
    )
    reached: list[Job] = []
    waiting: list[Job] = []
    unreachable: list[Job] = []
    ignored: list[Job] = []
    for entry in counted:
        state = entry.get("JobState")
        description = entry.get("Description")
        job = Job(
            _plain(entry.get("JobId")) or "a job without an id",
            _plain(state),
            str(_plain(description)) if description else None,
            _plain(entry.get("JobType")),
        )
        if is_main(entry) and not has_ended(state):
            # Whatever state it has, its devices are still to come.
            waiting.append(job)
        elif is_at_or_past(state, goal, entry.get("JobType")):
            reached.append(job)
        elif state == JobState.CANCELLED and ignore_cancelled:
            ignored.append(job)
        elif has_ended(state):
            unreachable.append(job)
        else:
            waiting.append(job)
    return Progress(
        target=goal,
        min_jobs=min_jobs,
        listed=len(counted),
        reached=tuple(reached),
        waiting=tuple(waiting),
        unreachable=tuple(unreachable),
        ignored=tuple(ignored),
        missing=missing,
    )


def _all_that_count(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave main jobs out: a listing has their parts as well, sooner or later."""
    has_parts = any(e.get("JobType") == JobType.EXPORT and not is_main(e) for e in entries)
    return [
        entry
        for entry in entries
        # One that was cancelled without any part stands for itself: none will come.
        if not is_main(entry) or (entry.get("JobState") == JobState.CANCELLED and not has_parts)
    ]


def _those_that_count(
    entries: Sequence[Mapping[str, Any]],
    job_ids: Sequence[str],
    parts: Mapping[str, Sequence[Mapping[str, Any]]],
) -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
    """Return what counts for the named jobs, each once, and which of them are not listed."""
    wanted = dict.fromkeys(job_ids)
    counted: dict[Any, Mapping[str, Any]] = {}
    listed = set()
    for entry in entries:
        if (job_id := entry.get("JobId")) in wanted:
            listed.add(job_id)
            for each in parts.get(job_id) or [entry]:
                # Those without an id are as many as there are.
                counted[each.get("JobId") or (job_id, len(counted))] = each
    return list(counted.values()), tuple(job_id for job_id in wanted if job_id not in listed)
