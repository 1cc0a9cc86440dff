"""What imports have brought, compared with what they should have: emulator and moto's S3, over HTTP."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from moto.core import set_initial_no_auth_action_count
from moto.iam.models import iam_backends

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.exceptions import (
    SnowballFileError,
    SnowballPermanentError,
    SnowballVerificationError,
)
from airflow_provider_snowball.operators.verify_import import VerifyImportOperator
from tests.fakes.emulated import BUCKET, client_of, create_bucket, order_cluster, order_import, steer
from tests.fakes.fleet_server import connection

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow.models.dag import DAG  # type: ignore[no-redef]  # the same there

DAY = 86400.0
OBJECTS = {"a.jpg": 10, "b/b.jpg": 2000, "big.bin": 50 * 2**20, "empty": 0}
#: As S3 takes them.
STRANGE = [" a ", 'a"b', "a,b", "a\nb", "é", "e\u0301", "北京/🧊", "a%20b", "a+b", "k" * 1024]


class Pushed:
    """A task instance as far as the operator knows one."""

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


class Place:
    """A local Snowball with its S3, and an import that is complete there."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self.s3 = create_bucket(endpoint_url)

    def imported(self, objects: dict[str, int], failed: dict[str, str] | None = None) -> str:
        """Return the id of an import that has brought these objects, but for those that failed."""
        job_id = order_import(client_of(self.endpoint_url))
        steer(self.endpoint_url, job_id, objects=objects, failed_objects=failed or {})
        snowball_clock.jump(60 * DAY)
        return job_id

    def manifest(self, key: str, rows: list[dict[str, Any]]) -> str:
        """Put a manifest into a bucket of its own, and return where it is."""
        self.s3.create_bucket(Bucket="manifests")
        if ".csv" in key:
            out = io.StringIO()
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)
            text = out.getvalue()
        else:
            text = "".join(json.dumps(row) + "\n" for row in rows)
        body = gzip.compress(text.encode()) if key.endswith(".gz") else text.encode()
        self.s3.put_object(Bucket="manifests", Key=key, Body=body)
        return f"s3://manifests/{key}"

    def verify(self, *job_ids: str, **asked: Any) -> dict[str, Any]:
        """Run the operator; return the summary whether it fails or not, ``raised`` with what it raised."""
        operator = VerifyImportOperator(task_id="verify", job_ids=list(job_ids), aws_conn_id="snow", **asked)
        pushed = Pushed()
        try:
            summary = operator.execute({"ti": pushed})  # type: ignore[typeddict-item]
        except SnowballVerificationError as error:
            if "verification" not in pushed.xcoms:
                raise
            return {**pushed.xcoms["verification"], "raised": str(error)}
        assert pushed.xcoms["verification"] == summary
        assert summary["verified"] is True
        return summary | {"raised": None}


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with SnowballServer() as server:
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", connection(server.endpoint_url))
        yield Place(server.endpoint_url)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """``days(n)``: jobs are from now on created on that day of a year."""

    def set_date(number: int) -> None:
        monkeypatch.setattr(snowball_clock, "wall", lambda: datetime(2026, 1, 1 + number, tzinfo=UTC))

    return set_date


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worker's clock is that of Berlin."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def rows_of(objects: dict[str, int]) -> list[dict[str, Any]]:
    return [{"key": key, "size": size} for key, size in objects.items()]


def differences(summary: dict[str, Any]) -> dict[str, int]:
    assert summary["verified"] is (summary["raised"] is None)
    return {kind: count for kind, count in summary["differences"].items() if count}


