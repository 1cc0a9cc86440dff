"""
What a wait must come to: the design's rules written anew, as plainly as they can be.

Imports nothing of the package, nor of the other tests: what both had wrong would pass. Times are seconds
since the wait began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

__all__ = ["Asked", "GoesOn", "Judged", "ReferenceWait", "Verdict", "World", "judge", "lasts", "reached"]

HOUR = 3600.0

NEW, LISTING, PENDING = "New", "Listing", "Pending"
PREPARING_APPLIANCE, PREPARING_SHIPMENT = "PreparingAppliance", "PreparingShipment"
TO_CUSTOMER, WITH_CUSTOMER, TO_AWS = "InTransitToCustomer", "WithCustomer", "InTransitToAWS"
SORTING, WITH_AWS = "WithAWSSortingFacility", "WithAWS"
IN_PROGRESS, COMPLETE, CANCELLED = "InProgress", "Complete", "Cancelled"

#: The path of each type of job, as the developer guide has it.
WAYS: Mapping[str, Sequence[str]] = {
    "IMPORT": [
        NEW, LISTING, PENDING, PREPARING_APPLIANCE, PREPARING_SHIPMENT, TO_CUSTOMER, WITH_CUSTOMER,
        TO_AWS, SORTING, WITH_AWS, IN_PROGRESS, COMPLETE,
    ],
    "LOCAL_USE": [
        NEW, LISTING, PENDING, PREPARING_APPLIANCE, PREPARING_SHIPMENT, TO_CUSTOMER, WITH_CUSTOMER,
        TO_AWS, SORTING, WITH_AWS, IN_PROGRESS, COMPLETE,
    ],
    "EXPORT": [
        NEW, LISTING, PENDING, PREPARING_APPLIANCE, IN_PROGRESS, PREPARING_SHIPMENT, TO_CUSTOMER,
        WITH_CUSTOMER, TO_AWS, SORTING, WITH_AWS, COMPLETE,
    ],
}  # fmt: skip

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Trouble:
    """
    A call that failed.

    :param kind: not found, bad input, denied or transient.
    """

    kind: str
    words: str


class World(Protocol):
    """What AWS answers at the time of one poll."""

    def listing(self) -> list[dict[str, Any]] | Trouble:
        """Answer the listing, all pages of it."""

    def cluster(self) -> str | Trouble:
        """Answer the state of the cluster itself."""

    def job(self, job_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]] | Trouble:
        """Answer a job by its id, with the parts of an export."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a wait; ``of_cluster`` tells ClusterJobsSensor from JobsSensor."""

    of_cluster: bool
    target: str
    job_ids: Sequence[str] | None
    min_jobs: int
    ignore_cancelled: bool
    timeout: float
    poke_interval: float
    backoff: bool
    max_wait: float | None
    silent_fail: bool
    outage_timeout: float


@dataclass(frozen=True)
class Verdict:
    """
    How a wait ended.

    :param kind: done, unreachable, cluster_ended, permanent, transient, outage or timeout.
    :param jobs: the result of one that is done.
    :param says: what the message must hold.
    :param exactly: the whole message, where the design has its text.
    """

    kind: str
    jobs: list[dict[str, Any]] | None = None
    says: tuple[str, ...] = ()
    exactly: str | None = None


@dataclass(frozen=True)
class GoesOn:
    """A wait that polls again, after a delay between these."""

    shortest: float
    longest: float


def reached(state: object, target: str, job_type: object) -> bool:
    """Tell whether a job is at or past the target on its own path; of an unknown type, on every path."""
    if target == CANCELLED or state == CANCELLED:
        return state == target
    ways = [WAYS[job_type]] if isinstance(job_type, str) and job_type in WAYS else list(WAYS.values())
    for way in ways:
        if state not in way or list(way).index(str(state)) < list(way).index(target):
            return False
    return True


@dataclass
class Judged:
    """One listing: the jobs that count, sorted."""

    at_target: list[Entry]
    under_way: list[Entry]
    never: list[Entry]
    left_out: list[Entry]
    missing: list[str]
    min_jobs: int

    @property
    def listed(self) -> int:
        return len(self.at_target) + len(self.under_way) + len(self.never) + len(self.left_out)

    @property
    def word(self) -> str:
        """The verdict on the listing alone, by the rules in their order."""
        if self.never:
            return "unreachable"
        if self.listed < self.min_jobs:
            return "too few"
        if not (self.at_target or self.under_way or self.missing):
            return "nothing left"
        if self.under_way or self.missing:
            return "waiting"
        return "done"


