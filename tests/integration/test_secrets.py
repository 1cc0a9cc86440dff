"""
Planted secrets are found nowhere: in no exception, its chain included, no log, no event, no XCom, no trigger.

What they are planted in is what people have: a token read from a file with its last line break, addresses of
endpoints and proxies with passwords in them, error pages that echo a request, and presigned links.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_snowball.exceptions import SnowballError, SnowballFileError
from airflow_provider_snowball.hooks.snowball import SnowballHook, make_call
from airflow_provider_snowball.operators.snowball import ListClusterJobsOperator
from airflow_provider_snowball.sensors.snowball import ClusterJobsSensor
from airflow_provider_snowball.triggers import base as triggers
from airflow_provider_snowball.triggers.snowball import ClusterJobsTrigger
from airflow_provider_snowball.waiting.calls import ListClusterJobs, RequestError
from tests.fakes.raw_server import RawServer, answer
from tests.fakes.scripted_snowball import CLUSTER, job, job_id

CONN_ID = "with_secrets"
SECRET = "pLaNtEd"
#: What a secret may hold, in an address as it stands or encoded.
SIGNATURE = f"{SECRET}Signature"
LISTING = answer({"JobListEntries": [job(1, "New")]})
ECHO = f"""Bad request:
POST / HTTP/1.1
X-Amz-Security-Token: {SECRET}Token
Authorization: AWS4-HMAC-SHA256 Credential=AKIA{SECRET}/20260101/us-east-1/snowball, Signature={SIGNATURE}
"""
SIGNED = (
    "https://bucket.s3.amazonaws.com/log?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    f"&X-Amz-Credential=AKIA{SECRET}%2F20260101&X-Amz-Security-Token={SECRET}Token&X-Amz-Signature={SIGNATURE}"
)


def closed_port() -> int:
    """Return a port that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@dataclass(frozen=True)
class Planted:
    """
    Where a secret is planted.

    :param extra: of the connection, with ``{port}`` for one that refuses and ``{server}`` for an endpoint.
    :param key: access key and secret access key; None: those of the environment.
    :param environment: variables, alike.
    :param sent: what the endpoint answers.
    :param is_raw: whether it is in an exception of botocore's, which the hook's own methods let through.
    :param everywhere: whether tasks, trigger and form meet it, too: one of each kind does.
    """

    name: str
    extra: dict[str, Any] = field(default_factory=dict)
    key: tuple[str, str] | None = ("AKIA", f"{SECRET}Key")
    environment: dict[str, str] = field(default_factory=dict)
    sent: bytes = LISTING
    is_raw: bool = False
    everywhere: bool = True


