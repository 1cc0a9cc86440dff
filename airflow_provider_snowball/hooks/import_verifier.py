"""Verify imports: gather what should have arrived, list what is there, compare, and write what differs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import Any, Literal

from airflow_provider_snowball.exceptions import SnowballFileError, SnowballVerificationError
from airflow_provider_snowball.hooks.bucket import Bucket, lines_of_file, write_file
from airflow_provider_snowball.hooks.job_files import understood
from airflow_provider_snowball.hooks.snowball import SnowballHook
from airflow_provider_snowball.lifecycle import JobState, JobType, is_at_or_past
from airflow_provider_snowball.verification.comparison import Comparison, Difference, Kind, Rules
from airflow_provider_snowball.verification.job_log import key_decoder
from airflow_provider_snowball.verification.manifest import read_manifest
from airflow_provider_snowball.verification.records import Claim, StoredObject
from airflow_provider_snowball.verification.request import VerificationRequest
from airflow_provider_snowball.verification.sorting import (
    SortedRecords,
    exact_order,
    folded_order,
)
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

    def verify(self) -> dict[str, Any]:
        """
        Return a summary of plain JSON values; ``verified``: nothing differs but what is tolerated.

        :raises SnowballVerificationError: if a job is no import, or not complete.
        :raises SnowballFileError: if a log, the manifest or a listing cannot be read to its end or is not
            understood.
        """
        request = self._request
        jobs = [self._import_job(job_id) for job_id in request.job_ids]
        buckets = sorted({bucket for job in jobs for bucket in _buckets_of(job)})
        order = folded_order if request.ignore_case else exact_order
        rules = Rules(
            manifest=request.manifest is not None,
            logs=request.use_logs,
            tolerated=frozenset(map(Kind, request.tolerate)),
        )
        comparison = Comparison(rules, self._bucket.look)
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
            differences = understood(comparison.differences(records.claims(), stored))
            first = self._write(differences)
        return self._summary(comparison, buckets, first)

    def _import_job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = dict(self._hook.describe_job(job_id).get("JobMetadata") or {})
        state, kind = job.get("JobState"), job.get("JobType")
        if kind != JobType.IMPORT:
            raise SnowballVerificationError(
                f"Job {job_id} is no import, but of type {kind}: it brings nothing to S3"
            )
        if not is_at_or_past(state, JobState.COMPLETE, kind):
            raise SnowballVerificationError(
                f"Job {job_id} is {state}: wait until it is Complete, with JobsSensor, before it is verified"
            )
        if not _buckets_of(job):
            raise SnowballVerificationError(f"Job {job_id} names no bucket of S3 among its resources")
        return job

    def _claims(self, jobs: list[dict[str, Any]], buckets: list[str]) -> Iterator[Claim]:
        request = self._request
        if request.manifest is not None:
            yield from self._manifest(request.manifest, buckets[0] if len(buckets) == 1 else None)
        if not request.use_logs:
            return
        for job in jobs:
            counts = {}
            for which in ("success", "failure"):
                counts[which] = 0
                for claim in self._log_of(job, which):
                    counts[which] += 1
                    yield claim
                self._count(f"{which} log", counts[which])
            self._say(
                "Job %s: %s objects in the success log, %s in the failure log",
                job["JobId"],
                counts["success"],
                counts["failure"],
            )

    def _manifest(self, place: str, bucket: str | None) -> Iterator[Claim]:
        request = self._request
        what = f"Manifest {place}"
        decode = key_decoder(request.manifest_key_encoding)
        lines = decoded(lines_of_file(place, self._bucket, f"manifest {place}"), what)
        claims = read_manifest(
            lines, request.form, what, bucket=bucket, columns=request.manifest_columns, decode=decode
        )
        for count, claim in enumerate(claims, 1):
            if count % _PROGRESS == 0:
                self._say("%s: %s objects read", what, count)
            yield claim._replace(key=request.mapped(claim.key)) if request.key_mapping else claim
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
        for claim in claims:
            if claim.bucket not in buckets:
                raise SnowballFileError(
                    f"The {claim.source} has an object of bucket {claim.bucket}, which is none of the jobs': "
                    f"{', '.join(buckets)}"
                )
            if self._request.is_asked_for(claim.key):
                yield claim
            else:
                self._count("outside the prefixes", 1)

    def _stored(self, buckets: list[str]) -> Iterator[StoredObject]:
        count = 0
        for bucket in buckets:
            for prefix in self._request.prefixes:
                for each in self._bucket.objects(bucket, prefix):
                    count += 1
                    if count % _PROGRESS == 0:
                        self._say("%s objects listed, last s3://%s/%s", count, bucket, each.key)
                    yield each
        self._count("bucket", count)

    def _count(self, source: str, count: int) -> None:
        self._read[source] = self._read.get(source, 0) + count

    def _write(self, differences: Iterator[Difference]) -> list[Difference]:
        """Write what differs to the report, if one is wanted; return the first of it."""
        first: list[Difference] = []
        with TemporaryFile(prefix="snowball-report-") as file:
            text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
            rows = csv.writer(text)
            rows.writerow(Difference._fields)
            for difference in differences:
                rows.writerow(difference)
                if len(first) < NAMED:
                    first.append(difference)
            # Whoever sends the file closes it.
            text.detach()
            if self._request.report is not None:
                file.seek(0)
                write_file(self._request.report, self._bucket, file)
        return first

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


def _buckets_of(job: dict[str, Any]) -> list[str]:
    resources = (job.get("Resources") or {}).get("S3Resources") or []
    arns = [str(each.get("BucketArn") or "") for each in resources]
    return sorted({arn.rpartition(":")[2] for arn in arns} - {""})