class TestLogsAlone:
    def test_all_there(self, place: Place) -> None:
        summary = place.verify(place.imported(OBJECTS))
        assert differences(summary) == {}
        assert (summary["alike"], summary["bytes"]) == (4, sum(OBJECTS.values()))
        assert summary["read"] == {"success log": 4, "failure log": 0, "bucket": 4}
        assert json.loads(json.dumps(summary)) == summary

    @pytest.mark.parametrize(
        ("lie", "kind", "detail"),
        [
            (lambda s3: s3.delete_object(Bucket=BUCKET, Key="a.jpg"), "not_in_bucket", "in the success log"),
            (
                lambda s3: s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"123456789"),
                "wrong_size",
                "expected with 10 bytes (success log); it has 9",
            ),
            (
                lambda s3: s3.put_object(Bucket=BUCKET, Key="a.jpg.bak", Body=b""),
                "extra",
                "in no success log",
            ),
        ],
    )
    def test_one_lie(self, place: Place, lie: Callable[[Any], Any], kind: str, detail: str) -> None:
        job_id = place.imported(OBJECTS)
        lie(place.s3)
        summary = place.verify(job_id)
        assert differences(summary) == {kind: 1}
        assert f"1 {kind}: {kind} s3://{BUCKET}/a.jpg" in summary["raised"]
        assert detail in summary["first"][0]["detail"]

    def test_what_failed_is_told_with_its_reason(self, place: Place) -> None:
        summary = place.verify(place.imported(OBJECTS, {"a.jpg": "Checksum mismatch"}))
        assert differences(summary) == {"failed": 1}
        assert summary["raised"].endswith(
            f"1 failed: failed s3://{BUCKET}/a.jpg (job {summary['job_ids'][0]}: Checksum mismatch) [SNB504]"
        )

    def test_what_was_sent_again_has_arrived(self, place: Place, days: Callable[[int], None]) -> None:
        days(0)
        first = place.imported(OBJECTS, {"a.jpg": "Checksum mismatch"})
        days(1)
        second = place.imported({"a.jpg": 10})
        assert differences(place.verify(first, second)) == {}
        assert differences(place.verify(second, first)) == {}

    def test_what_an_earlier_job_had_brought_was_not_sent_again(
        self, place: Place, days: Callable[[int], None]
    ) -> None:
        days(0)
        earlier = place.imported({"a.jpg": 10})
        days(1)
        later = place.imported(OBJECTS, {"a.jpg": "Checksum mismatch"})
        assert differences(place.verify(earlier, later)) == {"failed": 1}
        assert differences(place.verify(later, earlier)) == {"failed": 1}

    def test_of_jobs_created_at_once_nobody_knows_which_came_later(
        self, place: Place, days: Callable[[int], None]
    ) -> None:
        days(0)
        first = place.imported(OBJECTS, {"a.jpg": "Checksum mismatch"})
        second = place.imported({"a.jpg": 10})
        assert differences(place.verify(first, second)) == {"failed": 1}
        assert differences(place.verify(second, first)) == {"failed": 1}

    @pytest.mark.usefixtures("berlin")
    def test_an_hour_comes_twice_a_year(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """The clock of the earlier says 02:50, that of the later 02:10."""
        job_ids = []
        for hour, minute, failed in ((0, 50, {}), (1, 10, {"a.jpg": "Checksum mismatch"})):
            moment = datetime(2026, 10, 25, hour, minute, tzinfo=UTC)
            monkeypatch.setattr(snowball_clock, "wall", lambda moment=moment: moment)
            job_ids.append(place.imported(OBJECTS, failed))
        assert differences(place.verify(*job_ids)) == {"failed": 1}

    def test_what_was_sent_again_has_the_size_of_what_failed(
        self, place: Place, days: Callable[[int], None]
    ) -> None:
        days(0)
        first = place.imported(OBJECTS, {"b/b.jpg": "Checksum mismatch"})
        days(1)
        second = place.imported({"b/b.jpg": 10})
        summary = place.verify(first, second)
        assert differences(summary) == {"wrong_size": 1}
        assert "10 bytes (success log) and 2000 bytes (failure log)" in summary["raised"]

    def test_what_failed_for_the_length_of_its_key_is_told(self, place: Place, tmp_path: Path) -> None:
        report = tmp_path / "report.csv"
        job_id = place.imported({"a": 1, "k" * 1100: 1}, {"k" * 1100: "Key too long"})
        summary = place.verify(job_id, report=str(report))
        assert (differences(summary), summary["alike"]) == ({"failed": 1}, 1)
        assert "Key too long, under a key that S3 cannot have: 'kkk" in report.read_text()

    def test_words_of_a_failure_are_short_and_show_no_link(self, place: Place) -> None:
        words = "GET https://x/y?X-Amz-Signature=abcdef failed " + "x" * 5000
        summary = place.verify(place.imported(OBJECTS, {"a.jpg": words}))
        assert "abcdef" not in json.dumps(summary)
        assert len(summary["first"][0]["detail"]) < 1100

    def test_strange_keys(self, place: Place) -> None:
        assert differences(place.verify(place.imported(dict.fromkeys(STRANGE, 3)))) == {}

    def test_more_than_a_page(self, place: Place) -> None:
        job_id = place.imported({f"{number:04}": 1 for number in range(1001)})
        assert place.verify(job_id)["alike"] == 1001
        place.s3.delete_object(Bucket=BUCKET, Key="1000")
        assert differences(place.verify(job_id)) == {"not_in_bucket": 1}

    def test_a_delete_marker_is_no_object(self, place: Place) -> None:
        place.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        job_id = place.imported(OBJECTS)
        assert differences(place.verify(job_id)) == {}
        place.s3.delete_object(Bucket=BUCKET, Key="empty")
        assert differences(place.verify(job_id)) == {"not_in_bucket": 1}

    def test_only_some_prefixes(self, place: Place) -> None:
        job_id = place.imported(OBJECTS)
        place.s3.delete_object(Bucket=BUCKET, Key="a.jpg")
        summary = place.verify(job_id, prefixes=["b/", "b/b", "big"])
        assert summary["alike"] == 2
        assert summary["read"] == {"success log": 4, "failure log": 0, "outside the prefixes": 2, "bucket": 2}
        assert differences(place.verify(job_id, prefixes=["a", "b/"])) == {"not_in_bucket": 1}

    def test_what_failed_outside_the_prefixes_fails_it_too(
        self, place: Place, days: Callable[[int], None]
    ) -> None:
        """In which form a failure log has keys is not documented."""
        days(0)
        first = place.imported(OBJECTS, {"a.jpg": "Checksum mismatch"})
        summary = place.verify(first, prefixes=["b/"])
        assert differences(summary) == {"failed": 1}
        assert "(3 entries outside the prefixes were not compared)" in summary["raised"]
        days(1)
        second = place.imported({"a.jpg": 10})
        summary = place.verify(first, second, prefixes=["b/"])
        assert (differences(summary), summary["alike"], summary["objects"]) == ({}, 1, 1)

    def test_where_there_is_nothing_nothing_is_verified(self, place: Place) -> None:
        summary = place.verify(place.imported(OBJECTS), prefixes=["nowhere/"])
        assert summary["raised"].endswith("were not compared): nothing was compared [SNB504]")

    def test_prefixes_are_found_in_any_case(self, place: Place) -> None:
        """Which of two is meant nobody knows, wherever a prefix begins."""
        job_id = place.imported({"data/x": 1})
        place.s3.put_object(Bucket=BUCKET, Key="DATA/x", Body=b"22")
        manifest = place.manifest("m.csv", rows_of({"Data/x": 1}))
        asked = {"manifest": manifest, "use_logs": False, "ignore_case": True, "prefixes": ["data/"]}
        assert differences(place.verify(job_id, **asked)) == {"missing": 1, "extra": 2}
        place.s3.delete_object(Bucket=BUCKET, Key="data/x")
        assert differences(place.verify(job_id, **asked)) == {"wrong_size": 1}

    def test_two_files_that_become_one_key(self, place: Place) -> None:
        manifest = place.manifest("m.csv", rows_of({"/mnt/a/x": 3, "/mnt/b/x": 3}))
        summary = place.verify(
            place.imported({"data/x": 3}),
            manifest=manifest,
            key_mapping={"/mnt/a/": "data/", "/mnt/b/": "data/"},
        )
        assert differences(summary) == {"missing": 1}
        words = "2 lines of the manifest have this key, and no checksum says that they are one file: "
        assert f"{words}'/mnt/a/x', '/mnt/b/x'" in summary["raised"]

    def test_two_files_of_one_key(self, place: Place) -> None:
        """The lists of two servers, say, one behind the other."""
        row = {"key": "data/README", "size": 4, "md5": ""}
        job_id = place.imported({"data/README": 4})
        place.s3.put_object(Bucket=BUCKET, Key="data/README", Body=b"1234")
        summary = place.verify(job_id, manifest=place.manifest("m.csv", [row, row]))
        assert differences(summary) == {"missing": 1}
        words = "2 lines of the manifest have this key, and no checksum says that they are one file: "
        assert f"{words}'data/README'" in summary["raised"]
        row["md5"] = hashlib.md5(b"1234", usedforsecurity=False).hexdigest()
        summary = place.verify(job_id, manifest=place.manifest("m.csv", [row, row]))
        assert (differences(summary), summary["checksums"]) == ({}, {"md5": 1})

    def test_a_report_has_a_folder_before_anything_is_compared(self, place: Place, tmp_path: Path) -> None:
        job_id = place.imported(OBJECTS)
        with pytest.raises(SnowballFileError, match="is no folder"):
            place.verify(job_id, report=str(tmp_path / "nowhere" / "report.csv"))

    def test_the_summary_is_there_though_the_report_cannot_be_written(
        self, place: Place, tmp_path: Path
    ) -> None:
        (tmp_path / "report.csv").mkdir()
        operator = VerifyImportOperator(
            task_id="verify",
            job_ids=[place.imported(OBJECTS)],
            aws_conn_id="snow",
            report=str(tmp_path / "report.csv"),
        )
        pushed = Pushed()
        with pytest.raises(SnowballFileError, match="Cannot write the report"):
            operator.execute({"ti": pushed})  # type: ignore[typeddict-item]
        assert pushed.xcoms["verification"]["verified"] is True
        assert [each.name for each in tmp_path.iterdir()] == ["report.csv"]


class TestManifest:
    @pytest.mark.parametrize("name", ["m.csv", "m.csv.gz", "m.jsonl", "m.jsonl.gz"])
    def test_all_there(self, place: Place, name: str) -> None:
        summary = place.verify(
            place.imported(OBJECTS), manifest=place.manifest(name, rows_of(OBJECTS)), use_logs=False
        )
        assert differences(summary) == {}
        assert summary["read"] == {"manifest": 4, "bucket": 4}

    def test_with_the_logs(self, place: Place) -> None:
        place.s3.put_object(Bucket=BUCKET, Key="old", Body=b"123")
        manifest = place.manifest("m.csv", rows_of(OBJECTS | {"old": 3, "never": 1}))
        job_id = place.imported(OBJECTS | {"unasked": 1})
        assert differences(place.verify(job_id, manifest=manifest)) == {
            "missing": 1,
            "not_logged": 1,
            "extra": 1,
        }
        assert differences(place.verify(job_id, manifest=manifest, use_logs=False)) == {
            "missing": 1,
            "extra": 1,
        }

    def test_a_file_of_the_worker_with_other_names_and_keys(self, place: Place, tmp_path: Path) -> None:
        file = tmp_path / "listing.txt"
        file.write_text("Path,Length,mtime\n/mnt/A.jpg,10,1\n/mnt/b%2Fb.jpg,2000,1\n")
        summary = place.verify(
            place.imported({"data/a.jpg": 10, "data/b/b.jpg": 2000}),
            manifest=str(file),
            manifest_format="csv",
            manifest_columns={"path": "key", "length": "size", "mtime": None},
            manifest_key_encoding="url",
            key_mapping={"/mnt/": "data/", "/": ""},
            ignore_case=True,
        )
        assert differences(summary) == {}
        assert summary["alike"] == 2

    def test_checksums(self, place: Place) -> None:
        job_id = place.imported({"a": 4, "b": 4, "big": 2**20})
        place.s3.put_object(Bucket=BUCKET, Key="a", Body=b"1234", ChecksumAlgorithm="SHA256")
        place.s3.put_object(Bucket=BUCKET, Key="b", Body=b"1234")
        md5 = hashlib.md5(b"1234", usedforsecurity=False).hexdigest()
        sha = base64.b64encode(hashlib.sha256(b"1234").digest()).decode()
        rows = [
            {"key": "a", "size": 4, "sha256": sha, "md5": md5},
            {"key": "b", "size": 4, "sha256": "", "md5": md5},
            {"key": "big", "size": 2**20, "sha256": "", "md5": ""},
        ]
        summary = place.verify(job_id, manifest=place.manifest("m.csv", rows))
        assert differences(summary) == {}
        assert summary["checksums"] == {"sha256": 1, "md5": 2}
        rows[0]["sha256"] = base64.b64encode(hashlib.sha256(b"5678").digest()).decode()
        rows[1]["sha256"], rows[2]["md5"] = sha, md5
        summary = place.verify(job_id, manifest=place.manifest("m.csv", rows))
        assert differences(summary) == {"wrong_checksum": 1, "not_compared": 2}

    def test_what_failed_was_copied_by_hand(self, place: Place) -> None:
        job_id = place.imported({"a": 4, "b": 4}, {"a": "Checksum mismatch"})
        place.s3.put_object(Bucket=BUCKET, Key="a", Body=b"1234")
        md5 = hashlib.md5(b"1234", usedforsecurity=False).hexdigest()
        rows = [{"key": "a", "size": 4, "md5": ""}, {"key": "b", "size": 4, "md5": ""}]
        asked = {"tolerate": ["not_logged"]}
        manifest = place.manifest("m.csv", rows)
        assert differences(place.verify(job_id, manifest=manifest, **asked)) == {"failed": 1}
        rows[0]["md5"] = md5
        manifest = place.manifest("m.csv", rows)
        assert differences(place.verify(job_id, manifest=manifest, **asked)) == {"not_logged": 1}

    def test_where_all_that_is_there_is_tolerated_nothing_is_verified(self, place: Place) -> None:
        manifest = place.manifest("m.csv", [{"key": "big", "size": 2**20, "md5": "0" * 32}])
        job_id = place.imported({"big": 2**20, "more": 1})
        tolerated = ["not_compared", "extra"]
        summary = place.verify(job_id, manifest=manifest, tolerate=tolerated)
        assert differences(summary) == {"not_compared": 1, "extra": 1}
        words = "; all that differs is tolerated, and nothing was left that is alike: nothing was verified"
        assert summary["raised"].endswith(f"{words} [SNB504]")
        summary = place.verify(job_id, manifest=manifest, tolerate=["extra"])
        assert words not in summary["raised"]

    def test_an_md5_of_what_kms_encrypts_is_not_compared(self, place: Place) -> None:
        job_id = place.imported({"a": 4})
        place.s3.put_object(Bucket=BUCKET, Key="a", Body=b"1234", ServerSideEncryption="aws:kms")
        rows = [{"key": "a", "size": 4, "md5": "0" * 32}]
        summary = place.verify(job_id, manifest=place.manifest("m.csv", rows))
        assert differences(summary) == {"not_compared": 1}

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "is empty: it has not even a line that names its columns"),
            ("key,size\n", "names no object: nothing can be compared with it"),
            ("key\na\n", "has no column for the size (size) in its first line: 'key'"),
            (
                "key,size,colour\na,1,red\n",
                "has a column 'colour', which is none of bucket, key, size, etag, md5",
            ),
            ("key,size\na,1\nb\n", "line 3, has 1 values for 2 columns: 'b'"),
            ("key,size\na,1e3\n", "line 2: the size must be a whole number of bytes; got '1e3'"),
            ("key,size\n,1\n", "line 2 has no key"),
            (
                f"key,size\na,1\n{'k' * 1025},1\n",
                f"m.csv, line 3: The key '{'k' * 200}'… has 1025 bytes, and S3 takes 1024 at most; ",
            ),
            ('key,size\n"a,1\n', "line 2, is no CSV: unexpected end of data"),
            ("key,size\n\xff,1\n", "line 2, is not UTF-8 (byte 0)"),
            ("key,size,md5\na,1,zz\n", "line 2: md5 must have 16 bytes, in hexadecimal or Base64; got 'zz'"),
            ("key,size,md5\na,1,", "ends within a line, as if it had been cut: 'a,1,'"),
            (
                "bucket,key,size\nother,a,1\n",
                f"has an object of bucket other, which is none of the jobs': {BUCKET}",
            ),
        ],
    )
    def test_one_that_is_not_understood(self, place: Place, tmp_path: Path, text: str, words: str) -> None:
        file = tmp_path / "m.csv"
        file.write_bytes(text.encode("latin-1"))
        with pytest.raises(SnowballFileError) as caught:
            place.verify(place.imported({"a": 1}), manifest=str(file))
        assert words in str(caught.value)

    def test_a_path_may_be_longer_than_a_key(self, place: Place) -> None:
        manifest = place.manifest("m.csv", rows_of({f"/{'mnt' * 400}/a": 1}))
        mapping = {f"/{'mnt' * 400}/": ""}
        job_id = place.imported({"a": 1})
        assert differences(place.verify(job_id, manifest=manifest, key_mapping=mapping)) == {}
        with pytest.raises(SnowballFileError, match=r"m\.csv, line 2: The key .* has 1203 bytes"):
            place.verify(job_id, manifest=manifest)

    def test_one_that_is_not_there(self, place: Place, tmp_path: Path) -> None:
        job_id = place.imported({"a": 1})
        with pytest.raises(
            SnowballFileError, match=r"Cannot read manifest .*nowhere\.csv: FileNotFoundError"
        ):
            place.verify(job_id, manifest=str(tmp_path / "nowhere.csv"))
        with pytest.raises(SnowballFileError, match=f"There is no object s3://{BUCKET}/nowhere.csv"):
            place.verify(job_id, manifest=f"s3://{BUCKET}/nowhere.csv")

    def test_a_packed_one_that_is_torn(self, place: Place, tmp_path: Path) -> None:
        packed = gzip.compress(b"key,size\n" + b"".join(b"%d,1\n" % number for number in range(1000)))
        for torn in (packed[:-9], b"key,size\na,1\n"):
            file = tmp_path / "m.csv.gz"
            file.write_bytes(torn)
            with pytest.raises(SnowballFileError, match="Cannot read manifest"):
                place.verify(place.imported({"a": 1}), manifest=str(file))