PROXY = f"http://user:{SECRET}@127.0.0.1:{{port}}"
PLANTED = [
    Planted("nowhere: all is well"),
    Planted("token, line break", {"aws_session_token": f"{SECRET}\n"}),
    Planted("token, line break within", {"aws_session_token": f"{SECRET}\n{SECRET}"}),
    Planted("token, umlaut", {"aws_session_token": f"{SECRET}ü"}),
    Planted("token in session_kwargs", {"session_kwargs": {"aws_session_token": f"{SECRET}\r\n"}}),
    Planted("secret key, line break", key=("AKIA", f"{SECRET}\n")),
    Planted("access key, line break", key=(f"AKIA{SECRET}\n", f"{SECRET}Key")),
    *(
        Planted(
            f"{name} in the environment",
            key=None,
            environment={
                "AWS_ACCESS_KEY_ID": "AKIA",
                "AWS_SECRET_ACCESS_KEY": f"{SECRET}Key",
                variable: value,
            },
            is_raw=True,
            everywhere=name == "token, line break",
        )
        for name, variable, value in (
            ("token, line break", "AWS_SESSION_TOKEN", f"{SECRET}\n"),
            ("token, line break within,", "AWS_SESSION_TOKEN", f"{SECRET}\n{SECRET}"),
            ("access key, line break", "AWS_ACCESS_KEY_ID", f"AKIA{SECRET}\n"),
        )
    ),
    Planted(
        "secret key, line break, in the environment",
        key=None,
        environment={"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": f"{SECRET}\n"},
    ),
    *(
        Planted(f"endpoint, {name}", {"endpoint_url": url}, is_raw=True, everywhere=name == "password")
        for name, url in {
            "password": PROXY,
            "password and path": f"{PROXY}/path",
            "password with an @": f"http://user:a@{SECRET}@127.0.0.1:{{port}}",
            "a password alone": f"http://:{SECRET}@127.0.0.1:{{port}}",
            "a user alone": f"http://{SECRET}@127.0.0.1:{{port}}",
            "password encoded": f"http://user:%2F{SECRET}@127.0.0.1:{{port}}",
            "password and https": f"https://user:{SECRET}@127.0.0.1:{{port}}",
            "password with a quote": f"http://user:a'{SECRET}@127.0.0.1:{{port}}",
            "password with quotes": f'http://user:a"b<{SECRET}>@127.0.0.1:{{port}}',
        }.items()
    ),
    Planted(
        "endpoint, password with a /",
        {"endpoint_url": f"http://user:a/{SECRET}@127.0.0.1:{{port}}"},
    ),
    Planted(
        "endpoint in service_config",
        {"service_config": {"snowball": {"endpoint_url": PROXY}}},
        is_raw=True,
    ),
    Planted(
        "endpoint in the environment",
        {"endpoint_url": None},
        environment={"AWS_ENDPOINT_URL_SNOWBALL": PROXY},
        is_raw=True,
    ),
    *(
        Planted(f"endpoint, {name}", {"endpoint_url": url})
        for name, url in {
            "no scheme": f"user:{SECRET}@127.0.0.1:5000",
            "one slash": f"http:/user:{SECRET}@127.0.0.1:5000",
            "no slash": f"https:user:{SECRET}@127.0.0.1:5000",
        }.items()
    ),
    Planted(
        "endpoint in the environment, no scheme",
        {"endpoint_url": None},
        environment={"AWS_ENDPOINT_URL_SNOWBALL": f"user:{SECRET}@127.0.0.1:5000"},
    ),
    Planted("endpoint, a space", {"endpoint_url": f"http://user:{SECRET}@a host"}),
    Planted("endpoint, by FTP", {"endpoint_url": f"ftp://user:{SECRET}@127.0.0.1"}),
    *(
        Planted(
            f"proxy, {name}",
            {
                "endpoint_url": "http://snowball.example",
                "config_kwargs": {"retries": {"total_max_attempts": 1}, "proxies": {"http": url}},
            },
            everywhere=name == "password",
        )
        for name, url in {
            "password": PROXY,
            "password, no scheme": f"user:{SECRET}@127.0.0.1:{{port}}",
            "password with an @": f"http://user:a@{SECRET}@127.0.0.1:{{port}}",
        }.items()
    ),
    Planted(
        "proxy, password with a /",
        {
            "endpoint_url": "http://snowball.example",
            "config_kwargs": {
                "retries": {"total_max_attempts": 1},
                "proxies": {"http": f"http://user:a/{SECRET}@127.0.0.1:{{port}}"},
            },
        },
    ),
    Planted(
        "proxy in the environment",
        {"endpoint_url": "http://snowball.example"},
        environment={"HTTP_PROXY": PROXY, "http_proxy": PROXY},
    ),
    *(
        Planted(f"echo with {status}", sent=answer(ECHO, status), is_raw=True, everywhere=status[0] == "5")
        for status in ("403 Forbidden", "502 Bad Gateway")
    ),
    Planted("echo with 200", sent=answer(ECHO)),
    Planted(
        "echo in an error of AWS",
        sent=answer({"__type": "AccessDeniedException", "message": ECHO}, "403 Forbidden"),
        is_raw=True,
    ),
    Planted(
        "signed request in an error of AWS",
        sent=answer({"__type": "Oops", "message": f"GET {SIGNED} failed"}, "500 Oops"),
        is_raw=True,
    ),
]


