"""
Answers that are not whole, or none of AWS's: no mode takes one for a listing, nor for the end of a wait.

Each row is served as raw bytes: as the first page of a first poll, of a later one, and as a further page of
a listing that has begun well. Were it taken for a page, the wait would be over with a job too few.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import botocore.exceptions
import botocore.parsers
import pytest

from airflow_provider_snowball.compat import AirflowSensorTimeout
from airflow_provider_snowball.exceptions import (
    SnowballAnswerError,
    SnowballError,
    SnowballOutageError,
    SnowballPermanentError,
)
from airflow_provider_snowball.hooks import snowball as hook_module
from airflow_provider_snowball.hooks.snowball import SnowballHook, make_call
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.sensors import base as sensors
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from airflow_provider_snowball.triggers import base as triggers
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger
from airflow_provider_snowball.waiting.calls import (
    DescribeCluster,
    DescribeJob,
    ErrorKind,
    ListClusterJobs,
    RequestError,
)
from airflow_provider_snowball.waiting.config import WaitConfig
from airflow_provider_snowball.waiting.machine import Again, Fail, FailKind, Step, Wait, drive
from tests.fakes.raw_server import Answer, RawServer, answer
from tests.fakes.scripted_snowball import CLUSTER, job, job_id
from tests.fakes.torn_answers import BROKE_OFF, OF_OURS
from tests.integration.airflow_runner import MODES, Outcome, run_sensor

#: How long a text about an error may be, with what a sentence says around it.
BOUND = 2500
HERE = job(1, "WithCustomer")
THERE = job(2, "New")
PAGE = json.dumps({"JobListEntries": [HERE, job(2, "WithCustomer")]}).encode()
WHOLE = answer({"JobListEntries": [HERE, THERE]})
MANY_HEADERS: dict[str, Any] = {f"X_{number}": "x" for number in range(1000)}
BEGINNING = answer({"JobListEntries": [HERE], "NextToken": "more"})
HTML = "<html><head><title>Sign in</title></head><body>Please sign in to the guest network</body></html>"


@dataclass(frozen=True)
class Row:
    """
    An answer, and what it means.

    :param says: what is said of it, in part.
    :param kind: what it means before anything is known of the wait.
    """

    name: str
    sent: bytes | Callable[[int], bytes]
    says: str = ""
    kind: ErrorKind = ErrorKind.TRANSIENT


def entry(**members: Any) -> bytes:
    """Return a page with a whole job, and one with other members."""
    return answer({"JobListEntries": [HERE, job(2, "WithCustomer") | members]})


def raw_member(name: str, text: str) -> bytes:
    """Return such a page with a member in JSON that Python's json module would not write."""
    shown = json.dumps({"JobListEntries": [HERE, job(2, "WithCustomer") | {name: "HERE"}]})
    return answer(shown.replace('"HERE"', text))


def each_of(*values: Any) -> tuple[Any, ...]:
    return values


def chunked(*chunks: bytes, ended: bool) -> bytes:
    head = (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/x-amz-json-1.1\r\n\r\n"
    )
    body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks)
    return head + body + (b"0\r\n\r\n" if ended else b"")


def refused(code: Any, status: str = "400 Bad Request", message: str = "its words", **headers: Any) -> bytes:
    return answer({"__type": code, "message": message}, status, **headers)


def new_token(number: int) -> bytes:
    return answer({"JobListEntries": [HERE], "NextToken": f"token {number}"})