class TestReport:
    def test_all_differences_are_in_it(self, place: Place, tmp_path: Path) -> None:
        job_id = place.imported(OBJECTS)
        for number in range(30):
            place.s3.put_object(Bucket=BUCKET, Key=f'"{number:02}"', Body=b"")
        place.s3.create_bucket(Bucket="reports")
        for report in (str(tmp_path / "report.csv"), "S3://reports/a/report.csv"):
            summary = place.verify(job_id, report=report)
            assert differences(summary) == {"extra": 30}
            assert (len(summary["first"]), summary["report"]) == (20, report)
            assert summary["raised"].endswith(f"; all of them in {report} [SNB504]")
        stored = place.s3.get_object(Bucket="reports", Key="a/report.csv")["Body"].read()
        assert stored == (tmp_path / "report.csv").read_bytes()
        rows = list(csv.DictReader(io.StringIO(stored.decode(), newline="")))
        assert [row["key"] for row in rows] == [f'"{number:02}"' for number in range(30)]
        assert rows[0] == {
            "kind": "extra",
            "bucket": BUCKET,
            "key": '"00"',
            "detail": "in no success log",
        }

    def test_what_is_tolerated_is_named_behind_what_is_not(self, place: Place, tmp_path: Path) -> None:
        job_id = place.imported(OBJECTS)
        for number in range(25):
            place.s3.put_object(Bucket=BUCKET, Key=f"0/{number:02}", Body=b"")
        place.s3.delete_object(Bucket=BUCKET, Key="a.jpg")
        place.s3.delete_object(Bucket=BUCKET, Key="empty")
        report = tmp_path / "report.csv"
        summary = place.verify(job_id, tolerate=["extra"], report=str(report))
        assert differences(summary) == {"not_in_bucket": 2, "extra": 25}
        keys = [each["key"] for each in summary["first"]]
        assert keys == ["a.jpg", "empty", *(f"0/{number:02}" for number in range(18))]
        assert f"2 not_in_bucket, 25 extra: not_in_bucket s3://{BUCKET}/a.jpg (" in summary["raised"]
        written = [row["key"] for row in csv.DictReader(io.StringIO(report.read_text()))]
        assert written == sorted(written)

    def test_one_that_cannot_be_written_fails_the_task(self, place: Place, tmp_path: Path) -> None:
        with pytest.raises(SnowballFileError, match="Cannot write the report"):
            place.verify(place.imported(OBJECTS), report=str(tmp_path / "no" / "report.csv"))