def planted(chosen: Callable[[Planted], bool]) -> pytest.MarkDecorator:
    """Return the mark that has a test meet the chosen ones."""
    rows = [pytest.param(each, id=each.name) for each in PLANTED if chosen(each)]
    return pytest.mark.parametrize("where", rows, indirect=True)


class Told:
    """Collects what is told, of whatever kind."""

    def __init__(
        self,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
        structured: list[MutableMapping[str, Any]],
    ) -> None:
        self._caplog = caplog
        self._capfd = capfd
        #: What sensors, operators and hooks log on Airflow 3.
        self._structured = structured
        self._texts: list[str] = []

    def say(self, *things: object) -> None:
        for thing in things:
            self._texts += [str(thing), repr(thing)]

    def say_error(self, error: BaseException) -> None:
        # Nothing of this kind has met a secret; that of an older urllib3 has.
        frames = traceback.extract_tb(error.__traceback__)
        if not (frames and "urllib3" in Path(frames[-1].filename).parts):
            kinds = AttributeError | ImportError | NameError | pytest.fail.Exception
            assert not isinstance(error, kinds), error
        self.say(error, error.args, vars(error))
        self._texts.append("".join(traceback.format_exception(error)))
        for each in (error.__cause__, error.__context__):
            if each is not None:
                # However it is shown: some loggers print the context of what was raised "from None".
                self.say_error(each)

    def forget(self) -> None:
        self._texts.clear()
        self._structured.clear()
        self._caplog.clear()

    def check(self) -> None:
        printed = self._capfd.readouterr()
        structured = map(repr, self._structured)
        told = "\n".join([*self._texts, self._caplog.text, printed.out, printed.err, *structured])
        assert SECRET not in told, told[max(told.index(SECRET) - 300, 0) :][:600]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Told]:
    try:
        import structlog
    except ImportError:  # Airflow 2.11, whose tasks log where nobody else hears it
        tasks = logging.getLogger("airflow.task")
        tasks.addHandler(caplog.handler)
        try:
            with caplog.at_level(logging.INFO), caplog.at_level(logging.INFO, "airflow.task"):
                yield Told(caplog, capfd, [])
        finally:
            tasks.removeHandler(caplog.handler)
        return
    before = structlog.get_config()
    # The tests' Airflow logs warnings only.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    try:
        with caplog.at_level(logging.INFO), structlog.testing.capture_logs() as structured:
            yield Told(caplog, capfd, structured)
    finally:
        structlog.configure(**before)


@pytest.fixture
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """Plant a secret."""
    each: Planted = request.param
    port = str(closed_port())

    def filled(value: Any) -> Any:
        return json.loads(json.dumps(value).replace("{port}", port))

    with RawServer(lambda _body, _number: each.sent) as server:
        extra = {
            "region_name": "us-east-1",
            "endpoint_url": server.endpoint_url,
            "config_kwargs": {"retries": {"total_max_attempts": 1}, "connect_timeout": 2},
        }
        connection: dict[str, Any] = {"conn_type": "aws", "extra": extra | filled(each.extra)}
        if each.key is not None:
            connection["login"], connection["password"] = each.key
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
        for name, value in filled(each.environment).items():
            monkeypatch.setenv(name, value)
        yield server


def sensor(**arguments: Any) -> ClusterJobsSensor:
    return ClusterJobsSensor(**{"task_id": "wait", "cluster_id": CLUSTER, "aws_conn_id": CONN_ID} | arguments)