def judge(asked: Asked, entries: Sequence[Entry], parts: Mapping[str, Sequence[Entry]]) -> Judged:
    """
    Judge one listing.

    :param parts: those of the main jobs that are waited for by their ids.
    """
    counting: list[Entry] = []
    missing: list[str] = []
    if asked.job_ids is None:
        any_part = any(each.get("JobType") == "EXPORT" and not each.get("IsMaster") for each in entries)
        for entry in entries:
            if not entry.get("IsMaster") or (entry.get("JobState") == CANCELLED and not any_part):
                counting.append(entry)
    else:
        ids = {each.get("JobId") for each in entries}
        missing = [job_id for job_id in dict.fromkeys(asked.job_ids) if job_id not in ids]
        in_place: dict[str, Entry] = {}
        for entry in entries:
            job_id = str(entry.get("JobId"))
            if job_id in asked.job_ids:
                for each in parts.get(job_id) or [entry]:
                    in_place[each["JobId"]] = each
        counting = list(in_place.values())
    judged = Judged([], [], [], [], missing, asked.min_jobs)
    for entry in counting:
        state = entry.get("JobState")
        ended = state in (COMPLETE, CANCELLED)
        if entry.get("IsMaster") and not ended:
            judged.under_way.append(entry)
        elif reached(state, asked.target, entry.get("JobType")):
            judged.at_target.append(entry)
        elif state == CANCELLED and asked.ignore_cancelled:
            judged.left_out.append(entry)
        elif ended:
            judged.never.append(entry)
        else:
            judged.under_way.append(entry)
    return judged