class TestOwnFiles:
    """What the task itself reads and writes in the bucket of an import."""

    def test_they_are_not_extra(self, place: Place) -> None:
        job_id = place.imported(OBJECTS)
        place.s3.put_object(Bucket=BUCKET, Key="lists/m.csv", Body=b"key,size\na.jpg,10\n")
        asked = {"report": f"s3://{BUCKET}/lists/r.csv", "prefixes": ["a", "lists/"]}
        asked["manifest"] = f"s3://{BUCKET}/lists/m.csv"
        for _ in range(2):
            summary = place.verify(job_id, **asked)
            assert (differences(summary), summary["objects"], summary["alike"]) == ({}, 1, 1)
        place.s3.put_object(Bucket=BUCKET, Key="lists/r.csv.old", Body=b"")
        assert differences(place.verify(job_id, **asked)) == {"extra": 1}
        assert differences(place.verify(job_id, **asked | {"report": None})) == {"extra": 2}

    def test_what_was_to_arrive_is_an_object(self, place: Place) -> None:
        """A manifest that came with the import, say."""
        manifest = b"key,size\na.jpg,10\n"
        job_id = place.imported(OBJECTS | {"m.csv": len(manifest)})
        place.s3.put_object(Bucket=BUCKET, Key="m.csv", Body=manifest)
        asked = {"manifest": f"s3://{BUCKET}/m.csv", "prefixes": ["a", "m"]}
        assert differences(place.verify(job_id, **asked)) == {"extra": 1}