class TestCalls:
    @planted(lambda each: not each.is_raw)
    def test_hook(self, where: RawServer, told: Told) -> None:
        try:
            hook = SnowballHook(aws_conn_id=CONN_ID)
            told.say(hook)
            told.say(hook.list_cluster_jobs(CLUSTER))
        except Exception as error:
            told.say_error(error)
        told.check()

    @planted(lambda _each: True)
    def test_call_of_a_wait(self, where: RawServer, told: Told) -> None:
        try:
            told.say(make_call(SnowballHook(aws_conn_id=CONN_ID), ListClusterJobs(CLUSTER)))
        except RequestError as error:
            told.say_error(error)
        told.check()

    @planted(lambda each: each.everywhere)
    def test_sensor(self, where: RawServer, told: Told) -> None:
        """In poke mode until it ends, and until it is deferred."""
        for arguments in ({"mode": "poke", "deferrable": False, "timeout": 0.05}, {"deferrable": True}):
            try:
                told.say(sensor(**arguments, poke_interval=0).execute({}))
            except BaseException as error:
                told.say_error(error)
                if (trigger := getattr(error, "trigger", None)) is not None:
                    told.say(trigger, trigger.serialize(), vars(trigger))
        told.check()

    @planted(lambda each: each.everywhere)
    def test_operator(self, where: RawServer, told: Told) -> None:
        operator = ListClusterJobsOperator(task_id="list", cluster_id=CLUSTER, aws_conn_id=CONN_ID)
        try:
            told.say(operator.execute({}))
        except Exception as error:
            told.say_error(error)
        told.check()

    @planted(lambda each: each.everywhere)
    def test_the_form(self, where: RawServer, told: Told) -> None:
        told.say(SnowballHook(aws_conn_id=CONN_ID).test_connection())
        told.check()

    @planted(lambda each: each.everywhere)
    def test_trigger(self, where: RawServer, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(triggers, "_PATIENCE", timedelta(seconds=0.001))
        trigger = ClusterJobsTrigger(
            cluster_id=CLUSTER, aws_conn_id=CONN_ID, poke_interval=0.0, timeout=0.3, outage_timeout=0.001
        )
        told.say(trigger, trigger.serialize())

        async def run() -> list[Any]:
            return [event.payload async for event in trigger.run()]

        [event] = asyncio.run(run())
        assert event["status"] == "failed"
        told.say(event)
        told.check()

    @pytest.mark.parametrize("name", ["token, line break", "endpoint, password", "proxy, password"])
    def test_what_is_raised_tells_enough(
        self, name: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
    ) -> None:
        """A secret is left out, not all that there is to say."""
        port = closed_port()
        [each] = [each for each in PLANTED if each.name == name]
        extra = {"region_name": "us-east-1", "config_kwargs": {"retries": {"total_max_attempts": 1}}}
        connection = {"conn_type": "aws", "login": "AKIA", "password": "x", "extra": extra | each.extra}
        text = json.dumps(connection).replace("{port}", str(port))
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", text)
        with pytest.raises(RequestError) as caught:
            make_call(SnowballHook(aws_conn_id=CONN_ID), ListClusterJobs(CLUSTER))
        assert any(word in str(caught.value) for word in (CONN_ID, str(port)))


@dataclass(frozen=True)
class Link:
    """
    What a presigned link meets.

    :param link: where it leads to, ``{server}`` for an endpoint that answers ``sent``.
    """

    name: str
    sent: bytes = b""
    link: str = f"{{server}}/log?X-Amz-Signature={SIGNATURE}&X-Amz-Security-Token={SECRET}"


LINKS = [
    Link("403", answer("<Error/>", "403 Forbidden")),
    Link("404", answer("", "404 Not Found")),
    Link("signature in the reason", answer("", f"403 No {SIGNATURE}")),
    Link("its own address in the reason", answer("", f"400 Bad X-Amz-Signature={SIGNATURE}&x=1")),
    Link("torn", answer("a line\nand ha", length=500)),
    Link("no HTTP", b"no HTTP\r\n"),
    Link("an echo for the first line", f"echo X-Amz-Signature={SIGNATURE}\r\n\r\n".encode()),
    Link("nothing", b""),
    Link("a redirect to FTP", answer("", "302 Found", Location=f"ftp://127.0.0.1/{SIGNATURE}")),
    Link("a redirect to a file", answer("", "302 Found", Location=f"file:///{SIGNATURE}")),
    Link("a redirect to what is none", answer("", "302 Found", Location=f"http://a b/{SIGNATURE}")),
    Link("a redirect for ever", answer("", "302 Found", Location=f"/log?X-Amz-Signature={SIGNATURE}")),
    Link("a redirect elsewhere", answer("", "302 Found", Location=f"http://127.0.0.1:1/{SIGNATURE}")),
    Link("refused", link=f"http://127.0.0.1:1/log?X-Amz-Signature={SIGNATURE}"),
    Link("no host", link=f"http:///log?X-Amz-Signature={SIGNATURE}"),
    Link("a space", link=f"{{server}}/a log?X-Amz-Signature={SIGNATURE}"),
    Link("a line break", link=f"{{server}}/log\n?X-Amz-Signature={SIGNATURE}"),
    Link("a password", link=f"http://user:{SECRET}@127.0.0.1:1/log"),
    Link("a port that is none", link=f"http://127.0.0.1:{SECRET}/log"),
    Link("brackets", link=f"http://[{SECRET}/log"),
    Link("FTP", link=f"ftp://127.0.0.1/{SIGNATURE}"),
    Link("a file", link=f"file:///{SIGNATURE}"),
    Link("no address", link=SIGNATURE),
    Link("umlauts", link=f"{{server}}/l\u00f6g?X-Amz-Signature={SIGNATURE}"),
]


def leads_to(case: Link, server: RawServer) -> Callable[[dict[str, Any], int], bytes]:
    """Return what describes a job with a link of the case, and answers whoever follows it."""
    link = case.link.replace("{server}", server.endpoint_url)
    links = {"JobSuccessLogURI": link, "JobCompletionReportURI": link}
    described = answer({"JobMetadata": job(1, "Complete") | {"JobLogInfo": links}})
    return lambda body, _number: described if "JobId" in body else case.sent


@pytest.fixture(scope="module")
def reader() -> Iterator[tuple[SnowballHook, RawServer]]:
    """Return one hook for all links, and its server."""
    with RawServer(lambda _body, _number: LISTING) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_ONE_READER", server.connection())
        yield SnowballHook(aws_conn_id="one_reader"), server


@pytest.mark.parametrize(
    "case",
    [pytest.param(each, id=each.name) for each in LINKS],
)
@pytest.mark.parametrize("what", ["log", "report"])
class TestLinks:
    def test_one_clear_error_without_it(
        self, reader: tuple[SnowballHook, RawServer], case: Link, what: str, told: Told
    ) -> None:
        hook, server = reader
        server.answer_to = leads_to(case, server)
        with pytest.raises(SnowballFileError) as caught:
            list(hook.iter_job_log(job_id(1), "success")) if what == "log" else hook.job_report(job_id(1))
        assert job_id(1) in str(caught.value)
        told.say_error(caught.value)
        told.check()


def test_a_description_has_no_links(monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    described = {
        "JobMetadata": job(1, "Complete") | {"JobLogInfo": {"JobSuccessLogURI": SIGNED}},
        "SubJobMetadata": [job(2, "Complete") | {"JobLogInfo": {"JobFailureLogURI": SIGNED}}],
    }
    with RawServer(lambda _body, _number: answer(described)) as server:
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", server.connection())
        told.say(SnowballHook(aws_conn_id=CONN_ID).describe_job(job_id(1)))
    told.check()


def test_it_would_be_found(told: Told) -> None:
    """Or all of the above would pass for nothing."""
    for say in (
        lambda: sensor().log.info("as %s", SECRET),
        lambda: SnowballHook().log.warning(SECRET),
        lambda: logging.getLogger("airflow_provider_snowball.triggers").info(SECRET),
        lambda: print(SECRET),
    ):
        say()
        with pytest.raises(AssertionError, match=SECRET):
            told.check()
        told.forget()
    for error in (SnowballError(SECRET), ValueError("chained")):
        with suppress(AssertionError):
            error.__context__ = SnowballError(SECRET)
            told.say_error(error)
            told.check()
            pytest.fail(f"{SECRET} was not found")