class ReferenceWait:
    """
    A wait in one process that forgets nothing.

    :param patience: seconds for which one that began in the triggerer bears errors before its first success.
    :param retried: whether an earlier try has failed.
    """

    def __init__(self, asked: Asked, patience: float = 0.0, *, retried: bool = False) -> None:
        self.asked = asked
        self.patience = patience
        self.retried = retried
        self.ever_listed = False
        #: Seconds of the present outage in which somebody asked; None if there is none.
        self.outage: float | None = None
        self.last_poll = 0.0
        self.looked_at: float | None = None
        self.looking_is_denied = False
        self.found: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}

    def poll(self, now: float, world: World, late: float = 0.0) -> Verdict | GoesOn:
        """
        Poll at a time.

        :param late: how much later that is than was planned, since nobody was there to ask.
        """
        # To the microsecond, as far as times are told at all: a sum of floats may miss a limit by less.
        passed, self.last_poll = round(now - self.last_poll - late, 6), now
        entries = world.listing()
        if isinstance(entries, Trouble):
            return self._trouble(entries, now, passed)
        parts: dict[str, Sequence[Entry]] = {}
        if not self.asked.of_cluster:
            for entry in entries:
                if entry.get("IsMaster") and entry.get("JobId") in (self.asked.job_ids or ()):
                    answer = world.job(entry["JobId"])
                    if not isinstance(answer, Trouble):
                        parts[entry["JobId"]] = answer[1]
                    elif answer.kind != "denied":
                        return self._trouble(answer, now, passed)
        self.ever_listed, self.outage = True, None
        judged = judge(self.asked, entries, parts)
        self.found = {job_id: each for job_id, each in self.found.items() if job_id in judged.missing}
        lacking = judged.word == "too few" or (judged.missing and not judged.never)
        if lacking and (end := self._look_closer(world, now, judged)):
            return end
        if self.found:
            entries = entries + [job for job, _ in self.found.values()]
            parts |= {job_id: their_parts for job_id, (_, their_parts) in self.found.items()}
            judged = judge(self.asked, entries, parts)
        if judged.word == "done":
            return Verdict("done", jobs=self._result(entries, parts))
        if judged.word == "unreachable":
            return Verdict("unreachable", says=tuple(_named(each) for each in judged.never))
        if judged.word == "nothing left":
            ids = tuple(str(each["JobId"]) for each in judged.left_out if "JobId" in each)
            return Verdict("unreachable", says=("Nothing left to wait for", *ids))
        if now >= self.asked.timeout:
            return self._timeout(judged)
        return self._goes_on(now)

    def _look_closer(self, world: World, now: float, judged: Judged) -> Verdict | None:
        """Ask, at most hourly, why there is not all in the listing."""
        if self.looking_is_denied or (self.looked_at is not None and now - self.looked_at < HOUR):
            return None
        self.looked_at = now
        if self.asked.of_cluster:
            state = world.cluster()
            if isinstance(state, Trouble):
                self.looking_is_denied = state.kind == "denied"
            elif state in (COMPLETE, CANCELLED):
                return Verdict("cluster_ended", says=(f"is {state} and will list no more jobs",))
            return None
        for job_id in judged.missing:
            answer = world.job(job_id)
            if not isinstance(answer, Trouble):
                self.found[job_id] = answer
            elif answer.kind == "not found":
                return Verdict("permanent", says=(job_id, "does not exist"))
            else:
                self.looking_is_denied = answer.kind == "denied"
                return None
        return None

    def _result(self, entries: Sequence[Entry], parts: Mapping[str, Sequence[Entry]]) -> list[dict[str, Any]]:
        """Return what was seen, the jobs asked for only, with the parts of main jobs."""
        ids = self.asked.job_ids
        if ids is None:
            return [_plain(each) for each in entries]
        seen = [each for each in entries if each.get("JobId") in ids]
        seen_ids = {each["JobId"] for each in seen}
        for each in [part for job_id in parts for part in parts[job_id]]:
            if each["JobId"] not in seen_ids:
                seen_ids.add(each["JobId"])
                seen.append(each)
        return [_plain(each) for each in seen]

    def _trouble(self, trouble: Trouble, now: float, passed: float) -> Verdict | GoesOn:
        first = self.outage is None
        self.outage = 0.0 if self.outage is None else round(self.outage + passed, 6)
        if trouble.kind in ("not found", "bad input"):
            return Verdict("permanent", says=(trouble.words,))
        if not self.ever_listed and self.outage >= self.patience:
            if trouble.kind == "denied" and not self.retried:
                return Verdict("permanent", says=(trouble.words,))
            if not self.asked.silent_fail:
                return Verdict("outage" if self.patience else "transient", says=(trouble.words,))
        lasts_long = self.ever_listed and not first and self.outage >= self.asked.outage_timeout
        if lasts_long and not self.asked.silent_fail:
            return Verdict("outage", says=("outage_timeout", lasts(self.asked.outage_timeout), trouble.words))
        if now >= self.asked.timeout:
            return Verdict(
                "timeout", says=(f"Timed out after {lasts(self.asked.timeout)} [SNB407]: ", trouble.words)
            )
        return self._goes_on(now)

    def _timeout(self, judged: Judged) -> Verdict:
        late = [_named(each) for each in judged.under_way]
        total = len(judged.at_target) + len(judged.under_way) + len(judged.missing)
        score = (
            f"Timed out after {lasts(self.asked.timeout)} [SNB407]: {len(judged.at_target)} of "
            f"{total} jobs at or past {self.asked.target}"
        )
        past = [each for each in judged.at_target if each.get("JobState") != self.asked.target]
        told_plainly = (
            all("JobId" in each and each.get("JobState") for each in judged.under_way)
            and not past
            and not judged.missing
            and not judged.left_out
            and judged.word == "waiting"
        )
        says = (score, *late, *judged.missing)
        return Verdict("timeout", says=says, exactly=f"{score} ({', '.join(late)})" if told_plainly else None)

    def _goes_on(self, now: float) -> GoesOn:
        asked = self.asked
        left = asked.timeout - now
        if not asked.backoff:
            delay = max(1.0, min(asked.poke_interval, left))
            return GoesOn(delay, delay)
        cap = float("inf") if asked.max_wait is None else asked.max_wait
        return GoesOn(max(1.0, min(asked.poke_interval / 2, cap, left)), max(1.0, min(cap, left)))


def _named(entry: Entry) -> str:
    """Return how a message names a job, as far as the design says it."""
    return " ".join(str(entry[key]) for key in ("JobId", "JobState") if entry.get(key))


def _plain(entry: Entry) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in entry.items()}


def lasts(seconds: float) -> str:
    """Return a duration in its two largest units."""
    if seconds < 1:
        return f"{seconds:.2g} seconds"
    left, words = round(seconds), []
    for size, unit in [(86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]:
        if left >= size:
            words.append(f"{left // size} {unit}" + ("s" if left // size > 1 else ""))
        left %= size
    return " ".join(words[:2])
