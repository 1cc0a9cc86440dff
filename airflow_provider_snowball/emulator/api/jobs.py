"""
A job and its journey: a node, an import, an export's main job and the parts that it is split into.

What happened and what is to come is one timeline of seconds; every state is read off it,
so that it never matters who looks or when.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .credentials import new_unlock_code
from .places import Places
from .plan import FOREVER, HOUR, USUAL_HOURS, Plan, Step
from .shipping import ReturnLabel, device_id, shipments
from .states import PATHS, JobState, JobType, is_at_or_past
from .transfer import Contents

__all__ = [
    "FAILURE_LOG",
    "MANIFEST",
    "PLACES",
    "REPORT",
    "RETURN_LABEL",
    "SOFTWARE_UPDATE",
    "SUCCESS_LOG",
    "Job",
    "Link",
    "MainJob",
    "Walk",
    "given",
    "lifetime_of",
]

#: Returns the URI of a file of a job, by the job's id and the file's name.
Link = Callable[[str, str], str]
#: The files of a job.
REPORT = "completion_report.pdf"
SUCCESS_LOG = "success_log.csv"
FAILURE_LOG = "failure_log.csv"
MANIFEST = "manifest.bin"
RETURN_LABEL = "return_label.pdf"
SOFTWARE_UPDATE = "updates.tar"
#: Seconds that a link to one of them is good.
_LIFETIME = 60 * 60
_LIFETIME_OF_UPDATES = 2 * 24 * 60 * 60

#: Of all jobs.
PLACES = Places()


def given(**members: Any) -> dict[str, Any]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def lifetime_of(name: str) -> int:
    """Return how many seconds of the wall clock a link to a file is good."""
    return _LIFETIME_OF_UPDATES if name == SOFTWARE_UPDATE else _LIFETIME


@dataclass(frozen=True)
class Walk:
    """
    What happened to a job, and the plan that it follows since ``started_at`` (None: not yet).

    :param usual: the plan is still the service's own, so that what other jobs do matters to it.
    """

    past: tuple[tuple[float, str], ...]
    plan: Plan
    started_at: float | None
    usual: bool


@dataclass(eq=False)
class Job:
    """
    A job with a device. ``details`` are the rest of its members, as JobMetadata has them.

    :param created: what the wall clock said when it was ordered.
    :param listed_at: the second from which on listings have it.
    :param usual: the plan that was made for it.
    :param cluster_id: the cluster whose node it is.
    :param main: the export whose part it is.
    :param after: the part of the same export that must be on its way back before this one ships.
    """

    job_id: str
    job_type: JobType
    snowball_type: str
    created: datetime
    created_at: float
    listed_at: float
    usual: Plan
    contents: Contents
    description: str | None = None
    cluster_id: str | None = None
    main: MainJob | None = None
    after: Job | None = None
    details: dict[str, Any] = field(default_factory=dict)
    return_label: ReturnLabel | None = None
    order: int = field(default_factory=PLACES.take)
    #: What unlocks its device.
    unlock_code: str = field(default_factory=new_unlock_code, repr=False)
    #: Replaced as a whole: a reader never sees a new plan with an old start.
    walk: Walk = field(init=False)

    has_device = True

    def __post_init__(self) -> None:
        self.walk = Walk(((self.created_at, JobState.NEW.value),), self.usual, None, usual=True)

    def begin(self, at: float) -> None:
        """Walk the usual plan from ``at`` on, as if ordered then."""
        self.created_at = at
        self.walk = Walk(((at, JobState.NEW.value),), self.usual, at, usual=True)

    def follow(self, plan: Plan, now: float, *, usual: bool = False) -> None:
        """Walk ``plan`` from now on; what happened so far has happened."""
        self.walk = Walk(tuple(self.journey(now)), plan, now, usual)

    def change(self, plan: Plan, now: float) -> None:
        """Walk ``plan`` from now on, or once the job starts, still minding the jobs that it depends on."""
        if self.started:
            self.follow(plan, now, usual=self.walk.usual)
        else:
            self.walk = Walk(self.walk.past, plan, None, self.walk.usual)

    @property
    def plan(self) -> Plan:
        """The plan that the job follows, or will once it has started."""
        walk = self.walk
        if self.after is None or not walk.usual or walk.started_at in (None, FOREVER):
            return walk.plan
        left = self.after.reaches(JobState.IN_TRANSIT_TO_AWS)
        return walk.plan.waiting_in(JobState.PREPARING_SHIPMENT, left - walk.started_at)

    @property
    def family(self) -> list[Job]:
        """The jobs whose timelines hang together: an export with all its parts, any other by itself."""
        return self.main.family if self.main else [self]

    @property
    def started(self) -> bool:
        """Whether the job follows its plan; until then it is New."""
        return self.walk.started_at is not None

    @property
    def still_usual(self) -> bool:
        """Whether the plan is still the service's own, delays and the like included."""
        return self.walk.usual

    def rest(self, now: float) -> list[Step]:
        """Return the steps that are left of the plan, the current one first; waits for others left out."""
        walk = self.walk
        if walk.started_at is None:
            return walk.plan.steps()
        elapsed = now - walk.started_at
        current = self.plan.state_at(elapsed)
        # Up to there the two plans agree, and how long it waits is asked again under the next one.
        waits = not is_at_or_past(current, JobState.IN_TRANSIT_TO_CUSTOMER, self.job_type)
        return (walk.plan if waits else self.plan).rest(elapsed, current)

    def state(self, now: float) -> str:
        """Return the state at the second ``now``."""
        walk = self.walk
        return walk.past[-1][1] if walk.started_at is None else self.plan.state_at(now - walk.started_at)

    def timeline(self) -> list[tuple[float, str]]:
        """Return every state with the second in which it was, or will be, entered."""
        walk = self.walk
        timeline = list(walk.past)
        if walk.started_at is not None:
            for at, state in self.plan.timeline():
                if state != timeline[-1][1]:
                    timeline.append((walk.started_at + at, state))
        return timeline

    def journey(self, now: float) -> list[tuple[float, str]]:
        """Return every state entered up to ``now``, with the second in which it was."""
        return [(at, state) for at, state in self.timeline() if at <= now]

    def reaches(self, target: JobState) -> float:
        """Return the second from which it is at or past ``target``, or cancelled; else FOREVER."""
        for at, state in self.timeline():
            if state == JobState.CANCELLED or is_at_or_past(state, target, self.job_type):
                return at
        return FOREVER

    def has_reached(self, state: JobState, now: float) -> bool:
        """Tell whether the job is at or past ``state``."""
        return is_at_or_past(self.state(now), state, self.job_type)

    def list_entry(self, now: float) -> dict[str, Any]:
        """Return the job as a JobListEntry."""
        # Written out, as a page has a hundred of them.
        entry: dict[str, Any] = {
            "JobId": self.job_id,
            "JobState": self.state(now),
            "IsMaster": not self.has_device,
            "JobType": self.job_type,
            "SnowballType": self.snowball_type,
            "CreationDate": self.created,
        }
        if self.description is not None:
            entry["Description"] = self.description
        return entry

    def metadata(self, now: float, link: Link) -> dict[str, Any]:
        """Return the job as a JobMetadata."""
        details = dict(self.details)
        option = details.pop("ShippingOption", None)
        prepared = self.has_device and self.has_reached(JobState.PREPARING_APPLIANCE, now)
        return details | given(
            JobId=self.job_id,
            JobState=self.state(now),
            JobType=self.job_type.value,
            SnowballType=self.snowball_type,
            CreationDate=self.created,
            Description=self.description,
            ShippingDetails=self._shipping(option, now) or None,
            DataTransferProgress=self._progress(now),
            JobLogInfo=self._logs(now, link),
            ClusterId=self.cluster_id,
            SnowballId=device_id(self.job_id) if prepared else None,
        )

    def _shipping(self, option: str | None, now: float) -> dict[str, Any]:
        shipped = shipments(self.job_id, self.job_type, self.state(now)) if self.has_device else {}
        return given(ShippingOption=option) | shipped

    def _progress(self, now: float) -> dict[str, int] | None:
        if self.state(now) != JobState.IN_PROGRESS or not self.has_device:
            return None
        timeline = {state: at for at, state in self.timeline()}
        began = timeline[JobState.IN_PROGRESS.value]
        ends = min((at for at in timeline.values() if at > began), default=FOREVER)
        took = USUAL_HOURS[JobState.IN_PROGRESS] * HOUR if ends == FOREVER else ends - began
        return self.contents.progress(min((now - began) / took, 1.0))

    def _logs(self, now: float, link: Link) -> dict[str, str] | None:
        """
        Return the links to report and logs once there is something to report.

        An import's come with its end; an export's while the device is on its way to the customer.
        """
        ready = {
            JobType.IMPORT: JobState.COMPLETE,
            JobType.EXPORT: JobState.IN_TRANSIT_TO_CUSTOMER,
        }.get(self.job_type)
        if ready is None or not self.has_device or not self.has_reached(ready, now):
            return None
        return {
            "JobCompletionReportURI": link(self.job_id, REPORT),
            "JobSuccessLogURI": link(self.job_id, SUCCESS_LOG),
            "JobFailureLogURI": link(self.job_id, FAILURE_LOG),
        }


