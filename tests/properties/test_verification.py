"""
Generated manifests, logs and buckets, with every kind of difference, against a reference of its own.

The reference looks at one object at a time, with dicts, as a person would; it shares no code with ours.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_snowball.verification.comparison import Comparison, Kind, Rules
from airflow_provider_snowball.verification.job_log import key_decoder, read_log
from airflow_provider_snowball.verification.keys import exact_order
from airflow_provider_snowball.verification.manifest import read_manifest
from airflow_provider_snowball.verification.records import Claim, Source, StoredObject, UnreadableError
from airflow_provider_snowball.verification.request import VerificationRequest
from airflow_provider_snowball.verification.sorting import SortedRecords
from airflow_provider_snowball.verification.tables import decoded

BUCKETS = ("archive", "raw")
JOBS = ("JID1", "JID2", "JID3")
#: The day on which each of them was created, None if nobody knows.
DAYS = st.fixed_dictionaries(dict.fromkeys(JOBS, st.sampled_from([1, 2, 3, None])))
ASKED = VerificationRequest.read(
    dict.fromkeys(VerificationRequest.__dataclass_fields__)
    | {"job_ids": ["JID123e4567-e89b-12d3-a456-426655440000"], "key_mapping": {"/mnt/": ""}}
    | {"manifest_key_encoding": "url", "log_key_encoding": "none", "tolerate": ()}
    | {"ignore_case": False, "use_logs": True, "request_payer": False}
)
TOLERABLE = ("size_unknown", "not_compared", "not_logged", "extra")
#: As S3 takes them, line breaks, quotes and spaces at the ends included.
KEYS = st.one_of(
    st.sampled_from(
        ["a", "a/b", "a b", " a ", 'a"b', "a,b", "a\nb", "a\r\nb", "é", "e\u0301", "北京", "\U0001f9ca"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8),
)


@dataclass
class Truth:
    """What is said of one object, and what is there."""

    #: Size, checksum, and whether it is a file of the same key elsewhere.
    manifest: list[tuple[int, str | None, bool]] = field(default_factory=list)
    success: list[tuple[str, int | None]] = field(default_factory=list)
    failure: list[tuple[str, int | None]] = field(default_factory=list)
    stored: tuple[int, str] | None = None


def md5(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


@st.composite
def truths(draw: st.DrawFn) -> dict[tuple[str, str], Truth]:
    found: dict[tuple[str, str], Truth] = {}
    sizes, contents = st.integers(0, 3), st.integers(0, 2)
    for place in draw(st.lists(st.tuples(st.sampled_from(BUCKETS), KEYS), unique=True, max_size=12)):
        truth = found[place] = Truth()
        size, content = draw(sizes), draw(contents)
        # Mostly alike, so that what differs is seen among much that does not.
        other = st.integers(0, 9).map(lambda n: n == 0)
        for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
            claimed = draw(sizes) if draw(other) else size
            checksum = draw(st.sampled_from([None, md5(content), md5(content), md5(draw(contents))]))
            truth.manifest.append((claimed, checksum, draw(other)))
        says_sizes = not draw(other)
        for job in JOBS:
            if draw(st.booleans()):
                truth.success.append((job, (draw(sizes) if draw(other) else size) if says_sizes else None))
            if draw(other):
                truth.failure.append((job, draw(st.sampled_from([None, None, size, draw(sizes)]))))
        if not draw(other):
            etag = draw(st.sampled_from([md5(content)] * 4 + [f"{md5(content)}-2"]))
            truth.stored = (draw(sizes) if draw(other) else size, etag)
    return found


def came_later(job: str, other: str, days: dict[str, int | None]) -> bool:
    one, another = days[job], days[other]
    return one is not None and another is not None and one > another


def judged(
    truth: Truth, days: dict[str, int | None], *, manifest: bool, logs: bool, tolerated: Sequence[str]
) -> str | None:
    """Return how an object differs, None if it does not, "" if nobody knows of it."""
    said = truth.manifest if manifest else []
    success, failure = (truth.success, truth.failure) if logs else ([], [])
    if not said and not success and not failure and truth.stored is None:
        return ""
    # Copied by hand, say: nothing but its checksum tells.
    has_arrived = truth.stored is not None and any(checksum == truth.stored[1] for _, checksum, _ in said)
    for job, _ in () if has_arrived else failure:
        if not any(came_later(each, job, days) for each, _ in success):
            return "failed"
    # As many files as there are lines, unless their one checksum says that it is the same file.
    contents = [checksum for _, checksum, _ in said]
    if len(said) > 1 and (None in contents or len(set(contents)) > 1):
        return "missing"
    if truth.stored is None:
        return "not_in_bucket" if success else "missing"
    size, etag = truth.stored
    rows = [*success, *failure]
    if said:
        # The manifest knows which version is meant; of the logs, only the last word may contradict it.
        rows = [
            (job, each)
            for job, each in success
            if not any(came_later(other, job, days) for other, _ in (*success, *failure))
        ]
    claimed = [each for each, _, _ in said] + [each for _, each in rows if each is not None]
    if any(each != size for each in claimed):
        return "wrong_size"
    checksums = {checksum for _, checksum, _ in said if checksum}
    if "-" not in etag and checksums - {etag}:
        return "wrong_checksum"
    lesser = []
    if (said or success) and not claimed:
        lesser.append("size_unknown")
    if "-" in etag and checksums:
        lesser.append("not_compared")
    if manifest and said and logs and not success:
        lesser.append("not_logged")
    if (manifest and not said) or (not said and not success):
        lesser.append("extra")
    faults = [each for each in lesser if each not in tolerated]
    return faults[0] if faults else lesser[0] if lesser else None


def written(rows: list[list[Any]]) -> list[bytes]:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode().splitlines(keepends=True)


def claims_of(
    found: dict[tuple[str, str], Truth], form: str, *, manifest: bool, logs: bool
) -> Iterator[Claim]:
    """Write the files, and read them as the package does."""
    if manifest:
        rows = [
            {
                "bucket": bucket,
                "key": quote(("/mnt/" if elsewhere else "") + key),
                "size": size,
                "md5": checksum or "",
            }
            for (bucket, key), truth in found.items()
            for size, checksum, elsewhere in truth.manifest
        ]
        if form == "csv":
            lines = written([list(rows[0]), *(list(row.values()) for row in rows)])
        else:
            lines = [json.dumps(row).encode() + b"\n" for row in rows]
        read = read_manifest(decoded(lines, "Manifest"), form, "Manifest", decode=key_decoder("url"))
        yield from map(ASKED.placed, read)
    if logs:
        for job in JOBS:
            said = [["Bucket", "Key", "Size"]]
            said += [
                [bucket, key, "" if size is None else str(size)]
                for (bucket, key), truth in found.items()
                for each, size in truth.success
                if each == job
            ]
            failed = [["Bucket", "Key", "Size", "Error"]]
            failed += [
                [bucket, key, "" if size is None else str(size), "broken"]
                for (bucket, key), truth in found.items()
                for each, size in truth.failure
                if each == job
            ]
            for source, rows_of in ((Source.SUCCESS_LOG, said), (Source.FAILURE_LOG, failed)):
                yield from read_log(
                    decoded(written(rows_of), "Log"), source, "Log", job_id=job, decode=key_decoder("none")
                )


@given(
    truths(),
    st.sampled_from([(True, True), (True, False), (False, True)]),
    st.sampled_from(["csv", "jsonl"]),
    st.lists(st.sampled_from(TOLERABLE), unique=True),
    DAYS,
)
def test_each_object_is_judged_as_a_person_would(
    found: dict[tuple[str, str], Truth],
    sources: tuple[bool, bool],
    form: str,
    tolerated: list[str],
    days: dict[str, int | None],
) -> None:
    manifest, logs = sources
    if manifest and not any(truth.manifest for truth in found.values()):
        return
    expected = {
        place: verdict
        for place, truth in found.items()
        if (verdict := judged(truth, days, manifest=manifest, logs=logs, tolerated=tolerated)) != ""
    }
    stored = sorted(
        (StoredObject(bucket, key, *truth.stored) for (bucket, key), truth in found.items() if truth.stored),
        key=lambda each: (each.bucket, each.key.encode()),
    )
    created = {job: datetime(2026, 1, day, tzinfo=UTC) for job, day in days.items() if day is not None}
    rules = Rules(manifest=manifest, logs=logs, tolerated=frozenset(map(Kind, tolerated)), created=created)
    comparison = Comparison(rules)
    with SortedRecords(exact_order) as records:
        records.add_claims(claims_of(found, form, manifest=manifest, logs=logs))
        listing = (((each.bucket, each.key.encode()), each) for each in stored)
        differences = list(comparison.differences(records.claims(), listing))
    assert {(each.bucket, each.key): each.kind.value for each in differences} == {
        place: verdict for place, verdict in expected.items() if verdict is not None
    }
    assert len(differences) == len({(each.bucket, each.key) for each in differences})
    assert comparison.counts == Counter(Kind(verdict) for verdict in expected.values() if verdict)
    faults = [verdict for verdict in expected.values() if verdict and verdict not in tolerated]
    assert (comparison.objects, comparison.faults) == (len(expected), len(faults))
    alike = [found[place] for place, verdict in expected.items() if verdict is None]
    assert comparison.alike == len(alike)
    assert comparison.bytes == sum(truth.stored[0] for truth in alike if truth.stored)


@st.composite
def torn_manifests(draw: st.DrawFn) -> tuple[str, list[StoredObject], bytes]:
    """Return the form of a manifest, a bucket that is as it says, and the manifest without a part of it."""
    keys = draw(st.lists(KEYS, unique=True, min_size=1, max_size=6))
    stored = [
        StoredObject("archive", key, draw(st.integers(0, 300)), md5(draw(st.integers(0, 2)))) for key in keys
    ]
    form = draw(st.sampled_from(["csv", "jsonl"]))
    if form == "csv":
        whole = b"".join(
            written([["key", "size", "md5"], *([each.key, each.size, each.etag] for each in stored)])
        )
    else:
        rows = [{"key": each.key, "size": each.size, "md5": each.etag} for each in stored]
        whole = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    cut = draw(st.integers(0, len(whole)))
    if draw(st.booleans()):
        torn = whole[:cut]
        # A line's end alone is no part of what it says.
        torn = torn if torn.strip(b"\r\n") != whole.strip(b"\r\n") else b""
    else:
        torn = whole[:cut] + whole[cut + 1 + draw(st.integers(0, 40)) :]
    return form, stored, torn


@given(torn_manifests())
def test_a_torn_manifest_never_passes(case: tuple[str, list[StoredObject], bytes]) -> None:
    form, stored, torn = case
    comparison = Comparison(Rules(manifest=True, logs=False))
    listing = sorted(((each.bucket, each.key.encode()), each) for each in stored)
    with SortedRecords(exact_order) as records:
        try:
            lines = torn.splitlines(keepends=True)
            records.add_claims(read_manifest(decoded(lines, "Manifest"), form, "Manifest", bucket="archive"))
            differences = list(comparison.differences(records.claims(), listing))
        except UnreadableError:
            return
    if not differences:
        assert comparison.checksums["md5"] == len(stored)
        assert comparison.alike == len(stored)
