"""The scenario table: listings, and how a wait that meets them ends, in whatever mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.scripted_snowball import CLUSTER, Error, Listing, ScriptedSnowball, job, job_id
from tests.integration.airflow_runner import Outcome

__all__ = ["CASES", "CLUSTER_JOBS", "DOWN", "JOBS", "NEW", "Kind", "Row"]

NEW = [job(1, "New")]
HERE = [job(1, "WithCustomer")]
THROTTLED = Error("ThrottlingException", "Rate exceeded")
DOWN = Error("ServiceUnavailable", "try later", status=503)
DENIED = Error("AccessDeniedException", "not authorized to perform: snowball:ListClusterJobs")
EXPIRED = Error("ExpiredTokenException", "The security token included in the request is expired")
GONE = Error("InvalidResourceException", "no such cluster")
MANY = [job(number, "WithCustomer") for number in range(1, 250)]
CANNOT = "Cannot list {listing}: "
WHERE = " (region us-east-1, Airflow connection '{conn_id}')"
#: The jobs and parts of an export, by their numbers.
MAIN, PART, OTHER_PART = (job(number, "New", JobType="EXPORT", IsMaster=number == 1) for number in (1, 2, 3))


@dataclass(frozen=True)
class Kind:
    """
    A sensor, as it differs from the other one.

    :param words: how its messages call what it waits for.
    """

    name: str
    words: dict[str, str]


CLUSTER_JOBS = Kind(
    "ClusterJobsSensor",
    {
        "jobs": f"jobs of cluster {CLUSTER}",
        "listing": f"the jobs of cluster {CLUSTER}",
        "subject": f"cluster {CLUSTER}",
        "operation": "ListClusterJobs",
    },
)
JOBS = Kind(
    "JobsSensor",
    {
        "jobs": "jobs",
        "listing": f"job {job_id(1)}",
        "subject": f"job {job_id(1)}",
        "operation": "ListJobs",
    },
)


@dataclass(frozen=True)
class Row:
    """
    A scenario and its end.

    :param reached: numbers of the jobs in the XCom.
    :param error: class name and text of the exception, with the words of a Kind in braces; the text of
        botocore's own is not repeated here.
    :param polls: how many listings it takes.
    :param only: the one kind of sensor that it is about.
    :param described: what DescribeJob answers for jobs by their numbers; all others are New.
    :param in_triggerer: the fields that differ for a wait that begins in a triggerer. It cannot know whether
        a listing ever came, and bears errors for an hour.
    """

    name: str
    listings: list[Listing]
    state: str = "failed"
    arguments: dict[str, Any] = field(default_factory=dict)
    cluster: str | Error = "Pending"
    reached: list[int] | None = None
    error: tuple[str, str] | None = None
    try_number: int = 1
    polls: int | None = None
    only: Kind | None = None
    described: dict[int, list[dict[str, Any]]] | Error | None = None
    in_triggerer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def named(self) -> list[str]:
        """The ids that a JobsSensor is given: of the jobs that are listed last, of the first if none is."""
        for listing in reversed(self.listings):
            if not isinstance(listing, Error | tuple):
                return [each["JobId"] for each in listing] or [job_id(1)]
        return [job_id(1)]

    def arguments_of(self, kind: Kind) -> dict[str, Any]:
        """The arguments of the sensor; polls follow each other as closely as they can."""
        what: dict[str, Any] = {"cluster_id": CLUSTER} if kind is CLUSTER_JOBS else {"job_ids": self.named}
        return what | {"target_state": "WithCustomer", "poke_interval": 0.02} | self.arguments

    def snowball(self) -> ScriptedSnowball:
        """Return a server, to be entered, that answers as the scenario says."""
        jobs: dict[str, Sequence[dict[str, Any]]] | Error
        if isinstance(self.described, Error):
            jobs = self.described
        elif self.described is None:
            jobs = {job_id(number): [job(number, "New")] for number in range(1, 251)}
        else:
            jobs = {job_id(number): each for number, each in self.described.items()}
        return ScriptedSnowball(self.listings, cluster=self.cluster, jobs=jobs)

    def check(self, kind: Kind, outcome: Outcome, polls: int, conn_id: str = "snowball_test") -> None:
        """Compare how a wait ended, and how many listings that took, with how it has to."""
        assert outcome.state == self.state
        assert outcome.try_number == self.try_number
        if self.reached is None:
            assert outcome.xcom is None
        else:
            assert [entry["JobId"] for entry in outcome.xcom] == [job_id(number) for number in self.reached]
            assert outcome.xcom[0]["CreationDate"] == "2016-11-30T03:12:04+00:00"
        if self.error is None:
            assert outcome.errors == []
        else:
            name, text = self.error
            assert {each for each, _ in outcome.errors} == {name}
            assert text.format(**kind.words, conn_id=conn_id) in ("", outcome.errors[-1][1])
        if self.polls is not None:
            assert polls == self.polls


#: Where it begins in a triggerer, it goes on.
BORNE = {"state": "deferred", "error": None, "polls": None}


def success(name: str, listings: list[Listing], reached: list[int], **more: Any) -> Row:
    """Return a row that ends well."""
    return Row(name, listings, "success", reached=reached, **more)


ROWS = [
    success("waits, then done", [NEW, HERE], [1], polls=2),
    success("laggard on the last page of 250", [[*MANY, job(250, "New")], [*MANY, job(250, "WithCustomer")]],
            list(range(1, 251)), polls=2),
    success("passed the target between two polls", [NEW, [job(1, "InTransitToAWS")]], [1], polls=2),
    success("empty, then filled", [[], HERE], [1], polls=2),
    success("fewer than min_jobs, then enough", [HERE, [*HERE, job(2, "WithCustomer")]], [1, 2],
            arguments={"min_jobs": 2}, polls=2, only=CLUSTER_JOBS),
    success("a replacement node not listed yet", [HERE, [*HERE, job(2, "WithCustomer")]], [1, 2],
            arguments={"job_ids": [job_id(1), job_id(2)]}, polls=2),
    success("one device alone", [[*HERE, job(2, "New")]], [1], arguments={"job_ids": [job_id(1)]}, polls=1),
    success("unknown state", [[job(1, "OnTheMoon")], HERE], [1], polls=2),
    success("cancelled and ignored", [[*HERE, job(2, "Cancelled")]], [1, 2],
            arguments={"ignore_cancelled": True}, polls=1),
    success("throttled at a later poll", [NEW, THROTTLED, HERE], [1], polls=3),
    success("server error at a later poll", [NEW, DOWN, HERE], [1], polls=3),
    success("denied at a later poll", [NEW, DENIED, HERE], [1], polls=3),
    success("token expired in the middle of a listing", [NEW, (MANY, Error(EXPIRED.code, on_page=2)), HERE], [1],
            polls=3),
    success("throttled first, with silent_fail", [THROTTLED, HERE], [1], arguments={"silent_fail": True}, polls=2),
    success("describing the cluster is denied", [[], HERE], [1], cluster=DENIED, polls=2,
            only=CLUSTER_JOBS),
    Row("cancelled on page 2", [NEW, [*MANY, job(250, "Cancelled")]], polls=2, error=(
        "SnowballTargetUnreachableError",
        "1 of 250 {jobs} cannot reach WithCustomer: " f"{job_id(250)} Cancelled [SNB401]")),
    Row("all cancelled and ignored", [[job(1, "Cancelled")]], arguments={"ignore_cancelled": True}, error=(
        "SnowballTargetUnreachableError",
        "Nothing left to wait for: all 1 {jobs} are Cancelled and ignored " f"({job_id(1)}) [SNB402]")),
    Row("cluster cancelled while empty", [[]], cluster="Cancelled", only=CLUSTER_JOBS, error=(
        "SnowballTargetUnreachableError",
        f"Cluster {CLUSTER} is Cancelled and will list no more jobs: "
        "0 of 0 jobs at or past WithCustomer; 0 of at least 1 listed [SNB403]")),
    Row("no such cluster", [GONE], polls=1, only=CLUSTER_JOBS, error=(
        "SnowballPermanentError",
        f"{CANNOT}InvalidResourceException when calling {{operation}}: no such cluster{WHERE} [SNB303]")),
    Row("cluster gone at a later poll", [NEW, GONE], polls=2, only=CLUSTER_JOBS, error=(
        "SnowballPermanentError",
        f"{CANNOT}InvalidResourceException when calling {{operation}}: no such cluster{WHERE} [SNB303]")),
    Row("denied at the first poll", [DENIED], polls=1, in_triggerer=BORNE, error=(
        "SnowballPermanentError", f"{CANNOT}AccessDeniedException when calling {{operation}}: {DENIED.message}; "
        f"allow the IAM action snowball:{{operation}}{WHERE} [SNB304]")),
    Row("token expired at the first poll", [EXPIRED], polls=1, in_triggerer=BORNE, error=(
        "SnowballPermanentError", f"{CANNOT}ExpiredTokenException when calling {{operation}}: {EXPIRED.message}; "
        f"renew the session token{WHERE} [SNB212]")),
    Row("throttled at the first poll of both tries", [THROTTLED], try_number=2, polls=2, error=("ClientError", ""),
        in_triggerer=BORNE | {"try_number": 1}),
    success("throttled at the first poll of one try", [THROTTLED, HERE], [1], try_number=2, polls=2,
            error=("ClientError", ""), in_triggerer={"try_number": 1, "error": None}),
    # Had it always been wrong, the first try would have ended for it.
    Row("throttled at the first poll of one try and denied at that of the next", [THROTTLED, DENIED], try_number=2,
        polls=2, error=("ClientError", ""), in_triggerer=BORNE | {"try_number": 1}),
    Row("timeout", [NEW], arguments={"timeout": 1}, error=(
        "AirflowSensorTimeout",
        f"Timed out after 1 second [SNB407]: 0 of 1 jobs at or past WithCustomer ({job_id(1)} New)")),
    Row("timeout with the last poll failing", [NEW, THROTTLED], arguments={"timeout": 2}, error=(
        "AirflowSensorTimeout",
        "Timed out after 2 seconds [SNB407]: the last poll of {subject} failed: "
        "ThrottlingException when calling {operation}: Rate exceeded")),
    Row("soft_fail and timeout", [NEW], "skipped", arguments={"timeout": 1, "soft_fail": True}),
    Row("never_fail and timeout", [NEW], arguments={"timeout": 1, "never_fail": True}, error=(
        "AirflowSensorTimeout",
        f"Timed out after 1 second [SNB407]: 0 of 1 jobs at or past WithCustomer ({job_id(1)} New)")),
    Row("soft_fail and unreachable", [NEW, [job(1, "Cancelled")]], "skipped", arguments={"soft_fail": True}),
    Row("never_fail and unreachable", [NEW, [job(1, "Cancelled")]], "skipped", arguments={"never_fail": True}),
    Row("soft_fail and throttled first", [THROTTLED], arguments={"soft_fail": True}, try_number=2,
        error=("ClientError", ""), in_triggerer=BORNE | {"try_number": 1}),
    Row("never_fail and throttled first", [THROTTLED], "skipped", arguments={"never_fail": True}, in_triggerer=BORNE),
    Row("silent_fail and unreachable", [NEW, [job(1, "Cancelled")]], arguments={"silent_fail": True}, error=(
        "SnowballTargetUnreachableError",
        "1 of 1 {jobs} cannot reach WithCustomer: " f"{job_id(1)} Cancelled [SNB401]")),
    success("execution_timeout set", [NEW, HERE], [1], arguments={"execution_timeout": 600}, polls=2),
    Row("rendered cluster id is wrong", [NEW], arguments={"cluster_id": "{{ 'CID1' }}"}, polls=0,
        only=CLUSTER_JOBS, error=(
        "SnowballPermanentError",
        "cluster_id must be CID followed by a UUID, such as CID123e4567-e89b-12d3-a456-426655440000; got 'CID1' [SNB101]")),
    Row("rendered job id is wrong", [NEW], arguments={"job_ids": ["{{ 'JID1' }}"]}, polls=0, error=(
        "SnowballPermanentError",
        "each of job_ids must be JID (or MID) followed by a UUID, "
        "such as JID123e4567-e89b-12d3-a456-426655440000; got 'JID1' [SNB102]")),
    Row("a job that does not exist", [NEW], arguments={"job_ids": [job_id(1), job_id(9)]}, described={}, polls=1,
        only=JOBS, error=(
        "SnowballPermanentError",
        f"Job {job_id(9)} does not exist: InvalidResourceException when calling DescribeJob: "
        f"no such job: {job_id(9)}{WHERE} [SNB303]")),
    success("a job that exists without being listed", [[]], [1], described={1: HERE}, polls=1, only=JOBS),
    success("describing a job is denied", [[], HERE], [1], described=DENIED, polls=2, only=JOBS),
    success("the parts of an export are followed", [[MAIN], [MAIN], [MAIN | {"JobState": "InTransitToCustomer"}]],
            [1, 2], arguments={"job_ids": [job_id(1)]}, described={1: [MAIN, PART | {"JobState": "WithCustomer"}]},
            polls=1, only=JOBS),
    success("a main job is no device", [[MAIN | {"JobState": "InProgress"}], [MAIN | {"JobState": "Complete"}]], [1],
            arguments={"job_ids": [job_id(1)]}, described={1: [MAIN]}, polls=2, only=JOBS),
    Row("a part was cancelled", [[MAIN]], described={
        1: [MAIN, PART | {"JobState": "WithCustomer"}, OTHER_PART | {"JobState": "Cancelled"}]},
        arguments={"job_ids": [job_id(1)]}, only=JOBS, error=(
        "SnowballTargetUnreachableError", f"1 of 2 jobs cannot reach WithCustomer: {job_id(3)} Cancelled [SNB401]")),
    success("denied to follow the parts", [[MAIN], [MAIN | {"JobState": "Complete"}]], [1], described=DENIED,
            arguments={"job_ids": [job_id(1)]}, polls=2, only=JOBS),
    success("throttled while following the parts", [[MAIN], HERE], [1], described=THROTTLED,
            arguments={"job_ids": [job_id(1)], "silent_fail": True}, polls=2, only=JOBS),
]  # fmt: skip


#: Every kind of wait with every scenario that is about it, by a name.
CASES = {
    f"{kind.name}-{row.name}": (kind, row)
    for kind in (CLUSTER_JOBS, JOBS)
    for row in ROWS
    if row.only in (None, kind)
}