@dataclass(eq=False)
class MainJob(Job):
    """
    An export as a whole: it has no device, and its job parts, which are listed later, do the work.

    Once it is Pending its state is that of the part that is least far. AWS documents no rule for it.
    """

    parts: list[Job] = field(default_factory=list)

    has_device = False

    @property
    def family(self) -> list[Job]:
        """The main job and its parts."""
        return [self, *self.parts]

    def split(self, parts: list[Job], now: float) -> None:
        """Replace the parts, none of which may be listed yet."""
        self.parts = parts
        self._date_parts(now)

    def follow(self, plan: Plan, now: float, *, usual: bool = False) -> None:
        """Walk ``plan`` from now on; the parts that are not listed yet are once it is Pending."""
        super().follow(plan, now, usual=usual)
        self._date_parts(now)

    def change(self, plan: Plan, now: float) -> None:
        """
        Walk ``plan`` from now on, until its parts are listed.

        :raises ValueError: if they are: then it goes as they go.
        """
        if self.still_usual and any(part.listed_at <= now for part in self.parts):
            raise ValueError(f"{self.job_id} goes as its parts go; change what becomes of those")
        super().change(plan, now)

    def _date_parts(self, now: float) -> None:
        own = super().timeline()
        at = next((at for at, state in own if is_at_or_past(state, JobState.PENDING, self.job_type)), FOREVER)
        for part in self.parts:
            if part.listed_at > now:
                part.begin(at)
                part.listed_at = at

    def state(self, now: float) -> str:
        """Return the state at the second ``now``."""
        return self.journey(now)[-1][1] if self.started else super().state(now)

    def timeline(self) -> list[tuple[float, str]]:
        """Return every state with the second in which it was, or will be, entered."""
        timeline = super().timeline()
        if not (self.still_usual and self.parts and timeline[-1][1] == JobState.PENDING):
            return timeline
        journeys = [part.timeline() for part in self.parts]
        for at in sorted({at for journey in journeys for at, _ in journey if at < FOREVER}):
            state = _least([_at(journey, at) for journey in journeys])
            if at > timeline[-1][0] and state != timeline[-1][1]:
                timeline.append((at, state))
        return timeline


def _at(timeline: list[tuple[float, str]], when: float) -> str:
    return next((state for at, state in reversed(timeline) if at <= when), JobState.NEW.value)


def _least(states: list[str]) -> str:
    path: list[str] = [state.value for state in PATHS[JobType.EXPORT]]
    floor = path.index(JobState.PENDING.value)
    alive = [state for state in states if state != JobState.CANCELLED]
    if not alive:
        return JobState.CANCELLED.value
    # A state that AWS does not know counts as no progress.
    places = [path.index(state) if state in path else floor for state in alive]
    return path[max(min(places), floor)]