TRANSIENT, DENIED = ErrorKind.TRANSIENT, ErrorKind.DENIED
EMPTY_BUT_NO_LISTS: list[Any] = [{}, ""]
NO_TOKENS: list[Any] = [5, True, ["more"], {"token": "more"}]
NO_CODES: list[Any] = [5, True, [], {}]
NO_JSON = "it is no JSON"
UNREADABLE = "it cannot be read"
NO_MEMBER = "it has none of its members"
TORN = [
    Row("40 of 5000 bytes", answer(PAGE[:40], length=5000), BROKE_OFF),
    Row("all but the last byte", answer(PAGE[:-1], length=len(PAGE)), BROKE_OFF),
    Row("whole JSON, and more promised", answer(PAGE, length=len(PAGE) + 1), BROKE_OFF),
    Row("nothing of 5000 bytes", answer(b"", length=5000)),
    Row("one byte of 5000", answer(b"{", length=5000)),
    Row("cut by a Content-Length too short", answer(PAGE, length=60), NO_JSON),
    Row("cut after an entry's brace", answer(PAGE[: PAGE.index(b"}") + 1]), NO_JSON),
    Row("ends with the connection, cut", answer(PAGE[:-5], delimited=False), NO_JSON),
    Row("ends with the connection, cut after a brace", answer(PAGE[: PAGE.index(b"}") + 1], delimited=False)),
    Row("ends with the connection, nothing", answer(b"", delimited=False), "it is empty"),
    Row("chunks without the last one", chunked(PAGE[:60], ended=False)),
    Row("all chunks, without the end", chunked(PAGE, ended=False)),
    Row("chunks that end early", chunked(PAGE[:60], ended=True), NO_JSON),
    Row("no chunk but the last", chunked(ended=True), "it is empty"),
    Row("a chunk shorter than it says", chunked(ended=False) + b"ff\r\n" + PAGE[:60]),
    Row("a chunk of a length that is none", chunked(ended=False) + b"xyz\r\n" + PAGE),
    Row("a negative chunk", chunked(ended=False) + b"-5\r\n" + PAGE),
    Row("gzip, cut", answer(gzip.compress(PAGE)[:60], Content_Encoding="gzip")),
    Row("gzip, cut after its head", answer(gzip.compress(PAGE)[:10], Content_Encoding="gzip")),
    Row("gzip of HTML", answer(gzip.compress(HTML.encode()), Content_Encoding="gzip"), NO_JSON),
    Row("gzip that nobody told of", answer(gzip.compress(PAGE)), NO_JSON),
    Row("a coding that nobody knows", answer(b"\x0b\x02\x80{}", Content_Encoding="x-unknown"), NO_JSON),
    Row("cut within a character", answer('{"JobListEntries": [{"Description": "é'.encode()[:-1])),
    Row("the connection ends before the head", b""),
    Row("the connection ends within the head", b"HTTP/1.1 200 OK\r\nContent-Le"),
    Row("no HTTP", b"SSH-2.0-OpenSSH_9.9\r\n"),
    Row("HTTP of a status that is none", b"HTTP/1.1 abc OK\r\n\r\n"),
    Row("a head of a megabyte", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n" + PAGE),
    Row("a thousand headers", answer(PAGE, **MANY_HEADERS)),
]
NO_ANSWERS = [
    Row("empty", answer(b""), "it is empty"),
    Row("204", b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", "it is empty"),
    Row("205", answer(b"", "205 Reset Content"), "it is empty"),
    Row("206, a part of a page", answer(PAGE[20:80], "206 Partial Content"), NO_JSON),
    Row("blanks", answer(b" \r\n\t "), NO_JSON),
    Row("HTML", answer(HTML, Content_Type="text/html"), NO_JSON),
    Row("HTML that says it is JSON", answer(HTML), NO_JSON),
    Row("a megabyte of HTML", answer(HTML + "x" * 1_000_000), NO_JSON),
    Row("XML", answer("<ListClusterJobsResponse/>"), NO_JSON),
    Row("text", answer("upstream connect error or disconnect/reset before headers"), NO_JSON),
    Row("braces, and no JSON between", answer("{ listing }"), NO_JSON),
    Row("JavaScript", answer("{JobListEntries: []}"), NO_JSON),
    Row("single quotes", answer("{'JobListEntries': []}"), NO_JSON),
    Row("a trailing comma", answer('{"JobListEntries": [],}'), NO_JSON),
    Row("two answers in one", answer(PAGE + PAGE), NO_JSON),
    Row("JSON and a page behind it", answer(PAGE + HTML.encode()), NO_JSON),
    Row("a comment before it", answer(b"/* */" + PAGE), NO_JSON),
    Row("a BOM before it", answer(b"\xef\xbb\xbf" + PAGE), NO_JSON),
    Row("UTF-16", answer(PAGE.decode().encode("utf-16")), NO_JSON),
    Row("UTF-16 without a BOM", answer(PAGE.decode().encode("utf-16-le")), NO_JSON),
    Row("Latin-1", answer(PAGE.replace(b"node-001", b"caf\xe9"))),
    Row("bytes that are no text", answer(b"{" + bytes(range(128, 256)) + b"}")),
    Row("NUL bytes", answer(b"\0" * 200), NO_JSON),
    Row("NUL bytes within", answer(PAGE.replace(b"node-001", b"node\0\0\0"))),
    Row("a line break in a text", answer(PAGE.replace(b"node-001", b"node\n001"))),
    Row("an escape that is none", answer(PAGE.replace(b"node-001", b"node\\x01"))),
    Row("a list", answer([HERE]), NO_JSON),
    Row("an empty list", answer([]), NO_JSON),
    Row("a list of a page", answer(b"[" + PAGE + b"]"), NO_JSON),
    Row("null", answer("null"), NO_JSON),
    Row("a number", answer("42"), NO_JSON),
    Row("a text", answer('"JobListEntries"'), NO_JSON),
    Row("true", answer("true"), NO_JSON),
    Row("NaN", answer("NaN"), NO_JSON),
    Row("a page in a text", answer(json.dumps(PAGE.decode())), NO_JSON),
    Row("nested deeply", answer(b'{"JobListEntries": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
    Row("objects nested deeply", answer(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)),
    Row("an unended nest", answer(b"{" * 100_000 + b"}")),
]
WRONG_FORMS = [
    *(
        Row(f"JobListEntries is {json.dumps(value):.20}", answer({"JobListEntries": value}), "JobListEntries")
        for value in each_of({}, "")
    ),
    *(
        Row(
            f"JobListEntries is {json.dumps(value):.20}",
            answer({"JobListEntries": value}),
            "JobListEntries",
        )
        for value in ({"0": HERE}, "none", 0, 5, False, True)
    ),
    Row("an entry is null", answer({"JobListEntries": [HERE, None]}), "an entry of JobListEntries"),
    *(
        Row(
            f"an entry is {json.dumps(value):.20}",
            answer({"JobListEntries": [HERE, value]}),
            UNREADABLE,
        )
        for value in ("JID1", "", 5, True, [], [HERE])
    ),
    Row(
        "entries of strings",
        answer({"JobListEntries": ["JID1", "JID2"]}),
        UNREADABLE,
    ),
    Row(
        "an entry beside a hundred thousand wrong ones",
        answer({"JobListEntries": [HERE] + [1] * 100_000}),
        UNREADABLE,
    ),
    *(
        Row(f"JobState is {json.dumps(value)}", entry(JobState=value), "JobState")
        for value in each_of(5, True, [], ["WithCustomer"], {}, {"value": "WithCustomer"})
    ),
    *(
        Row(f"{name} is {json.dumps(value)}", entry(**{name: value}), name)
        for name in ("JobId", "JobType", "SnowballType", "Description")
        for value in each_of(5, {"value": "WithCustomer"})
    ),
    *(
        Row(f"IsMaster is {json.dumps(value)}", entry(IsMaster=value), "IsMaster")
        for value in each_of("false", "", 0, 1, [], {})
    ),
    *(
        Row(f"CreationDate is {text:.20}", raw_member("CreationDate", text), UNREADABLE)
        for text in (
            '""',
            '"soon"',
            "[1480475524]",
            '{"seconds": 1}',
            "NaN",
            "Infinity",
            "1e999",
            "-1e308",
            "1" + "0" * 30,
        )
    ),
    Row("CreationDate has 5000 digits", raw_member("CreationDate", "9" * 5000)),
    *(
        Row(
            f"NextToken is {json.dumps(value)}",
            answer({"JobListEntries": [HERE], "NextToken": value}),
            "NextToken",
        )
        for value in NO_TOKENS
    ),
    Row("ever new tokens", new_token, "A listing was not at its end after"),
    Row("the same token", answer({"JobListEntries": [HERE], "NextToken": "more"}), "twice"),
    Row("two tokens in turn", lambda number: new_token(number % 2), "twice"),
    Row("an error with 200", refused("ThrottlingException", "200 OK"), NO_MEMBER),
    Row("another's JSON", answer({"message": "Service unavailable", "status": 503}), NO_MEMBER),
    Row("its list under a misspelt name", answer({"jobListEntries": [THERE]}), NO_MEMBER),
]
ERRORS = [
    *(
        Row(f"HTML with {status}", answer(HTML, status, Content_Type="text/html"))
        for status in (
            "302 Found",
            "400 Bad Request",
            "403 Forbidden",
            "407 Proxy Authentication Required",
            "408 Request Timeout",
            "429 Too Many Requests",
            "500 Internal Server Error",
            "502 Bad Gateway",
            "599 Odd",
        )
    ),
    *(
        Row(f"a redirect by {status}", answer(b"", status, Location="/login"))
        for status in (
            "302 Found",
            "304 Not Modified",
            "307 Temporary Redirect",
        )
    ),
    *(Row(f"nothing with {status}", answer(b"", status)) for status in ("400 Bad Request", "403 Forbidden")),
    *(
        Row(f"nothing with {status}", answer(b"", status))
        for status in ("429 Too Many Requests", "500 Oops", "503 Busy")
    ),
    *(
        Row(f"a megabyte with {status}", answer(HTML + "x" * 1_000_000, status))
        for status in ("403 Forbidden", "404 Not Found")
    ),
    *(
        Row(f"a megabyte with {status}", answer(HTML + "x" * 1_000_000, status))
        for status in ("500 Oops", "502 Bad Gateway")
    ),
    Row(
        "a megabyte of message with 400",
        refused("AccessDeniedException", message="no " * 100_000),
        "AccessDeniedException",
        DENIED,
    ),
    Row("a megabyte of code with 400", refused("x" * 1_000_000), "", DENIED),
    Row("429 with a code", refused("TooManyRequestsException", "429 Too Many"), "TooManyRequestsException"),
    Row("503 with a code", refused("ServiceUnavailable", "503 Busy"), "ServiceUnavailable"),
    Row("500 with an unknown code", refused("Oops", "500 Oops"), "Oops"),
    Row("500 torn", answer(b'{"__type": "Inter', "500 Oops", length=500)),
    Row("400 torn", answer(b'{"__type": "AccessDen', "400 Bad Request", length=500)),
    Row("400 of JSON that is none", answer("{oops}", "400 Bad Request")),
    Row("400 of an empty object", answer({}, "400 Bad Request")),
    *(
        Row(f"400 of {text}", answer(text, "400 Bad Request"))
        for text in ("[1]", "null", '"AccessDeniedException"')
    ),
    *(Row(f"400 with the code {json.dumps(code)}", refused(code)) for code in (None, "")),
    *(Row(f"400 with the code {json.dumps(code)}", refused(code)) for code in each_of(5, True, [], {})),
    Row("a code in a header alone", answer({}, "400 No", X_Amzn_ErrorType="ThrottlingException")),
    *(
        Row(
            f"400 with the message {json.dumps(message)}",
            answer({"__type": "AccessDeniedException", "message": message}, "400 Bad Request"),
            "AccessDeniedException",
            DENIED,
        )
        for message in (None, 5, ["a"], {"a": 1})
    ),
    Row("a code with its namespace", refused("com.amazonaws.snowball#ThrottlingException"), "Throttling"),
    Row("a code with an address", refused("ThrottlingException:http://internal.amazon.com/"), "Throttling"),
    # What has a code, AWS has said; one that nobody knows may be for good.
    Row("a code in lower case", refused("throttlingexception"), "throttlingexception", DENIED),
    Row("a code of another service", refused("NoSuchBucket"), "NoSuchBucket", DENIED),
    Row("an unknown code", refused("AccountProblemException"), "AccountProblemException", DENIED),
    Row("AWS denies", refused("AccessDeniedException", "403 Forbidden"), "AccessDenied", DENIED),
    Row("AWS knows none", refused("InvalidResourceException"), "InvalidResource", ErrorKind.NOT_FOUND),
    Row("AWS refuses", refused("ValidationException"), "ValidationException", ErrorKind.BAD_INPUT),
    Row("line breaks in a message", refused("Busy", "500 Oops", "\r\n\x85its\u2028words"), "its words"),
    Row("control characters in a message", refused("Busy", "500 Oops", "\x1b[2J\x07\0words"), "words"),
    Row("line breaks in a code", refused("Busy\r\n\r\nError: ", "500 Oops")),
]
ROWS = [*TORN, *NO_ANSWERS, *WRONG_FORMS, *ERRORS]

#: Rows that go through all of a sensor and an operator as well: those that differ in what is raised for them.
EVERYWHERE = [
    row
    for row in ROWS
    if row.name
    in {
        "40 of 5000 bytes",
        "ends with the connection, cut",
        "chunks without the last one",
        "gzip, cut",
        "cut within a character",
        "the connection ends before the head",
        "no HTTP",
        "HTML that says it is JSON",
        "a list",
        "nested deeply",
        "entries of strings",
        'JobState is ["WithCustomer"]',
        "CreationDate is Infinity",
        "ever new tokens",
        "the same token",
        "another's JSON",
        "HTML with 403 Forbidden",
        "HTML with 502 Bad Gateway",
        "a redirect by 302 Found",
        "a megabyte with 403 Forbidden",
        "a megabyte of message with 400",
        "400 of null",
        "429 with a code",
        "an unknown code",
        "AWS denies",
        "AWS knows none",
        "AWS refuses",
    }
]


def params(rows: list[Row]) -> list[Any]:
    """Return rows for parametrize."""
    return [pytest.param(row, id=row.name) for row in rows]


def of_ours_or_botocores(error: BaseException | None) -> bool:
    kinds = (
        SnowballError,
        botocore.exceptions.BotoCoreError,
        botocore.exceptions.ClientError,
        botocore.parsers.ResponseParserError,
    )
    return isinstance(error, kinds)


def shown(error: BaseException) -> str:
    """Return all that is printed of an exception."""
    return "".join(traceback.format_exception(error))


def pages(first: Answer, further: Answer | None = None) -> Callable[[dict[str, Any], int], bytes]:
    """Return what answers a request: with a NextToken or without."""

    def answer_to(body: dict[str, Any], number: int) -> bytes:
        chosen = further if "NextToken" in body and further is not None else first
        return chosen if isinstance(chosen, bytes) else chosen(number)

    return answer_to


@pytest.fixture(autouse=True, scope="module")
def _listings_end_soon() -> Iterator[None]:
    """Let an endless listing be one after twenty pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hook_module, "MAX_PAGES", 20)
        patch.setenv("AIRFLOW__SNOWBALL__MAX_CALLS_PER_SECOND", "100000")
        yield


@pytest.fixture(scope="module")
def hook() -> Iterator[tuple[SnowballHook, RawServer]]:
    """Return one hook for all rows, and its server."""
    with RawServer(pages(WHOLE)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_ONE_HOOK", server.connection())
        yield SnowballHook(aws_conn_id="one_hook"), server


class TestAListing:
    """What the hook's caller and a wait meet."""

    def met(self, hook: tuple[SnowballHook, RawServer], row: Row, *, further: bool) -> RequestError:
        asked, server = hook
        server.answer_to = pages(BEGINNING, row.sent) if further else pages(row.sent)
        with pytest.raises(RequestError) as caught:
            make_call(asked, ListClusterJobs(CLUSTER))
        return caught.value

    @pytest.mark.parametrize("row", params(ROWS))
    def test_is_an_error(self, hook: tuple[SnowballHook, RawServer], row: Row) -> None:
        """Of one line and bounded, that says what came and what it means; as a further page, too."""
        for further in (False, True):
            error = self.met(hook, row, further=further)
            assert error.kind is row.kind
            assert row.says in str(error)
            assert len(str(error).splitlines()) == 1
            assert of_ours_or_botocores(error.__cause__)
            for each in (error, error.__cause__):
                assert len(str(each)) <= BOUND

    @pytest.mark.parametrize("row", params(ROWS))
    def test_that_a_wait_bears(self, hook: tuple[SnowballHook, RawServer], row: Row) -> None:
        """After a first listing; until it is an outage."""
        asked, server = hook
        now = datetime(2026, 1, 1, tzinfo=UTC)
        asked_for = {"cluster_id": CLUSTER, "target_state": "WithCustomer", "outage_timeout": 900}
        wait = Wait(WaitConfig.read(asked_for), started_at=now)

        def poll(answer_to: Callable[[dict[str, Any], int], bytes]) -> Step:
            server.answer_to = answer_to
            listing: Any
            try:
                listing = make_call(asked, wait.config.listing)
            except RequestError as error:
                listing = error
            return drive(wait.judge(listing, lambda: now), lambda call: make_call(asked, call))

        assert isinstance(poll(pages(WHOLE)), Again)
        wait.take_lines()
        step = poll(pages(BEGINNING, row.sent))
        if row.kind in (ErrorKind.NOT_FOUND, ErrorKind.BAD_INPUT):
            assert isinstance(step, Fail)
            assert step.kind is FailKind.PERMANENT
            return
        assert isinstance(step, Again)
        [line, *_] = wait.take_lines()
        assert line.level == logging.WARNING
        assert len(line.text) <= BOUND
        now += timedelta(seconds=wait.config.outage_timeout)
        step = poll(pages(row.sent))
        assert isinstance(step, Fail)
        assert step.kind is FailKind.OUTAGE
        assert len(step.message) <= BOUND


ODD = {
    "an empty object": ({}, []),
    "no list": ({"NextToken": None}, []),
    "null for the list": ({"JobListEntries": None}, []),
    "an empty list": ({"JobListEntries": []}, []),
    "an entry without members": ({"JobListEntries": [{}]}, [{}]),
    "null members": ({"JobListEntries": [dict.fromkeys(HERE)]}, [{}]),
    "members that nobody knows": (
        {"JobListEntries": [{"JobId": "J", "New": 1}], "New": []},
        [{"JobId": "J"}],
    ),
    "a state that nobody knows": ({"JobListEntries": [{"JobState": "Lost"}]}, [{"JobState": "Lost"}]),
    "a member twice": (b'{"JobListEntries": [{"JobId": "A", "JobId": "B"}]}', [{"JobId": "B"}]),
    "blanks around it": (b'\r\n {"JobListEntries": [{"JobId": "A"}]}\n', [{"JobId": "A"}]),
    # Known limits: what botocore's parser understands is not read a second time.
    "a list twice": (b'{"JobListEntries": [{"JobId": "A"}], "JobListEntries": []}', []),
    "a creation date of true": (
        {"JobListEntries": [{"CreationDate": True}]},
        [{"CreationDate": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}],
    ),
}


class TestOddButWhole:
    @pytest.mark.parametrize("name", ODD)
    def test_counts(self, hook: tuple[SnowballHook, RawServer], name: str) -> None:
        asked, server = hook
        sent, listed = ODD[name]
        server.answer_to = pages(answer(sent))
        assert make_call(asked, ListClusterJobs(CLUSTER)) == listed

    @pytest.mark.parametrize(
        "sent",
        [
            answer(PAGE, delimited=False),
            chunked(PAGE, ended=True),
            chunked(PAGE[:50], PAGE[50:], ended=True),
            answer(PAGE, Content_Type="text/html"),
            # botocore unpacks nothing, and asks for nothing packed.
            answer(PAGE, Content_Encoding="gzip"),
            answer(PAGE, "299 Odd"),
        ],
        ids=["ends with the connection", "a chunk", "chunks", "type HTML", "said to be gzip", "299"],
    )
    def test_however_it_comes(self, hook: tuple[SnowballHook, RawServer], sent: bytes) -> None:
        asked, server = hook
        server.answer_to = pages(sent)
        assert len(make_call(asked, ListClusterJobs(CLUSTER))) == 2


NO_CLUSTERS = {
    "nothing": {},
    "null": {"ClusterMetadata": None},
    "a list": {"ClusterMetadata": [{"ClusterState": "Cancelled"}]},
    "a text": {"ClusterMetadata": "Cancelled"},
    "a number": {"ClusterMetadata": 5},
    "a state that is a list": {"ClusterMetadata": {"ClusterState": ["Cancelled"]}},
    "a state that is an object": {"ClusterMetadata": {"ClusterState": {"value": "Cancelled"}}},
    "HTML": HTML,
    "an empty text": "",
}
NO_JOBS = {
    "nothing": {},
    "null": {"JobMetadata": None},
    "a list": {"JobMetadata": [HERE]},
    "a text": {"JobMetadata": "WithCustomer"},
    "a state that is a list": {"JobMetadata": {"JobState": ["WithCustomer"]}},
    "parts that are an object": {"JobMetadata": HERE, "SubJobMetadata": {"0": HERE}},
    "parts that are texts": {"JobMetadata": HERE, "SubJobMetadata": ["JID1"]},
    "a part that is null": {"JobMetadata": HERE, "SubJobMetadata": [None]},
    "HTML": HTML,
    "an empty text": "",
}


class TestDescriptions:
    """Of a cluster that lists too little, and of a job that is not listed."""

    @pytest.mark.parametrize("name", NO_CLUSTERS)
    def test_cluster(self, hook: tuple[SnowballHook, RawServer], name: str) -> None:
        asked, server = hook
        server.answer_to = pages(answer(NO_CLUSTERS[name]))
        with pytest.raises(RequestError) as caught:
            make_call(asked, DescribeCluster(CLUSTER))
        assert caught.value.kind is ErrorKind.TRANSIENT

    @pytest.mark.parametrize("name", NO_JOBS)
    def test_job(self, hook: tuple[SnowballHook, RawServer], name: str) -> None:
        asked, server = hook
        server.answer_to = pages(answer(NO_JOBS[name]))
        with pytest.raises(RequestError) as caught:
            make_call(asked, DescribeJob(job_id(1)))
        assert caught.value.kind is ErrorKind.TRANSIENT

    @pytest.mark.parametrize("name", NO_CLUSTERS)
    def test_cluster_by_the_hook(self, hook: tuple[SnowballHook, RawServer], name: str) -> None:
        asked, server = hook
        server.answer_to = pages(answer(NO_CLUSTERS[name]))
        with pytest.raises(SnowballAnswerError):
            asked.describe_cluster(CLUSTER)

    @pytest.mark.parametrize("name", NO_CLUSTERS)
    def test_a_wait_goes_on(self, hook: tuple[SnowballHook, RawServer], name: str) -> None:
        asked, server = hook
        server.answer_to = pages(answer(NO_CLUSTERS[name]))
        now = datetime(2026, 1, 1, tzinfo=UTC)
        wait = Wait(WaitConfig.read({"cluster_id": CLUSTER, "min_jobs": 5}), started_at=now)
        step = drive(wait.judge([HERE], lambda: now), lambda call: make_call(asked, call))
        assert isinstance(step, Again)


@pytest.fixture
def snowball(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    with RawServer(pages(WHOLE)) as server:
        monkeypatch.setenv("AIRFLOW_CONN_SNOWBALL_TEST", server.connection())
        yield server


def after(first: bytes, then: Answer) -> Callable[[dict[str, Any], int], bytes]:
    """Return what answers the first request well, and all others as told."""
    return lambda body, number: first if number == 1 else pages(then)(body, number)


class _Clock(datetime):
    """The clock of a sensor, which a test sets forward."""

    passed = timedelta(0)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + cls.passed


class TestOnAWorker:
    def sensor(self, **arguments: Any) -> ClusterJobsSensor:
        given: dict[str, Any] = {
            "task_id": "wait",
            "cluster_id": CLUSTER,
            "target_state": "WithCustomer",
            "aws_conn_id": "snowball_test",
            "mode": "poke",
            "deferrable": False,
            "poke_interval": 0,
        }
        return ClusterJobsSensor(**given | arguments)

    def check(self, error: BaseException, row: Row) -> None:
        is_passing = row.kind is ErrorKind.TRANSIENT
        assert isinstance(error, SnowballPermanentError) is not is_passing
        assert of_ours_or_botocores(error)
        assert len(str(error)) <= BOUND
        # Whatever a log shows of it: 25 frames, and no page.
        assert len(shown(error)) <= 20_000

    @pytest.mark.parametrize("row", params(EVERYWHERE))
    def test_the_first_poll_fails(self, snowball: RawServer, row: Row) -> None:
        snowball.answer_to = pages(BEGINNING, row.sent)
        with pytest.raises(Exception) as caught:  # noqa: PT011  which one is what is looked at
            self.sensor().poke({})
        self.check(caught.value, row)

    @pytest.mark.parametrize("row", params(EVERYWHERE))
    def test_a_later_one_is_borne(self, snowball: RawServer, row: Row) -> None:
        snowball.answer_to = after(WHOLE, row.sent)
        is_final = row.kind in (ErrorKind.NOT_FOUND, ErrorKind.BAD_INPUT)
        with pytest.raises(SnowballPermanentError if is_final else SnowballOutageError) as caught:
            self.sensor(outage_timeout=0.001).execute({})
        assert len(str(caught.value)) <= BOUND
        assert len(shown(caught.value)) <= 20_000

    @pytest.mark.parametrize("row", params(EVERYWHERE))
    def test_an_operator_fails(self, snowball: RawServer, row: Row) -> None:
        snowball.answer_to = pages(BEGINNING, row.sent)
        operator = ListClusterJobsOperator(task_id="list", cluster_id=CLUSTER, aws_conn_id="snowball_test")
        with pytest.raises(Exception) as caught:  # noqa: PT011  which one is what is looked at
            operator.execute({})
        self.check(caught.value, row)

    def test_its_deadline_holds_within_a_listing(
        self, snowball: RawServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hook_module, "MAX_PAGES", 1_000_000)
        monkeypatch.setattr(sensors, "datetime", _Clock)
        monkeypatch.setattr(_Clock, "passed", timedelta(0))

        def pages_past_the_deadline(number: int) -> bytes:
            if number == 5:
                _Clock.passed = timedelta(hours=2)
            return new_token(number)

        snowball.answer_to = after(WHOLE, pages_past_the_deadline)
        with pytest.raises(
            AirflowSensorTimeout, match=r"^Timed out after 1 hour \[SNB407\]: the last poll of cluster"
        ):
            self.sensor(timeout=3600).execute({})
        assert len(snowball.requests) == 5


def cluster_of(number: int) -> str:
    return f"CID123e4567-e89b-12d3-a456-{number:012d}"


@pytest.fixture(scope="module")
def ends_in_triggerer() -> dict[str, list[dict[str, Any]]]:
    """
    Return, by row, the events of two waits: one that begins in the triggerer, one that has had a listing.

    All in one triggerer, through one client: each row has clusters of its own.
    """
    clusters = {cluster_of(number): row for number, row in enumerate(ROWS * 2)}
    asked: Counter[str] = Counter()

    def answer_to(body: dict[str, Any], number: int) -> bytes:
        cluster = body["ClusterId"]
        asked[cluster] += 1
        if asked[cluster] == 1 and int(cluster[-12:]) >= len(ROWS):
            return WHOLE
        return pages(clusters[cluster].sent)(body, number)

    def trigger_of(cluster: str) -> ClusterJobsTrigger:
        return ClusterJobsTrigger(
            cluster_id=cluster,
            target_state="WithCustomer",
            aws_conn_id="one_triggerer",
            poke_interval=0.0,
            outage_timeout=0.001,
        )

    async def end_of(trigger: ClusterJobsTrigger) -> dict[str, Any]:
        [event] = [event.payload async for event in trigger.run()]
        return dict(event)

    async def end_all() -> list[dict[str, Any]]:
        return await asyncio.gather(*(end_of(trigger_of(each)) for each in clusters))

    with RawServer(answer_to) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_ONE_TRIGGERER", server.connection())
        patch.setattr(triggers, "_PATIENCE", timedelta(seconds=0.001))
        events = asyncio.run(end_all())
    ends: dict[str, list[dict[str, Any]]] = {}
    for row, event in zip(clusters.values(), events, strict=True):
        ends.setdefault(row.name, []).append(event)
    return ends


class TestInATrigger:
    def check(self, event: dict[str, Any], *, is_final: bool) -> None:
        assert (event["status"], event["kind"]) == ("failed", "permanent" if is_final else "outage")
        assert len(event["message"]) <= BOUND

    @pytest.mark.parametrize("row", params(ROWS))
    def test_from_the_start(self, ends_in_triggerer: dict[str, list[dict[str, Any]]], row: Row) -> None:
        """It is borne for a while, since after a restart nobody knows whether there has been a listing."""
        self.check(ends_in_triggerer[row.name][0], is_final=row.kind is not ErrorKind.TRANSIENT)

    @pytest.mark.parametrize("row", params(ROWS))
    def test_after_a_listing(self, ends_in_triggerer: dict[str, list[dict[str, Any]]], row: Row) -> None:
        is_final = row.kind in (ErrorKind.NOT_FOUND, ErrorKind.BAD_INPUT)
        self.check(ends_in_triggerer[row.name][1], is_final=is_final)

    def test_its_deadline_holds_within_a_listing(
        self, snowball: RawServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hook_module, "MAX_PAGES", 1_000_000)
        monkeypatch.setattr(triggers, "_GRACE", 0.2)
        snowball.answer_to = after(WHOLE, new_token)

        async def end() -> list[Any]:
            trigger = ClusterJobsTrigger(
                cluster_id=CLUSTER,
                target_state="WithCustomer",
                aws_conn_id="snowball_test",
                poke_interval=0.0,
                timeout=1.0,
            )
            return [event.payload async for event in trigger.run()]

        [event] = asyncio.run(end())
        assert (event["status"], event["kind"]) == ("failed", "timeout")


class TestInEveryMode:
    """Through Airflow's own runner: not done with a job too few, and the same exception in all modes."""

    def run(
        self, airflow_home: Path, snowball: RawServer, mode: str, sent: Answer, **arguments: Any
    ) -> Outcome:
        snowball.answer_to = lambda body, number: (
            WHOLE if number == 1 else pages(BEGINNING, sent)(body, number)
        )
        given = {"cluster_id": CLUSTER, "target_state": "WithCustomer", "poke_interval": 0.01}
        return run_sensor(airflow_home, given | {"outage_timeout": 0.001} | MODES[mode] | arguments)

    # In reschedule mode, only Airflow 3.3 and later remember how long an outage has lasted.
    @pytest.mark.parametrize("mode", ["poke", "deferrable"])
    @pytest.mark.parametrize("name", ["40 of 5000 bytes", 'JobState is ["WithCustomer"]'])
    def test_an_outage(self, airflow_home: Path, snowball: RawServer, mode: str, name: str) -> None:
        [row] = [row for row in ROWS if row.name == name]
        outcome = self.run(airflow_home, snowball, mode, row.sent)
        assert outcome.state == "failed"
        assert outcome.xcom is None
        first_poll = (
            "ConnectionClosedError" if row.says == BROKE_OFF and not OF_OURS else "SnowballAnswerError"
        )
        assert {kind for kind, _ in outcome.errors} == {"SnowballOutageError", first_poll}

    @pytest.mark.parametrize("mode", MODES)
    def test_that_passes(self, airflow_home: Path, snowball: RawServer, mode: str) -> None:
        def answer_to(body: dict[str, Any], number: int) -> bytes:
            return {1: WHOLE, 2: BEGINNING, 3: answer(PAGE[:40], length=5000)}.get(number, answer(PAGE))

        snowball.answer_to = answer_to
        arguments = {"cluster_id": CLUSTER, "target_state": "WithCustomer", "poke_interval": 0.01}
        outcome = run_sensor(airflow_home, arguments | MODES[mode])
        assert (outcome.state, outcome.errors) == ("success", [])
        assert [entry["JobId"] for entry in outcome.xcom] == [job_id(1), job_id(2)]


def test_the_table_is_long_enough() -> None:
    assert len(ROWS) >= 100
    assert len({row.name for row in ROWS}) == len(ROWS)
