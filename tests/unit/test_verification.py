"""What a verification is asked for, what it reads, and what it makes of case and order."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from airflow_provider_snowball.exceptions import (
    SnowballAnswerError,
    SnowballFileError,
    SnowballPermanentError,
)
from airflow_provider_snowball.hooks.bucket import Bucket, lines_of_file
from airflow_provider_snowball.hooks.errors import permanent_as_such
from airflow_provider_snowball.operators.verify_import import VerifyImportOperator
from airflow_provider_snowball.verification.comparison import Comparison, Kind, Rules
from airflow_provider_snowball.verification.job_log import NO_UTF8, key_decoder, read_log
from airflow_provider_snowball.verification.keys import exact_order, folded_order
from airflow_provider_snowball.verification.manifest import read_manifest
from airflow_provider_snowball.verification.records import (
    Checksum,
    Claim,
    Source,
    StoredObject,
    UnreadableError,
)
from airflow_provider_snowball.verification.request import VerificationRequest
from airflow_provider_snowball.verification.sorting import SortedRecords
from airflow_provider_snowball.verification.tables import decoded

JOB_ID = "JID123e4567-e89b-12d3-a456-426655440000"


def operator(**asked: Any) -> VerifyImportOperator:
    return VerifyImportOperator(**({"task_id": "verify", "job_ids": [JOB_ID]} | asked))


def request_of(**asked: Any) -> VerificationRequest:
    task = operator(**asked)
    return VerificationRequest.read(
        {name: getattr(task, name) for name in VerificationRequest.__dataclass_fields__}
    )


class TestRequest:
    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({"job_ids": f"{JOB_ID},{JOB_ID}"}, "job_ids must be a list of job ids"),
            ({"job_ids": ["JID1"]}, "each of job_ids must be JID"),
            ({"job_ids": None}, "job_ids must name the import jobs"),
            ({"manifest": ""}, "manifest must be a path or s3://bucket/key; got '' [SNB106]"),
            ({"manifest": "s3://bucket"}, "manifest must have a bucket and a key"),
            ({"manifest": "s3:///key"}, "manifest must have a bucket and a key"),
            ({"manifest": "s3://my bucket/m.csv"}, "manifest must have a bucket and a key"),
            ({"manifest": "m\0.csv"}, "manifest must be a path or s3://bucket/key"),
            ({"report": "/"}, "report must be the path of a file; got '/' [SNB106]"),
            ({"prefixes": ["\ud800"]}, "each of prefixes must be a text that S3 takes"),
            ({"manifest": "list.txt"}, "manifest_format must be given (csv, jsonl)"),
            ({"manifest_format": "xml"}, "manifest_format must be one of csv, jsonl; got 'xml' [SNB106]"),
            (
                {"manifest_columns": {"path": "name"}},
                "manifest_columns must map each column to one of bucket, key",
            ),
            ({"manifest_columns": ["path"]}, "manifest_columns must map names of columns to ours"),
            (
                {"manifest_key_encoding": "gzip"},
                "manifest_key_encoding must be one of none, url; got 'gzip' [SNB106]",
            ),
            ({"log_key_encoding": None}, "log_key_encoding must be one of none, url; got None [SNB106]"),
            ({"key_mapping": {"a": 1}}, "key_mapping must map beginnings of keys to others"),
            ({"ignore_case": "yes"}, "ignore_case must be True or False"),
            ({"prefixes": "data/"}, "prefixes must be a list of texts; got the str 'data/' [SNB106]"),
            ({"prefixes": []}, "prefixes must name at least one prefix"),
            (
                {"tolerate": ["missing"]},
                "tolerate takes extra, not_logged, not_compared, size_unknown; got 'missing' [SNB106]",
            ),
            ({"tolerate": "extra"}, "tolerate must be a list of texts"),
            ({"use_logs": False}, "There is nothing to compare the bucket with"),
            ({"report": " "}, "report must be a path or s3://bucket/key"),
            (
                {"use_logs": "{{ params.logs }}"},
                "use_logs must be True or False; got the str '{{ params.logs }}' [SNB106]",
            ),
            ({"manifest_format": "{{ params.form }}"}, "manifest_format must be one of csv, jsonl"),
            ({"request_payer": 1}, "request_payer must be True or False"),
        ],
    )
    def test_what_makes_no_sense_is_said_when_the_dag_is_parsed(
        self, asked: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ValueError, match=re.escape(words)):
            operator(**asked)

    @pytest.mark.parametrize(
        "asked",
        [
            {"job_ids": "{{ params.job_ids }}"},
            {"manifest": "{{ params.manifest }}"},
            {"manifest": "s3://manifests/{{ run_id }}.csv.gz"},
            {"prefixes": "{{ params.prefixes }}"},
            {"report": "/tmp/{{ run_id }}"},
            {"use_logs": False, "manifest": "{{ params.manifest }}"},
        ],
    )
    def test_a_template_is_read_when_the_task_runs(self, asked: dict[str, Any]) -> None:
        operator(**asked)

    def test_prefixes_are_in_order_and_none_is_within_another(self) -> None:
        assert request_of(prefixes=["b/", "a/b", "a/", "b/", "é"]).prefixes == ("a/", "b/", "é")
        assert request_of().prefixes == ("",)

    def test_what_is_outside_the_prefixes_is_not_compared(self) -> None:
        keys = ("data/a", "DATA/a", "other")
        assert [request_of(prefixes=["data/"]).is_asked_for(key) for key in keys] == [True, False, False]
        request = request_of(prefixes=["Data/"], ignore_case=True)
        assert [request.is_asked_for(key) for key in keys] == [True, True, False]

    def test_the_longest_beginning_is_mapped(self) -> None:
        request = request_of(key_mapping={"/mnt/": "", "/mnt/data/": "d/"})
        assert [request.mapped(key) for key in ("/mnt/data/a", "/mnt/b", "c")] == ["d/a", "b", "c"]

    def test_the_format_is_that_of_the_name(self) -> None:
        forms = [
            request_of(manifest=f"m.{ending}").form for ending in ("csv", "CSV.gz", "jsonl", "ndjson.GZ")
        ]
        assert forms == ["csv", "csv", "jsonl", "jsonl"]


def log(text: str | bytes, source: Source = Source.SUCCESS_LOG, **asked: Any) -> list[Claim]:
    lines = (text.encode() if isinstance(text, str) else text).splitlines(keepends=True)
    errors = NO_UTF8 if source is Source.FAILURE_LOG else "strict"
    return list(read_log(decoded(lines, "Log", errors), source, "Log", job_id="JID1", **asked))


class TestJobLog:
    @pytest.mark.parametrize(
        "header",
        [
            "Bucket,Key,Size",
            "bucket_name,Object Key,SIZE IN BYTES",
            "S3 Bucket,S3-Key,Bytes",
            "Bucket,Key,Length",
            "Bucket,Key,Content-Length",
            "Bucket,Key,ContentLength",
        ],
    )
    def test_columns_are_found_by_their_names(self, header: str) -> None:
        assert log(f"{header}\narchive,a.jpg,3\n") == [
            Claim(Source.SUCCESS_LOG, "archive", "a.jpg", 3, job_id="JID1")
        ]

    def test_others_are_passed_over_wherever_they_stand(self) -> None:
        text = b'\xef\xbb\xbf"Time","Key","Colour","Bucket"\r\n"12:00","a,\r\nb","red","archive"\r\n'
        assert log(text) == [Claim(Source.SUCCESS_LOG, "archive", "a,\r\nb", None, job_id="JID1")]

    def test_what_failed_has_a_reason_or_none_is_given(self) -> None:
        text = "Bucket,Key,Failure Reason\narchive,a,too large\narchive,b,\n"
        assert [each.error for each in log(text, Source.FAILURE_LOG)] == ["too large", "no reason given"]
        assert [each.error for each in log(text)] == [None, None]

    def test_all_that_a_log_says_of_an_error_is_told(self) -> None:
        text = "Key,Error Message,Error Code\na,too large,E1\nb,,E2\nc,too large,\nd,,\n"
        told = [each.error for each in log(text, Source.FAILURE_LOG, bucket="x")]
        assert told == ["E1: too large", "E2", "too large", "no reason given"]

    @pytest.mark.parametrize(
        ("written", "key"),
        [
            (b"caf\xe9", "caf\\xe9"),
            (b"\xed\xa0\xbe", "\\xed\\xa0\\xbe"),
            (b"k" * 1025, "k" * 1024),
            ("é".encode() * 600, "é" * 512),
            (b"k" + "é".encode() * 600, "k" + "é" * 511),
        ],
    )
    def test_what_failed_for_its_key_is_told_as_far_as_it_can_be(self, written: bytes, key: str) -> None:
        [claim] = log(b"Key,Error\n%b,\xff\n" % written, Source.FAILURE_LOG, bucket="x")
        assert (claim.key, claim.error) == (key, "\\xff")
        assert claim.written
        assert exact_order(claim.key)
        encoded = b"Key\n%b\n" % quote(written).encode()
        decode = key_decoder("url", NO_UTF8)
        assert log(encoded, Source.FAILURE_LOG, bucket="x", decode=decode)[0].key == key

    def test_what_failed_under_any_other_key_has_it(self) -> None:
        [claim] = log("Key\n" + "é" * 512 + "\n", Source.FAILURE_LOG, bucket="x")
        assert (claim.key, claim.written) == ("é" * 512, None)

    def test_what_arrived_has_a_key_of_s3(self) -> None:
        with pytest.raises(
            UnreadableError, match=r"^Log, line 2: The key .* has 1025 bytes, and S3 takes 1024"
        ):
            log("Key\n" + "k" * 1025 + "\n", bucket="x")

    def test_what_arrived_has_a_key_that_is_certain(self) -> None:
        with pytest.raises(UnreadableError, match="line 2, is not UTF-8"):
            log(b"Key\ncaf\xe9\n", bucket="x")

    def test_a_log_of_one_bucket_need_not_name_it(self) -> None:
        assert log("Key\na\n", bucket="archive")[0].bucket == "archive"
        with pytest.raises(UnreadableError, match="line 2 does not say which bucket"):
            log("Key\na\n")

    def test_keys_that_are_encoded(self) -> None:
        assert log("Key\na%20%C3%A9+b\n", bucket="x", decode=key_decoder("url"))[0].key == "a é+b"
        with pytest.raises(UnreadableError, match="line 2 has a key that is not UTF-8 once decoded"):
            log("Key\n%FF\n", bucket="x", decode=key_decoder("url"))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "is empty: it has not even a line that names its columns; look at it in AWS's console; if "),
            ("File,Size\na,1\n", "has no column for the key (key, objectkey, s3key, object"),
            ("Key,Object\na,b\n", "has two columns for the key"),
            ("Key,Size\na,1,2\n", "has 3 values for 2 columns: 'a,1,2'"),
            ("Key,Size\na,-1\n", "the size must be a whole number of bytes; got '-1'"),
            ("Key,Size\n,1\n", "line 2 has no key"),
            ("Key,Error\na,", "ends within a line, as if it had been cut"),
            ("<html>\n", "has no column for the key"),
        ],
    )
    def test_one_that_is_not_understood_is_an_error(self, text: str, words: str) -> None:
        with pytest.raises(UnreadableError, match=re.escape(words)):
            log(text, bucket="x")

    def test_no_objects_are_none(self) -> None:
        assert log("Bucket,Key,Size,Error\n", Source.FAILURE_LOG) == []


def manifest(text: str, form: str = "jsonl") -> list[Claim]:
    return list(read_manifest(text.splitlines(keepends=True), form, "Manifest", bucket="archive"))


class TestJsonLines:
    def test_one_object_a_line(self) -> None:
        text = '{"key": "a", "size": 3, "MD5": null}\n\n{"Key": "b", "size": "4", "bucket": "raw"}'
        assert manifest(text) == [
            Claim(Source.MANIFEST, "archive", "a", 3),
            Claim(Source.MANIFEST, "raw", "b", 4),
        ]

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            (
                '{"key": "a", "size": 1',
                "line 1, is not what a line of a manifest is: Expecting ',' delimiter",
            ),
            ("[" * 100_000, "line 1, is not what a line of a manifest is: "),
            ("[1]", "is not what a line of a manifest is: a list and no object"),
            ('{"key": "a"}', "line 1 has no size"),
            ('{"key": "a", "size": 1.5}', "line 1: the size must be a text; got 1.5"),
            ('{"key": "a", "size": true}', "line 1: the size must be a text; got True"),
            ('{"key": null, "size": 1}', "line 1: the key must be a text; got None"),
            ('{"key": "a", "key": "b", "size": 1}', "a name is there twice"),
            ('{"key": "a", "Key": "b", "size": 1}', "a name is there twice"),
            ('{"key": "a", "size": 1, "mtime": 2}', "line 1 has a column 'mtime', which is none of"),
        ],
    )
    def test_one_that_is_not_understood_is_an_error(self, line: str, words: str) -> None:
        with pytest.raises(UnreadableError, match=re.escape(words)):
            manifest(line)

    def test_half_a_character_is_no_key(self) -> None:
        with pytest.raises(UnreadableError, match=r"^Manifest, line 1: The key .*half a surrogate pair; "):
            manifest('{"key": "\\ud83e", "size": 1}')


def judged(claims: list[Claim], stored: list[StoredObject]) -> dict[str, Kind]:
    """Return how objects differ, by key, where case does not matter."""
    comparison = Comparison(Rules(manifest=True, logs=False))
    with SortedRecords(folded_order) as said, SortedRecords(folded_order) as there:
        said.add_claims(claims)
        there.add_objects(stored)
        found = comparison.differences(said.claims(), there.objects())
        return {each.key: each.kind for each in found}


class TestCase:
    def test_one_object_is_the_same_in_any_case(self) -> None:
        assert judged([Claim(Source.MANIFEST, "x", "STRASSE/A", 1)], [StoredObject("x", "straße/a", 1)]) == {}

    def test_of_two_the_one_in_the_same_case_is_meant(self) -> None:
        there = [StoredObject("x", "a", 1), StoredObject("x", "A", 2)]
        claims = [Claim(Source.MANIFEST, "x", "a", 1), Claim(Source.MANIFEST, "x", "A", 2)]
        assert judged(claims, there) == {}
        assert judged(claims[:1], there) == {"A": Kind.EXTRA}

    def test_which_of_two_is_meant_nobody_knows(self) -> None:
        there = [StoredObject("x", "aB", 1), StoredObject("x", "Ab", 1)]
        assert judged([Claim(Source.MANIFEST, "x", "ab", 1)], there)["ab"] is Kind.MISSING
        claims = [Claim(Source.MANIFEST, "x", key, 1) for key in ("a", "A")]
        assert judged(claims, [StoredObject("x", "a", 1)]) == {"A": Kind.MISSING}


def test_an_object_of_which_nobody_says_the_size_is_not_alike() -> None:
    comparison = Comparison(Rules(manifest=False, logs=True))
    claims = [(("x", b"a"), Claim(Source.SUCCESS_LOG, "x", "a", None, job_id="JID1"))]
    [difference] = comparison.differences(claims, [(("x", b"a"), StoredObject("x", "a", 0))])
    assert (difference.kind, difference.detail) == (
        Kind.SIZE_UNKNOWN,
        "nobody says its size; it has 0 bytes",
    )


def alike(claims: list[Claim], stored: StoredObject, **rules: Any) -> Kind | None:
    """Return how one object differs, None if it does not."""
    comparison = Comparison(Rules(**({"manifest": True, "logs": False} | rules)))
    place = (stored.bucket, stored.key.encode())
    found = list(comparison.differences([(place, claim) for claim in claims], [(place, stored)]))
    return found[0].kind if found else None


class TestLinesOfOneKey:
    """Each is a file of the source, unless a checksum says that they are one content."""

    @pytest.mark.parametrize(
        ("lines", "kind"),
        [
            ([{}, {}], Kind.MISSING),
            ([{"md5": "aa"}, {}], Kind.MISSING),
            ([{"md5": "aa"}, {"md5": "bb"}], Kind.MISSING),
            ([{"md5": "aa"}, {"sha1": "cc"}], Kind.MISSING),
            ([{"md5": "aa", "sha1": "cc"}, {"md5": "aa", "sha1": "dd"}], Kind.MISSING),
            ([{"md5": "aa"}, {"md5": "aa"}, {}], Kind.MISSING),
            ([{"etag": "aa"}, {"etag": "aa"}], Kind.MISSING),
            ([{"md5": "aa"}, {"md5": "aa"}], None),
            ([{"md5": "aa", "etag": "aa"}, {"md5": "aa"}, {"md5": "aa"}], None),
            ([{"md5": "bb"}, {"md5": "bb"}], Kind.WRONG_CHECKSUM),
        ],
    )
    def test_they_are_one_or_missing(self, lines: list[dict[str, str]], kind: Kind | None) -> None:
        claims = [
            Claim(Source.MANIFEST, "x", "a", 1, tuple(Checksum(*each) for each in line.items()))
            for line in lines
        ]
        assert alike(claims, StoredObject("x", "a", 1, "aa")) is kind

    def test_what_they_were_before_they_were_mapped_changes_nothing(self) -> None:
        claims = [
            Claim(Source.MANIFEST, "x", "a", 1, (Checksum("md5", "aa"),), written=written)
            for written in ("/mnt/a", "/srv/a")
        ]
        assert alike(claims, StoredObject("x", "a", 1, "aa")) is None
        assert alike([each._replace(checksums=()) for each in claims], StoredObject("x", "a", 1)) is (
            Kind.MISSING
        )

    def test_under_a_key_that_s3_cannot_have_nothing_arrives(self) -> None:
        """An object of the key that was made of it is another."""
        claims = [
            Claim(Source.FAILURE_LOG, "x", "a", 1, job_id="JID1", error="why", written="a-b"),
            Claim(Source.SUCCESS_LOG, "x", "a", 1, job_id="JID2"),
            Claim(Source.MANIFEST, "x", "a", 1, (Checksum("md5", "aa"),)),
        ]
        created = {f"JID{day}": datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)}
        assert alike(claims, StoredObject("x", "a", 1, "aa"), logs=True, created=created) is Kind.FAILED


class TestSizes:
    """Of 20 bytes is what is there; the numbers are what job 1, job 2 and the manifest say."""

    @pytest.mark.parametrize(
        ("first", "second", "manifest", "kind"),
        [
            (10, 20, 20, None),
            (10, 20, None, Kind.WRONG_SIZE),
            (20, 10, 20, Kind.WRONG_SIZE),
            (10, None, 20, Kind.WRONG_SIZE),
            (20, 20, 10, Kind.WRONG_SIZE),
        ],
    )
    @pytest.mark.parametrize("source", [Source.SUCCESS_LOG, Source.FAILURE_LOG])
    def test_a_manifest_makes_an_older_one_another_version(
        self, first: int, second: int | None, manifest: int | None, kind: Kind | None, source: Source
    ) -> None:
        claims = [Claim(source, "x", "a", first, job_id="JID1", error="why")]
        if second is None:
            claims = [Claim(Source.SUCCESS_LOG, "x", "a", first, job_id="JID2")]
        else:
            claims.append(Claim(Source.SUCCESS_LOG, "x", "a", second, job_id="JID2"))
        if manifest is not None:
            claims.append(Claim(Source.MANIFEST, "x", "a", manifest))
        created = {f"JID{day}": datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)}
        rules = {"manifest": manifest is not None, "logs": True, "created": created}
        assert alike(claims, StoredObject("x", "a", 20), **rules) is kind

    def test_of_two_at_once_neither_is_older(self) -> None:
        claims = [
            Claim(Source.MANIFEST, "x", "a", 20),
            Claim(Source.SUCCESS_LOG, "x", "a", 10, job_id="JID1"),
            Claim(Source.SUCCESS_LOG, "x", "a", 20, job_id="JID2"),
        ]
        for created in ({}, dict.fromkeys(("JID1", "JID2"), datetime(2026, 1, 1, tzinfo=UTC))):
            there = StoredObject("x", "a", 20)
            assert alike(claims, there, logs=True, created=created) is Kind.WRONG_SIZE


class TestTolerance:
    """What is tolerated hides nothing that is not."""

    @pytest.mark.parametrize(
        ("tolerated", "kind", "faults"),
        [
            ((), Kind.NOT_COMPARED, 1),
            ((Kind.NOT_COMPARED,), Kind.NOT_LOGGED, 1),
            ((Kind.NOT_COMPARED, Kind.NOT_LOGGED), Kind.NOT_COMPARED, 0),
        ],
    )
    def test_of_two_differences(self, tolerated: tuple[Kind, ...], kind: Kind, faults: int) -> None:
        comparison = Comparison(Rules(manifest=True, logs=True, tolerated=frozenset(tolerated)))
        claim = Claim(Source.MANIFEST, "x", "a", 1, (Checksum("md5", "ab"),))
        found = list(
            comparison.differences([(("x", b"a"), claim)], [(("x", b"a"), StoredObject("x", "a", 1, "ab-2"))])
        )
        assert ([each.kind for each in found], comparison.faults) == ([kind], faults)


class TestWhatFailed:
    """It has arrived if a job that was certainly created later brought it."""

    @pytest.mark.parametrize(
        ("brought", "failed", "kind"),
        [
            (None, None, Kind.FAILED),
            (2, None, Kind.FAILED),
            (None, 1, Kind.FAILED),
            (1, 2, Kind.FAILED),
            (1, 1, Kind.FAILED),
            (2, 1, None),
        ],
    )
    def test_by_the_days_on_which_the_jobs_were_created(
        self, brought: int | None, failed: int | None, kind: Kind | None
    ) -> None:
        claims = [
            Claim(Source.SUCCESS_LOG, "x", "a", 1, job_id="JID1"),
            Claim(Source.FAILURE_LOG, "x", "a", 1, job_id="JID2", error="why"),
        ]
        days = {"JID1": brought, "JID2": failed}
        created = {job: datetime(2026, 1, day, tzinfo=UTC) for job, day in days.items() if day is not None}
        there = StoredObject("x", "a", 1)
        assert alike(claims, there, manifest=False, logs=True, created=created) is kind

    @pytest.mark.parametrize(
        ("checksum", "kind"),
        [
            (None, Kind.FAILED),
            (("md5", "bb"), Kind.FAILED),
            (("sha1", "cc"), Kind.FAILED),
            (("md5", "aa"), Kind.NOT_LOGGED),
            (("etag", "aa"), Kind.NOT_LOGGED),
            (("sha1", "dd"), Kind.NOT_LOGGED),
        ],
    )
    def test_of_what_was_copied_by_hand_a_checksum_says_so(
        self, checksum: tuple[str, str] | None, kind: Kind
    ) -> None:
        def look(objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
            return [each._replace(checksums=(Checksum("sha1", "dd"),)) for each in objects]

        claims = [
            Claim(Source.FAILURE_LOG, "x", "a", 1, job_id="JID1", error="why"),
            Claim(Source.MANIFEST, "x", "a", 1, () if checksum is None else (Checksum(*checksum),)),
        ]
        comparison = Comparison(Rules(manifest=True, logs=True), look)
        there = [(("x", b"a"), StoredObject("x", "a", 1, "aa"))]
        [found] = comparison.differences([(("x", b"a"), claim) for claim in claims], there)
        assert found.kind is kind


class TestOrder:
    def test_keys_are_sorted_as_s3_does(self) -> None:
        keys = ["\U0001f9ca", "\uff5e", "é", "e\u0301", "Z", "a", "a/", "a!", ""]
        with SortedRecords(exact_order) as records:
            records.add_claims(Claim(Source.MANIFEST, "x", key, 1) for key in keys)
            assert [claim.key for _, claim in records.claims()] == sorted(keys, key=str.encode)

    def test_a_listing_that_goes_back_is_an_error(self) -> None:
        listing = [(("x", key.encode()), StoredObject("x", key, 1)) for key in ("b", "a")]
        with pytest.raises(UnreadableError, match="The listing of bucket x is not in order"):
            list(Comparison(Rules(manifest=True, logs=False)).differences([], listing))

    def test_one_that_has_a_key_twice_is_an_error(self) -> None:
        listing = [(("x", b"a"), StoredObject("x", "a", size)) for size in (1, 2)]
        with pytest.raises(UnreadableError, match="The listing of bucket x has 'a' twice"):
            list(Comparison(Rules(manifest=True, logs=False)).differences([], listing))

    @pytest.mark.parametrize("order", [exact_order, folded_order])
    def test_a_key_that_s3_cannot_have_is_an_error(self, order: Callable[[str], bytes]) -> None:
        assert order("é" * 512)
        with pytest.raises(UnreadableError, match="has 1025 bytes, and S3 takes 1024"):
            order("é" * 512 + "a")
        with pytest.raises(UnreadableError, match="half a surrogate pair"):
            order("\ud800")


class TestFiles:
    def test_a_line_without_end_is_not_read_into_memory(self, tmp_path: Path, client: Any) -> None:
        file = tmp_path / "m.csv.gz"
        file.write_bytes(gzip.compress(b"key,size\n" + b"x" * (3 << 20)))
        lines = lines_of_file(str(file), Bucket(client), "manifest m")
        assert next(lines) == b"key,size\n"
        with pytest.raises(SnowballFileError, match="Cannot read manifest m: line 2 has more than 1048576"):
            next(lines)


@pytest.fixture
def client() -> Any:
    return botocore.session.get_session().create_client(
        "s3", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )


class TestLook:
    def test_a_number_of_s3_has_a_meaning(self, client: Any) -> None:
        stored = StoredObject("x", "a", 1)
        with Stubber(client) as stubber:
            stubber.add_client_error("head_object", "403", "Forbidden", 403)
            with pytest.raises(SnowballPermanentError, match=r"AccessDenied .*Forbidden \(s3://x/a\)"):
                permanent_as_such(lambda: Bucket(client).look([stored]))
            stubber.add_client_error("head_object", "404", "Not Found", 404)
            with pytest.raises(SnowballFileError, match="There is no object s3://x/a"):
                permanent_as_such(lambda: Bucket(client).look([stored]))

    def test_a_place_with_an_at_sign_is_no_password(self, client: Any) -> None:
        with Stubber(client) as stubber:
            stubber.add_client_error("head_object", "404", "Not Found", 404)
            with pytest.raises(SnowballFileError, match=r"no object s3://x/mail/joe@example\.com/1"):
                permanent_as_such(
                    lambda: Bucket(client).look([StoredObject("x", "mail/joe@example.com/1", 1)])
                )

    def test_a_request_that_s3_takes_for_bad_may_have_two_reasons(self, client: Any) -> None:
        with Stubber(client) as stubber:
            stubber.add_client_error("head_object", "400", "Bad Request", 400)
            with pytest.raises(ClientError, match="under a customer's own key, or for a session token"):
                permanent_as_such(lambda: Bucket(client).look([StoredObject("x", "a", 1)]))

    def test_an_object_that_two_claims_are_of_is_looked_at_once(self) -> None:
        looked: list[StoredObject] = []

        def look(objects: Sequence[StoredObject]) -> Sequence[StoredObject]:
            looked.extend(objects)
            return [each._replace(checksums=(Checksum("sha1", "ab"),)) for each in objects]

        place, stored = ("x", b"a"), StoredObject("x", "a", 1)
        claim = Claim(Source.MANIFEST, "x", "a", 1, (Checksum("sha1", "ab"),))
        comparison = Comparison(Rules(manifest=True, logs=False), look)
        assert list(comparison.differences(iter([(place, claim)] * 2), iter([(place, stored)]))) == []
        assert (looked, comparison.alike) == ([stored], 1)


class TestListing:
    def test_a_page_after_the_other_at_the_requesters_cost(self, client: Any) -> None:
        asked = {"Bucket": "x", "Prefix": "a/", "RequestPayer": "requester"}
        with Stubber(client) as stubber:
            for number in range(3):
                page = {
                    "IsTruncated": number < 2,
                    "KeyCount": 1,
                    "Contents": [{"Key": f"a/{number}", "Size": number, "ETag": '"AB-1"'}],
                    **({"NextContinuationToken": str(number + 1)} if number < 2 else {}),
                }
                more = {"ContinuationToken": str(number)} if number else {}
                stubber.add_response("list_objects_v2", page, asked | more)
            found = list(Bucket(client, request_payer=True).objects("x", "a/"))
        assert found == [StoredObject("x", f"a/{number}", number, "ab-1") for number in range(3)]

    def test_one_that_is_denied_on_its_second_page_is_no_shorter_one(self, client: Any) -> None:
        page = {"IsTruncated": True, "NextContinuationToken": "1", "Contents": [{"Key": "a", "Size": 1}]}
        with Stubber(client) as stubber:
            stubber.add_response("list_objects_v2", page)
            stubber.add_client_error("list_objects_v2", "AccessDenied", "not yours", 403)
            listing = Bucket(client).objects("x")
            assert next(listing).key == "a"
            with pytest.raises(SnowballPermanentError, match="not yours"):
                permanent_as_such(lambda: next(listing))

    @pytest.mark.parametrize("status", [403, 404])
    def test_a_proxys_page_in_its_place_is_no_word_of_s3(self, client: Any, status: int) -> None:
        """botocore takes the number of an answer without a code for one; another try may not meet it."""
        with Stubber(client) as stubber:
            stubber.add_client_error("list_objects_v2", str(status), "a page", status)
            with pytest.raises(ClientError, match=r"a page \(s3://x/\)"):
                permanent_as_such(lambda: list(Bucket(client).objects("x")))

    @pytest.mark.parametrize(
        "page",
        [
            {},
            {"KeyCount": 1, "Contents": [{"Key": "a", "Size": 1}]},
            {"IsTruncated": False, "KeyCount": 2, "Contents": [{"Key": "a", "Size": 1}]},
            {"IsTruncated": False, "KeyCount": 1, "Contents": [{"Key": "a"}]},
            {"IsTruncated": True, "KeyCount": 1, "Contents": [{"Key": "a", "Size": 1}]},
        ],
    )
    def test_a_page_that_is_not_whole_is_an_error(self, client: Any, page: dict[str, Any]) -> None:
        with Stubber(client) as stubber:
            stubber.add_response("list_objects_v2", page)
            with pytest.raises(SnowballAnswerError, match="The listing of bucket x does not count"):
                list(Bucket(client).objects("x"))
