"""
What it costs to verify an import of a million objects, beside the bare listing and reading of the manifest.

``python -m benchmarks.verification [OBJECTS]`` adds a row to VERIFICATION.md: in one run, first what cannot
be done without (boto3's paginator over ListObjectsV2, csv over the manifest), then ``ImportVerifier`` on the
same bucket and manifest, each in a process of its own. The other end is an HTTP server in a third one.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROWS = Path(__file__).with_name("VERIFICATION.md")
BUCKET = "archive"
JOB_ID = "JID123e4567-e89b-12d3-a456-426655440000"
_PAGE = 1000


def key_of(number: int) -> str:
    """Return the key of an object, in the order in which S3 lists them."""
    return f"data/site-{number // 10_000:04}/tray-{number // 100 % 100:02}/object-{number:09}.bin"


def size_of(number: int) -> int:
    """Return its size."""
    return number * 7919 % 2**30


class _Answers(BaseHTTPRequestHandler):
    """Answers DescribeJob, and lists the bucket."""

    objects = 0
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        job = {
            "JobId": JOB_ID,
            "JobType": "IMPORT",
            "JobState": "Complete",
            "Resources": {"S3Resources": [{"BucketArn": f"arn:aws:s3:::{BUCKET}"}]},
        }
        self._answer(json.dumps({"JobMetadata": job}), "application/x-amz-json-1.1")

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        start = int(query.get("continuation-token", ["0"])[0])
        end = min(start + _PAGE, self.objects)
        entries = "".join(
            f"<Contents><Key>{key_of(number)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{number:032x}&quot;</ETag><Size>{size_of(number)}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for number in range(start, end)
        )
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < self.objects else ""
        self._answer(
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix></Prefix><MaxKeys>{_PAGE}</MaxKeys>"
            "<EncodingType>url</EncodingType>"
            f"<KeyCount>{end - start}</KeyCount><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}"
            f"{entries}</ListBucketResult>",
            "application/xml",
        )

    def _answer(self, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def serve(objects: int, tell: Connection) -> None:
    """Serve until the process is ended."""
    _Answers.objects = objects
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    tell.send(server.server_port)
    server.serve_forever()


def bare(manifest: str) -> int:
    """List, and read the manifest; return how many objects the two have."""
    count = 0
    for page in _hook().s3_client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        count += len(page["Contents"])
    with Path(manifest).open(newline="") as file:
        return count + sum(1 for _ in csv.reader(file)) - 1


def verified(manifest: str) -> int:
    """Verify; return how many objects are alike, twice."""
    from airflow_provider_snowball.hooks.import_verifier import ImportVerifier
    from airflow_provider_snowball.operators.verify_import import VerifyImportOperator
    from airflow_provider_snowball.verification.request import VerificationRequest

    operator = VerifyImportOperator(task_id="verify", job_ids=[JOB_ID], manifest=manifest, use_logs=False)
    arguments = {name: getattr(operator, name) for name in VerificationRequest.__dataclass_fields__}
    summary = ImportVerifier(_hook(), VerificationRequest.read(arguments), lambda *_: None).verify()
    assert summary["verified"], summary
    return 2 * int(summary["alike"])


def _hook() -> Any:
    from airflow_provider_snowball.hooks.snowball import SnowballHook

    return SnowballHook(aws_conn_id="snow")


def measured(work: Callable[[str], int], manifest: str, tell: Connection) -> None:
    """Tell the objects, the seconds, and the megabytes above those of the process with its imports."""
    import airflow_provider_snowball.hooks.import_verifier  # noqa: F401 - not part of what is measured

    _hook().s3_client()
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    count = work(manifest)
    took = time.monotonic() - began
    tell.send((count, took, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) / 1024))


def _in_a_process(target: Callable[..., None], *arguments: Any) -> tuple[multiprocessing.Process, Any]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=target, args=(*arguments, theirs), daemon=True
    )
    process.start()
    return process, ours.recv()  # type: ignore[return-value]  # of the context, which is one of these


def main() -> None:
    """Measure, and add the row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verification")
    parser.add_argument("objects", type=int, nargs="?", default=1_000_000)
    objects = parser.parse_args().objects
    server, port = _in_a_process(serve, objects)
    extra = {"region_name": "us-east-1", "endpoint_url": f"http://127.0.0.1:{port}"}
    os.environ["AIRFLOW_CONN_SNOW"] = json.dumps(
        {"conn_type": "snowball", "login": "testing", "password": "testing", "extra": extra}
    )
    with tempfile.TemporaryDirectory() as folder:
        manifest = f"{folder}/manifest.csv"
        with Path(manifest).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["key", "size"])
            rows.writerows((key_of(number), size_of(number)) for number in reversed(range(objects)))
        cells = [f"{datetime.now(UTC):%Y-%m-%d}", objects]
        seconds = []
        for work in (bare, verified):
            _, (count, took, megabytes) = _in_a_process(measured, work, manifest)
            assert count == 2 * objects, count
            seconds.append(took)
            cells += [f"{took:.0f}", f"{megabytes:.0f}"]
        cells.append(f"{seconds[1] / seconds[0]:.2f}")
    server.kill()
    line = f"| {' | '.join(map(str, cells))} |\n"
    print(line, flush=True)
    with ROWS.open("a") as out:
        out.write(line)


if __name__ == "__main__":
    main()