class TestWhatIsNoImport:
    def test_not_complete(self, place: Place) -> None:
        job_id = order_import(client_of(place.endpoint_url))
        with pytest.raises(
            SnowballVerificationError, match=f"Job {job_id} is New: wait until it is Complete"
        ):
            place.verify(job_id)

    def test_cancelled(self, place: Place) -> None:
        client = client_of(place.endpoint_url)
        job_id = order_import(client)
        client.cancel_job(JobId=job_id)
        words = f"^Job {job_id} is Cancelled: it brings nothing to S3; leave it out of job_ids "
        with pytest.raises(SnowballVerificationError, match=words):
            place.verify(job_id)

    def test_a_node_of_a_cluster(self, place: Place) -> None:
        client = client_of(place.endpoint_url)
        [job_id, *_] = [
            each["JobId"]
            for each in client.list_cluster_jobs(ClusterId=order_cluster(client))["JobListEntries"]
        ]
        with pytest.raises(
            SnowballVerificationError, match=f"Job {job_id} is no import, but of type LOCAL_USE"
        ):
            place.verify(job_id)

    def test_no_such_job(self, place: Place) -> None:
        with pytest.raises(SnowballPermanentError, match="JID123e4567"):
            place.verify("JID123e4567-e89b-12d3-a456-426655440000")

    def test_a_bucket_that_is_gone(self, place: Place) -> None:
        job_id = place.imported({"a": 1})
        place.s3.delete_object(Bucket=BUCKET, Key="a")
        place.s3.delete_bucket(Bucket=BUCKET)
        with pytest.raises(SnowballPermanentError, match=r"bucket does not exist.*Airflow connection 'snow'"):
            place.verify(job_id)


