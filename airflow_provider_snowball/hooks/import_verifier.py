"""Verify imports: gather what should have arrived, list what is there, compare, and write what differs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from airflow_provider_snowball.exceptions import SnowballFileError, SnowballVerificationError
from airflow_provider_snowball.hooks.bucket import Bucket, lines_of_file, write_file
from airflow_provider_snowball.hooks.job_files import understood
from airflow_provider_snowball.hooks.snowball import SnowballHook
from airflow_provider_snowball.lifecycle import JobState, JobType, is_at_or_past
from airflow_provider_snowball.verification.comparison import Comparison, Difference, Kind, Rules
from airflow_provider_snowball.verification.job_log import key_decoder
from airflow_provider_snowball.verification.keys import exact_order, folded_order
from airflow_provider_snowball.verification.manifest import read_manifest
from airflow_provider_snowball.verification.records import Claim, Source, StoredObject
from airflow_provider_snowball.verification.request import VerificationRequest, s3_parts
from airflow_provider_snowball.verification.sorting import SortedRecords
from airflow_provider_snowball.verification.tables import decoded

__all__ = ["ImportVerifier"]

#: So many differences are named in the log and in the summary.
NAMED = 20
_PROGRESS = 100_000


class ImportVerifier:
    """
    Compares what imports should have brought with what is in their buckets.

    :param hook: whose connection is used for Snowball and S3 alike.
    :param say: takes a line for the log and its arguments.
    """

    def __init__(self, hook: SnowballHook, request: VerificationRequest, say: Callable[..., None]) -> None:
        self._hook = hook
        self._request = request
        self._say = say
        self._bucket = Bucket(hook.s3_client(), request_payer=request.request_payer)
        #: What was read, for the summary: objects by source.
        self._read: dict[str, int] = {}

    def verify(self, publish: Callable[[dict[str, Any]], None] = lambda _: None) -> dict[str, Any]:
        """
        Return a summary of plain JSON values; ``verified``: nothing differs but what is tolerated.

        :param publish: is given the summary before the report is written, which may fail.
        :raises SnowballVerificationError: if a job is no import, or not complete.
        :raises SnowballFileError: if a log, the manifest or a listing cannot be read to its end or is not
            understood.
        """
        request = self._request
        _check_folder_of(request.report)
        jobs = [self._import_job(job_id) for job_id in request.job_ids]
        buckets = sorted({bucket for job in jobs for bucket in _buckets_of(job)})
        order = folded_order if request.ignore_case else exact_order
        rules = Rules(
            manifest=request.manifest is not None,
            logs=request.use_logs,
            tolerated=frozenset(map(Kind, request.tolerate)),
            created={job["JobId"]: created for job in jobs if (created := _creation_of(job)) is not None},
        )
        comparison = Comparison(
            rules,
            self._bucket.look,
            is_asked_for=request.is_asked_for if any(request.prefixes) else None,
            # The report of the last try, say.
            own=frozenset(
                parts for place in (request.manifest, request.report) if (parts := s3_parts(place or ""))
            ),
        )
        with ExitStack() as opened:
            records = opened.enter_context(SortedRecords(order))
            records.add_claims(understood(self._asked_for(self._claims(jobs, buckets), buckets)))
            if request.ignore_case:
                # Their order is not the one that S3 lists in.
                listed = opened.enter_context(SortedRecords(order))
                listed.add_objects(self._stored(buckets))
                stored = listed.objects()
            else:
                stored = (((each.bucket, exact_order(each.key)), each) for each in self._stored(buckets))
            report = opened.enter_context(TemporaryFile(prefix="snowball-report-"))
            differences = understood(comparison.differences(records.claims(), stored))
            first = _write(differences, report, rules.tolerated)
            summary = self._summary(comparison, buckets, first)
            publish(summary)
            if request.report is not None:
                report.seek(0)
                write_file(request.report, self._bucket, report)
        return summary

    def _import_job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = dict(self._hook.describe_job(job_id).get("JobMetadata") or {})
        state, kind = job.get("JobState"), job.get("JobType")
        if kind != JobType.IMPORT:
            raise SnowballVerificationError(
                f"Job {job_id} is no import, but of type {kind}: it brings nothing to S3 [SNB501]"
            )
        if state == JobState.CANCELLED:
            raise SnowballVerificationError(
                f"Job {job_id} is Cancelled: it brings nothing to S3; leave it out of job_ids [SNB502]"
            )
        if not is_at_or_past(state, JobState.COMPLETE, kind):
            raise SnowballVerificationError(
                f"Job {job_id} is {state}: wait until it is Complete, with JobsSensor, before it is verified"
                " [SNB502]"
            )
        if not _buckets_of(job):
            raise SnowballVerificationError(
                f"Job {job_id} names no bucket of S3 among its resources [SNB503]"
            )
        return job

    def _claims(self, jobs: list[dict[str, Any]], buckets: list[str]) -> Iterator[Claim]:
        request = self._request
        # What failed first: whether anything failed outside the prefixes decides what of the rest is wanted.
        for which in ("failure", "success") if request.use_logs else ():
            for job in jobs:
                count = 0
                for claim in self._log_of(job, which):
                    count += 1
                    yield claim
                self._count(f"{which} log", count)
                self._say("Job %s: %s objects in the %s log", job["JobId"], count, which)
        if request.manifest is not None:
            yield from self._manifest(request.manifest, buckets[0] if len(buckets) == 1 else None)

    def _manifest(self, place: str, bucket: str | None) -> Iterator[Claim]:
        request = self._request
        what = f"Manifest {place}"
        decode = key_decoder(request.manifest_key_encoding)
        lines = decoded(lines_of_file(place, self._bucket, f"manifest {place}"), what)
        claims = read_manifest(
            lines,
            request.form,
            what,
            bucket=bucket,
            columns=request.manifest_columns,
            decode=decode,
            placed=request.placed if request.key_mapping else None,
        )
        for count, claim in enumerate(claims, 1):
            if count % _PROGRESS == 0:
                self._say("%s: %s objects read", what, count)
            yield claim
        self._count("manifest", count)
        self._say("%s: %s objects", what, count)

    def _log_of(self, job: dict[str, Any], which: Literal["success", "failure"]) -> Iterator[Claim]:
        buckets = _buckets_of(job)
        return self._hook.read_job_log(
            job["JobId"],
            which,
            bucket=buckets[0] if len(buckets) == 1 else None,
            key_encoding="url" if self._request.log_key_encoding == "url" else "none",
        )

    def _asked_for(self, claims: Iterable[Claim], buckets: list[str]) -> Iterator[Claim]:
        has_failed_outside = False
        for claim in claims:
            if claim.bucket not in buckets:
                raise SnowballFileError(
                    f"The {claim.source} has an object of bucket {claim.bucket}, which is none of the jobs': "
                    f"{', '.join(buckets)} [SNB509]"
                )
            if self._request.is_asked_for(claim.key):
                yield claim
                continue
            self._count("outside the prefixes", 1)
            # In which form a failure log has keys is not documented: it may be that of an object inside.
            if claim.source is Source.FAILURE_LOG:
                has_failed_outside = True
                yield claim
            elif claim.source is Source.SUCCESS_LOG and has_failed_outside:
                yield claim

    def _stored(self, buckets: list[str]) -> Iterator[StoredObject]:
        count = 0
        for bucket in buckets:
            for prefix in self._request.listed_prefixes:
                for each in self._bucket.objects(bucket, prefix):
                    if self._request.ignore_case and not self._request.is_asked_for(each.key):
                        continue
                    count += 1
                    if count % _PROGRESS == 0:
                        self._say("%s objects listed, last s3://%s/%s", count, bucket, each.key)
                    yield each
        self._count("bucket", count)

    def _count(self, source: str, count: int) -> None:
        self._read[source] = self._read.get(source, 0) + count

    def _summary(self, comparison: Comparison, buckets: list[str], first: list[Difference]) -> dict[str, Any]:
        return {
            "verified": not comparison.faults and comparison.alike > 0,
            "job_ids": list(self._request.job_ids),
            "buckets": buckets,
            "objects": comparison.objects,
            "alike": comparison.alike,
            "bytes": comparison.bytes,
            "checksums": dict(comparison.checksums),
            "differences": {kind.value: comparison.counts[kind] for kind in Kind},
            "tolerated": sorted(self._request.tolerate),
            "read": self._read,
            "first": [each._asdict() | {"kind": each.kind.value} for each in first],
            "report": self._request.report,
        }


def _check_folder_of(report: str | None) -> None:
    """
    Look before anything is compared whether there is a folder for the report.

    :raises SnowballFileError: if there is none.
    """
    if report is not None and s3_parts(report) is None and not Path(report).parent.is_dir():
        raise SnowballFileError(
            f"Cannot write the report {report}: {Path(report).parent} is no folder [SNB508]"
        )


def _write(
    differences: Iterator[Difference], file: IO[bytes], tolerated: frozenset[Kind]
) -> list[Difference]:
    """Write what differs as CSV; return the first of it, what is tolerated behind what is not."""
    faults: list[Difference] = []
    others: list[Difference] = []
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    rows = csv.writer(text)
    rows.writerow(Difference._fields)
    for difference in differences:
        rows.writerow(difference)
        named = others if difference.kind in tolerated else faults
        if len(named) < NAMED:
            named.append(difference)
    # Whoever sends the file closes it.
    text.detach()
    return [*faults, *others][:NAMED]


def _creation_of(job: dict[str, Any]) -> datetime | None:
    """
    Return when a job was created, in UTC; None if AWS does not say.

    botocore has it in the machine's own time, in which an hour comes twice a year.
    """
    date = job.get("CreationDate")
    return date.astimezone(UTC) if isinstance(date, datetime) and date.tzinfo is not None else None


def _buckets_of(job: dict[str, Any]) -> list[str]:
    resources = (job.get("Resources") or {}).get("S3Resources") or []
    arns = [str(each.get("BucketArn") or "") for each in resources]
    return sorted({arn.rpartition(":")[2] for arn in arns} - {""})
