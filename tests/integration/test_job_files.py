"""The logs and the report of a job, from the emulator's presigned links, over HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from typing import Any

import pytest

from airflow_provider_snowball.emulator import snowball_clock
from airflow_provider_snowball.emulator.server import SnowballServer
from airflow_provider_snowball.exceptions import SnowballFileError
from airflow_provider_snowball.hooks.job_files import LONGEST_LINE, lines_of, open_link
from airflow_provider_snowball.hooks.snowball import SnowballHook
from tests.fakes.emulated import client_of, order_import, steer
from tests.fakes.fleet_server import connection
from tests.fakes.json_server import JsonServer
from tests.fakes.tls_files import TlsFiles

SECRET = "X-Amz-Signature"
DAY = 86400.0


@pytest.fixture
def snowball() -> Iterator[SnowballServer]:
    with SnowballServer() as server:
        yield server


@pytest.fixture
def hook(snowball: SnowballServer, monkeypatch: pytest.MonkeyPatch) -> SnowballHook:
    monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", connection(snowball.endpoint_url))
    return SnowballHook(aws_conn_id="snowball_test")


@pytest.fixture
def complete(snowball: SnowballServer) -> str:
    """Return the id of an import that is Complete, of which one object failed."""
    job_id = order_import(client_of(snowball.endpoint_url))
    steer(snowball.endpoint_url, job_id, objects={"a.jpg": 10, "b.jpg": 20}, failed_objects={"b.jpg": "gone"})
    snowball_clock.jump(60 * DAY)
    return job_id


class TestFiles:
    def test_logs(self, hook: SnowballHook, complete: str) -> None:
        header, *lines = hook.iter_job_log(complete, "failure")
        assert header == "Bucket,Key,Size,Error"
        assert [line.split(",")[1] for line in lines] == ["b.jpg"]
        assert [line.split(",")[1] for line in hook.iter_job_log(complete, "success")][1:] == ["a.jpg"]

    def test_report(self, hook: SnowballHook, complete: str) -> None:
        assert hook.job_report(complete).startswith(b"%PDF-")

    def test_the_links_stay_inside(
        self,
        hook: SnowballHook,
        complete: str,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        caplog.set_level(logging.DEBUG)
        # botocore's own debug log has every answer in full, which nobody can keep quiet; and the other end's.
        for name in ("botocore", "airflow_provider_snowball.emulator"):
            caplog.set_level(logging.INFO, name)
        described = hook.describe_job(complete)
        list(hook.iter_job_log(complete, "failure"))
        hook.job_report(complete)
        written = capfd.readouterr()
        assert described["JobMetadata"]["JobState"] == "Complete"
        for text in (repr(described), repr(hook), caplog.text, written.out, written.err):
            assert SECRET not in text
            assert "_snowball/files" not in text

    def test_not_there_yet(self, snowball: SnowballServer, hook: SnowballHook) -> None:
        client = hook.conn
        job_id = order_import(client)
        with pytest.raises(
            SnowballFileError,
            match=rf"^There is no failure log of job {job_id}, whose state is New: AWS makes it when",
        ):
            hook.iter_job_log(job_id, "failure")
        with pytest.raises(SnowballFileError, match=rf"^There is no completion report of job {job_id}, "):
            hook.job_report(job_id)

    def test_bad_input(self, hook: SnowballHook) -> None:
        with pytest.raises(
            ValueError, match=r"^which must be one of success, failure; got 'failed' \[SNB106\]$"
        ):
            hook.iter_job_log("JID123e4567-e89b-12d3-a456-426655440000", "failed")  # type: ignore[arg-type]  # the mistake itself
        with pytest.raises(ValueError, match=r"^job_id must be JID"):
            hook.iter_job_log("JID1", "failure")


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Return what serves one answer, cut short if told so, and returns a link to it with a secret."""
    servers = []

    def start(body: bytes, *, status: int = 200, length: int | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/log?{SECRET}=hunter2"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class TestBadDays:
    def test_lines_that_break_off_are_no_end(self, serve: Callable[..., str]) -> None:
        lines = lines_of(open_link(serve(b"a\r\nb\n", length=100), "the log"), "the log")
        assert [next(lines), next(lines)] == [b"a\r\n", b"b\n"]
        with pytest.raises(SnowballFileError, match=r"^The log broke off after 5 of 100 bytes \[SNB507\]$"):
            next(lines)

    def test_refused(self, serve: Callable[..., str]) -> None:
        with pytest.raises(SnowballFileError, match=r"^Cannot read the log: HTTP 403 Forbidden") as caught:
            open_link(serve(b"Request has expired", status=403), "the log")
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_nobody_there(self) -> None:
        with pytest.raises(SnowballFileError, match=r"^Cannot read the log: URLError: ") as caught:
            open_link(f"http://127.0.0.1:9/log?{SECRET}=hunter2", "the log")
        assert "hunter2" not in str(caught.value)

    def test_a_line_without_an_end(self, serve: Callable[..., str]) -> None:
        lines = lines_of(open_link(serve(b"a\n" + b"x" * 3 * LONGEST_LINE), "the log"), "the log")
        assert next(lines) == b"a\n"
        with pytest.raises(SnowballFileError, match=r"^The log has a line of more than 1048576 bytes"):
            next(lines)

    def test_no_redirect_to_where_anybody_can_read(self, serve: Callable[..., str], tmp_path: Path) -> None:
        refused = pytest.raises(SnowballFileError, match="redirects from https to http, ")
        with TlsFiles(b"", tmp_path, redirect=serve(b"a\n")) as files, refused as caught:
            open_link(files.link, "the log", verify=str(files.ca_bundle))
        assert "hunter2" not in str(caught.value)

    def test_no_link_of_another_kind(self) -> None:
        with pytest.raises(SnowballFileError, match="neither https nor http"):
            open_link("file:///etc/passwd", "the log")


class Described(JsonServer):
    """Describes a job whose log is behind a link."""

    def __init__(self, link: str) -> None:
        super().__init__()
        self.link = link

    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        links = {"JobFailureLogURI": self.link} if self.link else {}
        job = {"JobId": body["JobId"], "JobState": "Complete", "JobLogInfo": links}
        return 200, {"JobMetadata": job}


@pytest.mark.parametrize("how", ["verify", "False", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "nothing"])
def test_whom_listings_trust_logs_trust(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TlsFiles(LOG, tmp_path) as files, Described(files.link) as server:
        monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", connection(server.endpoint_url))
        ways: dict[str, bool | str] = {"verify": str(files.ca_bundle), "False": False}
        verify = ways.get(how)
        if how.endswith("CA_BUNDLE"):
            monkeypatch.setenv(how, str(files.ca_bundle))
        log = SnowballHook("snowball_test", verify=verify).iter_job_log
        job_id = "JID123e4567-e89b-12d3-a456-426655440000"
        if how == "nothing":
            with pytest.raises(SnowballFileError, match="CERTIFICATE_VERIFY_FAILED"):
                log(job_id, "failure")
        else:
            assert "".join(f"{line}\n" for line in log(job_id, "failure")) == LOG.decode()


def test_of_a_job_that_is_complete_no_log_will_come(monkeypatch: pytest.MonkeyPatch) -> None:
    with Described("") as server:
        monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", connection(server.endpoint_url))
        job_id = "JID123e4567-e89b-12d3-a456-426655440000"
        words = (
            rf"^There is no failure log of job {job_id}, whose state is Complete: AWS gives none of this "
            r"job; if that lasts, ask AWS Support for it, or .*use_logs=False \[SNB506\]$"
        )
        with pytest.raises(SnowballFileError, match=words):
            SnowballHook("snowball_test").iter_job_log(job_id, "failure")


def test_what_failed_for_its_key_ends_no_log(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"Bucket,Key,Error Code,Error Message\nx,caf\xe9,E1,bad \xff\nx,%b,E2,\n" % (b"k" * 1100)
    with Described(serve(body)) as server:
        monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", connection(server.endpoint_url))
        job_id = "JID123e4567-e89b-12d3-a456-426655440000"
        found = list(SnowballHook("snowball_test").read_job_log(job_id, "failure"))
    assert [(each.key, each.error) for each in found] == [
        ("caf\\xe9", "E1: bad \\xff"),
        ("k" * 1024, "E2"),
    ]


LOG = b"Bucket,Key,Size,Error\nx,a,1,gone\nx,b,2,gone\n"
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
FRAMINGS = {
    "length": (HEAD + f"Content-Length: {len(LOG)}\r\n\r\n".encode(), LOG),
    "chunked": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"".join(b"%x\r\n%b\r\n" % (len(line), line) for line in LOG.splitlines(keepends=True))
        + b"0\r\n\r\n",
    ),
    "a part": (HEAD.replace(b"200 OK", b"206 Partial Content") + b"Content-Length: 22\r\n\r\n", LOG[:22]),
    "neither": (HEAD + b"\r\n", LOG),
}


@pytest.fixture
def serve_bytes() -> Iterator[Callable[[bytes], str]]:
    """Return what serves these bytes to who comes next, and returns a link to them."""
    answers: list[bytes] = []

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            while b"\r\n\r\n" not in self.request.recv(65536):
                pass
            self.request.sendall(answers.pop())

    with TCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

        def serve(answer: bytes) -> str:
            answers.append(answer)
            return f"http://127.0.0.1:{server.server_address[1]}/log"

        yield serve
        server.shutdown()


@pytest.mark.parametrize("framing", FRAMINGS)
def test_no_beginning_of_a_log_is_one(framing: str, serve_bytes: Callable[[bytes], str]) -> None:
    head, body = FRAMINGS[framing]
    whole = []
    for cut in range(len(body) + 1):
        try:
            lines = list(lines_of(open_link(serve_bytes(head + body[:cut]), "the log"), "the log"))
        except SnowballFileError:
            continue
        assert b"".join(lines) == LOG
        whole.append(cut)
    # The last chunk's own end says nothing.
    assert whole == {"length": [len(body)], "chunked": [*range(len(body) - 4, len(body) + 1)]}.get(
        framing, []
    )