class TestDenied:
    @pytest.mark.parametrize(
        ("action", "words"),
        [
            ("s3:ListBucket", rf"ListObjectsV2: .*\(s3://{BUCKET}/\); allow the IAM action s3:ListBucket "),
            ("s3:GetObject", rf"HeadObject: .*\(s3://{BUCKET}/a\); allow the IAM action s3:GetObject "),
            ("s3:PutObject", r"PutObject: .*\(s3://reports/r.csv\); allow the IAM action s3:PutObject "),
        ],
    )
    def test_a_permission_that_is_missing_fails_it(
        self, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, words: str
    ) -> None:
        """The checksum of the manifest needs a look at each object."""
        job_id = place.imported({"a": 1})
        place.s3.create_bucket(Bucket="reports")
        manifest = tmp_path / "list.jsonl"
        manifest.write_text(json.dumps({"key": "a", "size": 1, "sha256": "ab" * 32}) + "\n")
        iam = iam_backends["123456789012"]["aws"]
        iam.create_user("us-east-1", "worker")
        statements = [
            {"Effect": "Allow", "Action": ["snowball:*", "s3:*"], "Resource": "*"},
            {"Effect": "Deny", "Action": action, "Resource": "*"},
        ]
        iam.put_user_policy("worker", "most", json.dumps({"Version": "2012-10-17", "Statement": statements}))
        key = iam.create_access_key("worker")
        found = json.loads(connection(place.endpoint_url, key=key.access_key_id))
        monkeypatch.setenv("AIRFLOW_CONN_SNOW", json.dumps(found | {"password": key.secret_access_key}))
        verify = set_initial_no_auth_action_count(0)(place.verify)
        with pytest.raises(SnowballPermanentError, match=f"^AccessDenied when calling {words}"):
            verify(job_id, manifest=str(manifest), report="s3://reports/r.csv")


def test_the_page_shows_what_runs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "before_the_source_may_go.md").read_text()
    shown: dict[str, Any] = {
        "DAG": DAG,
        "VerifyImportOperator": VerifyImportOperator,
        "datetime": datetime,
    }
    exec(page.split("```python\n")[1].split("```")[0], shown)
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(place.endpoint_url))
    for bucket in ("my-manifests", "my-reports"):
        place.s3.create_bucket(Bucket=bucket)
    place.s3.put_object(Bucket="my-manifests", Key="monday.csv", Body=b"key,size\na,1\nb,2\n")
    job_id = place.imported({"a": 1})
    verify = shown["verify"]
    verify.render_template_fields({"params": {"job_ids": [job_id]}, "run_id": "monday"})
    pushed = Pushed()
    with pytest.raises(SnowballVerificationError, match="1 missing"):
        verify.execute({"ti": pushed})
    report = place.s3.get_object(Bucket="my-reports", Key="monday.csv")["Body"].read().decode()
    assert report.splitlines()[1:] == [f"missing,{BUCKET},b,expected with 2 bytes (manifest)"]
    assert pushed.xcoms["verification"]["report"] == "s3://my-reports/monday.csv"


def test_links_are_found_nowhere(
    place: Place, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    job_id = place.imported(OBJECTS, {"a.jpg": "gone"})
    caplog.set_level(logging.DEBUG)
    # botocore's own debug log has every answer in full; and the other end's.
    for name in ("botocore", "airflow_provider_snowball.emulator"):
        caplog.set_level(logging.INFO, name)
    summary = place.verify(job_id)
    written = capfd.readouterr()
    told = caplog.text + written.out + written.err
    assert summary["read"] == {"success log": 3, "failure log": 1, "bucket": 3}
    for text in (json.dumps(summary), told):
        assert "X-Amz-Signature" not in text
        assert "_snowball/files" not in text
